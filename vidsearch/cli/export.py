"""`vidsearch export` and `import`: captions and vectors taken elsewhere, and subtitles brought in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vidsearch.captions.export.registry import Need

from vidsearch.cli import console, loading, options
from vidsearch.outputs import OutputRule, is_stdout

FORMAT_HELP = (
    "txt, srt, vtt, chapters, json, jsonl, csv, parquet, npy, html or frames. [default: by --output's name]"
)
"""Written out, as importing the formats takes a tenth of a second that `--help` need not wait for."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)
    group = typer.Typer(no_args_is_help=True, help="Bring in what you have.")
    group.callback()(lambda: None)
    group.command("captions")(import_captions)
    app.add_typer(group, name="import")


def export(
    video: Annotated[str, typer.Argument(help="Path, file name, a unique part of it, #id, or all.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write; a folder for a file per video; - for stdout."),
    ],
    format_name: Annotated[
        str | None,
        typer.Option("--format", "-f", help=FORMAT_HELP),
    ] = None,
    vectors: Annotated[
        bool,
        typer.Option("--vectors", help="With parquet: the frames' vectors too. (npy holds nothing else.)"),
    ] = False,
    overwrite: options.Overwrite = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
) -> None:
    """Write captions to a file, or a file per video.

    Examples:

    - `vidsearch export holiday.mp4 --output holiday.srt`

    - `vidsearch export all --format vtt --output subtitles/`

    - `vidsearch export all --format jsonl --output -`

    - `vidsearch export all --vectors --output frames.parquet`
    """
    from vidsearch.captions.describe import Describer, encoder_for
    from vidsearch.captions.export import export as write
    from vidsearch.captions.export import find_format, render
    from vidsearch.captions.export.registry import ALSO_VECTORS

    chosen = find_format(format_name or output.suffix.removeprefix(".") or "txt")
    with loading.open_library(library) as opened:
        videos = opened.videos() if video == "all" else [opened.video(video)]
        describer = Describer(opened, encoder=encoder_for(opened))
        needs: frozenset[Need] = chosen.needs | ALSO_VECTORS if vectors else chosen.needs
        documents = (describer.document(each, needs=needs) for each in videos)
        if is_stdout(output):
            console.write_data(render(documents, format_name=chosen.name))
            return
        rule = OutputRule.for_library(opened, overwrite=overwrite)
        written = write(documents, output, format_name=chosen.name, rule=rule)
    for path in written[:5]:
        console.note(f"Wrote {console.shown_path(path)}")
    if len(written) > 5:
        console.note(f"... and {len(written) - 5} more files")


def import_captions(
    file: Annotated[Path, typer.Argument(help="A .srt, .vtt, .ssa or .ass file.")],
    video: Annotated[str, typer.Argument(help="Path, file name, a unique part of it, or #id.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the track; one of the same name is replaced. [default: the file's]"),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
) -> None:
    """Add subtitles to a video, as a track of their own that search finds.

    Example: `vidsearch import captions holiday.en.srt holiday.mp4`
    """
    from vidsearch.captions.subtitles import read_subtitles

    cues = read_subtitles(file)
    with loading.open_library(library) as opened:
        found = opened.video(video)
        opened.set_subtitles(found.id, name or file.stem, cues)
    console.note(
        f"Added {len(cues):,} line{'s' if len(cues) != 1 else ''} to {console.printable(found.path.name)}."
    )
