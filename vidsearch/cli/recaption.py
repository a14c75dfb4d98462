"""`vidsearch recaption`: new captions for videos of a library, of frames, chapters or whole videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vidsearch.cli import console, options
from vidsearch.text import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(recaption)


def recaption(
    video: Annotated[str, typer.Argument(help=options.SEVERAL_VIDEOS)],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    models: Annotated[
        str | None, options.model_option(help="Captioner to use. [default: the library's own]")
    ] = None,
    captioner: Annotated[
        str | None, options.model_option(help="Another name for --models; for chapters and videos: smolvlm.")
    ] = None,
    caption_level: Annotated[
        Literal["frame", "chapter", "video"],
        options.model_option(
            help="What each caption describes. chapter and video need a model that reads several frames at "
            "once, such as smolvlm."
        ),
    ] = "frame",
    length: Annotated[
        int | None,
        options.model_option(
            metavar="WORDS",
            min=1,
            help="Approximate length of chapter and video captions. [default: 25 and 40]",
        ),
    ] = None,
    language: Annotated[
        str | None,
        options.model_option(
            help="Language of chapter and video captions, such as German. [default: English]"
        ),
    ] = None,
    num_beams: options.NumBeams = None,
    prompt: Annotated[
        str | None,
        options.model_option(
            help="Start every caption with these words; for chapters and videos, the request to the model."
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write captions again, with another model or prompt.

    The old captions are kept as versions, and corrections stay.

    Examples:

    - `vidsearch recaption holiday.mp4 --models blip-large`

    - `vidsearch recaption all --prompt "a photo of"`

    - `vidsearch recaption all --captioner smolvlm --caption-level chapter --language German`
    """
    if caption_level != "frame":
        _describe_parts(
            library,
            video,
            caption_level,
            captioner or models or "smolvlm",
            prompt=prompt,
            num_words=length,
            language=language,
            device=device,
            precision=precision,
            as_json=as_json,
            quiet=quiet,
        )
        return
    if length is not None or language is not None:
        raise typer.BadParameter("--length and --language need --caption-level chapter or video.")
    from vidsearch import Library
    from vidsearch.cli import progress
    from vidsearch.cli.index import print_failures, report_schema

    with Library.open(library) as opened, progress.shown(quiet=quiet) as on_progress:
        report = opened.recaption(
            video,
            models=captioner or models,
            num_beams=num_beams,
            prompt=prompt,
            device=device,
            precision=precision,
            batch_size=batch_size,
            on_progress=on_progress,
        )
    if as_json:
        console.say_json(report_schema(report, None))
    else:
        counts = report.counts
        console.say(
            f"{counted(report.num_indexed, 'video')}: {counts.num_captions_written:,} captions written, "
            f"{counts.num_captions_carried_over:,} carried over"
        )
        print_failures(report)
    if report.interrupted:
        console.note("Stopped. The old captions stay until a video has all of its new ones.")
        raise typer.Exit(console.EXIT_INTERRUPTED)
    if report.failures and not report.num_indexed:
        raise typer.Exit(console.EXIT_FAILED)


def _describe_parts(
    library: Path,
    video: str,
    level: Literal["chapter", "video"],
    captioner: str,
    *,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    from vidsearch import Library
    from vidsearch.cli import progress

    with Library.open(library) as opened, progress.shown(quiet=quiet) as on_progress:
        report = opened.describe(video, captioner=captioner, level=level, on_progress=on_progress, **settings)
    if as_json:
        from vidsearch.service.report_schemas import PartsReportSchema

        console.say_json(PartsReportSchema.of(report))
    else:
        videos, captions = counted(report.num_described, "video"), counted(report.num_parts, "caption")
        console.say(f"{videos}: {captions} written")
        if report.num_skipped:
            console.say(f"  {report.num_skipped:,} skipped: already described this way")
        for path, reason in report.failures:
            console.say(f"  {console.shown_path(path)}: {reason}", colour="red")
    if report.interrupted:
        console.note("Stopped. Videos that were described are kept; run the same command again to go on.")
        raise typer.Exit(console.EXIT_INTERRUPTED)
    if report.failures and not report.num_described:
        raise typer.Exit(console.EXIT_FAILED)
