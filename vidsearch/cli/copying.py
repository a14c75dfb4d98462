"""`vidsearch copy`: a library into another place, a folder or a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options
from vidsearch.text import counted

if TYPE_CHECKING:
    from vidsearch.store.copying import CopyProgress


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(copy)


def copy(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FROM", parser=options.library_path, help="The library to copy.", show_default=False
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TO",
            parser=options.library_path,
            help="Where to copy it: a new folder, or postgresql://HOST/DATABASE.",
            show_default=False,
        ),
    ],
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Copy a library to a folder or a server, and compare both.

    A copy that was stopped goes on when the command is given again. The video files stay where they are.

    Examples:

    - `vidsearch copy index postgresql://host/videos`

    - `vidsearch copy postgresql://host/videos ~/library`
    """
    from vidsearch import Library

    with Library.open(source) as opened, _shown(quiet=quiet) as on_progress:
        report = opened.copy_to(target, on_progress=on_progress)
    if as_json:
        from vidsearch.service.report_schemas import CopySchema

        console.say_json(CopySchema.of(report))
        return
    there = report.num_rows - report.num_rows_copied
    known = f", {there:,} of them by an earlier run" if there else ""
    console.note(
        f"Copied {counted(report.num_videos, 'video')} ({report.num_rows:,} rows{known}). "
        f"Both libraries hold the same: digest {report.digest}."
    )


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Callable[[CopyProgress], None] | None]:
    """Yields what to call with each step, or None where nothing is to be drawn."""
    if quiet or not console.is_interactive():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("copying", total=None)

        def update(progress: CopyProgress) -> None:
            bars.update(
                task,
                completed=progress.num_rows,
                total=progress.num_rows_total,
                description="comparing" if progress.is_comparing else "copying",
            )

        yield update
