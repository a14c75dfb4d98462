"""`vidsearch clip` and `explain`: a moment taken out of its video, and why it matched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options, pictures
from vidsearch.errors import LibraryError, QueryError
from vidsearch.outputs import OutputRule
from vidsearch.paths import given_path, is_elsewhere, is_file
from vidsearch.search.query import FrameReference
from vidsearch.times import format_moment, parse_time

if TYPE_CHECKING:
    from vidsearch.types import LibraryModels

CONTEXT_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(clip)
    app.command()(explain)


def clip(
    moment: Annotated[
        str, typer.Argument(metavar="VIDEO@A-B", help="A span of a video, or a frame number from a search.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .mp4, .mkv, .mov or .webm.")],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact/--fast", help="Cut exactly at the frame, or quickly at the key frame before it."
        ),
    ] = True,
    reencode: Annotated[
        bool, typer.Option("--reencode", help="Always re-encode, for players without the codec.")
    ] = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Cut a moment out of its video, with sound.

    VIDEO is a file, or a video of the library. A frame's number stands for two seconds to each side of it.

    Examples:

    - `vidsearch clip holiday.mp4@1:02-1:15 --output door.mp4`

    - `vidsearch clip 231 --output hit.mp4`
    """
    from vidsearch.media.clip import cut_clip

    path, start, end = _span(moment, library)
    done = cut_clip(
        path,
        output,
        start_seconds=start,
        end_seconds=end,
        exact=exact,
        reencode=reencode,
        rule=_rule(library, path, overwrite=overwrite),
    )
    if as_json:
        console.say_json(
            {
                "path": str(output),
                "source": str(path),
                "start_seconds": done.start_seconds,
                "end_seconds": done.end_seconds,
                "is_copy": done.is_copy,
            }
        )
        return
    how = "copied" if done.is_copy else "re-encoded"
    console.note(
        f"Wrote {console.shown_path(output)}: "
        f"{format_moment(done.start_seconds)} to {format_moment(done.end_seconds)}, {how}"
    )


def explain(
    text: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    moment: Annotated[
        str, typer.Argument(metavar="VIDEO@TIME", help="A video, as a file or from the library, and a time.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write: the heat map (.png) or its numbers (.json). [default: heat.png, "
            "where the terminal cannot show it]",
        ),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    models: Annotated[
        str | None,
        options.model_option(help="Embedder to explain. [default: the library's first, else mini]"),
    ] = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Show which parts of a frame match a query, as a heat map.

    Draws into the terminal if it can show pictures.

    Examples:

    - `vidsearch explain "a cat" cat.mp4@6.0 --output heat.png`

    - `vidsearch explain "a red car" parking.mp4@1:02 --output heat.json --models clip`
    """
    from vidsearch.cli import heatmaps
    from vidsearch.service.explaining import explain_moment
    from vidsearch.service.models import load_explainer

    reference = FrameReference.parse(moment)
    path, found = _video_file(reference.video, library)
    rule = _rule(library, path, overwrite=overwrite)
    if output is not None:
        heatmaps.check(output, rule)
    name = models or (found.embedders[0] if found else "mini")
    explanation = explain_moment(
        text, path, reference.time_seconds, lambda: load_explainer(name, device=device)
    )
    relevance = explanation.relevance
    if as_json:
        from vidsearch.service.schemas import RelevanceSchema

        console.say_json(RelevanceSchema.of(relevance))
    is_shown = not as_json and pictures.show_image(explanation.png())
    if output is None and not (is_shown or as_json):
        output = Path("heat.png")
    if output is not None:
        heatmaps.write(output, explanation.image, relevance, rule)
        console.note(
            f"Wrote {console.shown_path(output)}: score {relevance.score:.3f}, by {relevance.method}"
        )


def _rule(library: Path, video: Path, *, overwrite: bool) -> OutputRule:
    """What may be written: not the video, and nothing of the library where there is one."""
    from vidsearch import Library

    try:
        with Library.open(library) as opened:
            return OutputRule.for_library(opened.store, overwrite=overwrite, inputs=[video])
    except LibraryError:
        return OutputRule(overwrite, inputs=(video,))


def _video_file(video: str, library: Path) -> tuple[Path, LibraryModels | None]:
    """A video's file, and the models of the library that it was looked up in."""
    path = given_path(video)
    if not is_elsewhere(path) and is_file(path):
        return path, None
    try:
        return _in_library(video, library)
    except LibraryError:
        if is_elsewhere(path):
            return path, None  # it need not be in the library
        raise


def _in_library(video: str, library: Path) -> tuple[Path, LibraryModels | None]:
    from vidsearch import Library
    from vidsearch.store.fingerprint import path_of

    with Library.open(library) as opened:
        return path_of(opened.video(video)), opened.store.models


def _span(moment: str, library: Path) -> tuple[Path, float, float]:
    """The file and the span [start, end) that a moment names."""
    from vidsearch import Library
    from vidsearch.store.fingerprint import path_of

    if moment.isdecimal():
        with Library.open(library) as opened:
            frame = opened.frame(moment)
            video_path = path_of(opened.video(frame.video_id))
            return (
                video_path,
                max(0.0, frame.time_seconds - CONTEXT_SECONDS),
                frame.time_seconds + CONTEXT_SECONDS,
            )
    video, at, span = moment.rpartition("@")
    start, dash, end = span.partition("-")
    if not (at and dash):
        raise QueryError(f"{moment!r} is not a span. Write VIDEO@START-END, as in holiday.mp4@1:02-1:15.")
    seconds = parse_time(start), parse_time(end)
    return _video_file(video, library)[0], *seconds
