"""ProgressState of an index run, drawn on a terminal and silent elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vidsearch.cli import console
from vidsearch.times import format_duration

if TYPE_CHECKING:
    from vidsearch.ingest import ProgressState


_MOST_NAMED = 3
"""Workers that have room on the line."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[ProgressState], None] | None]:
    """Yields what to call with each ProgressState, or None where nothing is to be drawn."""
    if quiet or not console.is_interactive():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.fields[files]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[eta]}"),
        TextColumn("[dim]{task.fields[name]}", markup=True),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task("", total=None, files="looking for videos", rate="", eta="", name="")

        def update(state: ProgressState) -> None:
            bars.update(task, **fields(state))

        yield update


def fields(state: ProgressState) -> dict[str, Any]:
    """What the progress line says of a state."""
    from rich.markup import escape

    known = state.seconds_total is not None
    return {
        "completed": state.seconds_done if known else state.files_done,
        "total": state.seconds_total if known else state.files_total,
        "files": f"{state.files_done}/{state.files_total} files",
        "rate": f"{state.frames_per_second:.0f} frames/s{_by_worker(state)}, "
        f"{state.times_real_time:.1f}x real time",
        "eta": "" if state.eta_seconds is None else f"{format_duration(state.eta_seconds)} left",
        "name": escape(_in_work(state)),
    }


def _by_worker(state: ProgressState) -> str:
    """The rate of each worker elsewhere; of many, from the slowest to the fastest."""
    from rich.markup import escape

    rates = [f"{worker.frames_per_second:.0f}" for worker in state.workers]
    if len(rates) > _MOST_NAMED:
        slowest, *_, fastest = sorted(rates, key=int)
        return f" ({len(rates)} workers: {slowest} to {fastest} each)"
    named = [f"{worker.name} {rate}" for worker, rate in zip(state.workers, rates, strict=True)]
    return f" ({escape(console.printable(', '.join(named)))})" if named else ""


def _in_work(state: ProgressState) -> str:
    if state.num_lines:
        return f"embedding {state.num_lines:,} lines of text"
    if state.awaits_workers:
        return "waiting for the first worker"
    return "" if state.current is None else console.printable(state.current.name)
