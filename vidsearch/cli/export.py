"""`vidsearch export` and `import`: captions and vectors taken elsewhere, and subtitles brought in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidsearch.cli import console, options
from vidsearch.outputs import is_stdout
from vidsearch.text import counted

FORMAT_HELP = (
    "Format: txt, srt, vtt, chapters, json, jsonl, csv, parquet, npy, html or frames. "
    "[default: from --output's suffix]"
)
"""Written out, as importing the formats takes a tenth of a second that `--help` need not wait for."""

TRACK_HELP = (
    "One track in place of all captions: its number, or caption, subtitle, transcript, ocr, chapter, sound. "
    "Takes txt, srt, vtt, json and csv."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)
    group = typer.Typer(no_args_is_help=True, help="Import subtitles.")
    group.callback()(lambda: None)
    group.command("captions")(import_captions)
    app.add_typer(group, name="import")


def export(
    video: Annotated[str, typer.Argument(help=options.SEVERAL_VIDEOS)],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="File to write, or a folder for one file per video; - for stdout."
        ),
    ],
    format_name: Annotated[
        str | None,
        typer.Option("--format", "-f", help=FORMAT_HELP),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(help=TRACK_HELP),
    ] = None,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors", help="With parquet, include the frames' vectors. (npy holds vectors only.)"
        ),
    ] = False,
    overwrite: options.Overwrite = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Export captions or another track, to one file or one per video.

    Examples:

    - `vidsearch export holiday.mp4 --output holiday.srt`

    - `vidsearch export all --format vtt --output subtitles/`

    - `vidsearch export all --format jsonl --output -`

    - `vidsearch export talk.mp4 --track subtitle --output talk.vtt`

    - `vidsearch export all --vectors --output frames.parquet`
    """
    from vidsearch import Library

    if vectors and track is not None:
        raise typer.BadParameter(
            "--vectors does not go with --track: a track has no vectors.", param_hint="--vectors"
        )
    with Library.open(library) as opened:
        if is_stdout(output):
            console.write_data(opened.render(video, format_name or "txt", track=track, vectors=vectors))
            return
        written = opened.export(video, format_name, output, track=track, vectors=vectors, overwrite=overwrite)
    if as_json:
        console.say_json({"files": [str(path) for path in written]})
        return
    for path in written[:5]:
        console.note(f"Wrote {console.shown_path(path)}")
    if len(written) > 5:
        console.note(f"... and {len(written) - 5} more files")


def import_captions(
    file: Annotated[Path, typer.Argument(help="A subtitle file: srt, vtt, sbv, ssa, ass or ttml.")],
    video: Annotated[str, typer.Argument(help=options.ONE_VIDEO)],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the track; replaces a track of the same name. [default: the file's name]"),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="Text encoding of the file: cp1251, gb18030, shift_jis ... [default: detected]"),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Add a subtitle file to a video, as a track of its own.

    Every cue of the file is kept, mended and kept, or left out; the command says how many, and why.

    Examples:

    - `vidsearch import captions holiday.en.srt holiday.mp4`

    - `vidsearch import captions old.srt holiday.mp4 --encoding cp1251 --json`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        found = opened.video(video)
        read = opened.import_subtitles(file, found, name=name, encoding=encoding)
    if read.is_encoding_guessed:
        console.warn(
            f"{file} does not declare its text encoding. It was read as {read.encoding}, a guess: if "
            "the words look wrong, import it again with --encoding."
        )
    if as_json:
        from vidsearch.service.report_schemas import SubtitlesSchema

        console.say_json(SubtitlesSchema.of(read, found, name or file.stem))
        return
    mended = f", {read.num_mended:,} of them mended" if read.num_mended else ""
    num_kept = len(read.cues)
    console.note(f"Added {counted(num_kept, 'line')} to {found.path.name}{mended}.")
    if read.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in read.left_out.items())
        console.note(f"Left out {sum(read.left_out.values()):,} of {read.num_found:,} cues: {reasons}.")
