"""What the line says of a run that is under way."""

from __future__ import annotations

import pytest

from vidsearch.cli.progress import fields
from vidsearch.ingest.report import ProgressState, WorkerShare


def state(*workers: WorkerShare, awaits_workers: bool = False) -> ProgressState:
    return ProgressState(
        files_done=1,
        files_total=4,
        current=None,
        num_frames=90,
        seconds_done=60.0,
        seconds_total=240.0,
        frames_per_second=30.4,
        times_real_time=12.0,
        eta_seconds=None,
        awaits_workers=awaits_workers,
        workers=workers,
    )


@pytest.mark.parametrize(
    ("workers", "rate"),
    [
        ((), "30 frames/s, 12.0x real time"),
        (
            (WorkerShare("one #1", 60, 20.2), WorkerShare("two[b] #2", 30, 10.1)),
            "30 frames/s (one #1 20, two\\[b] #2 10), 12.0x real time",
        ),
        (
            tuple(WorkerShare(f"one #{number}", 10, 10.0 * number) for number in (1, 2, 0, 3)),
            "30 frames/s (4 workers: 0 to 30 each), 12.0x real time",
        ),
    ],
)
def test_each_worker_is_shown_with_its_rate_and_of_many_the_span(workers, rate):
    assert fields(state(*workers))["rate"] == rate


def test_workers_that_are_still_starting_are_waited_for():
    """Loading their models takes them longer than all that comes before."""
    assert fields(state(awaits_workers=True))["name"] == "waiting for the first worker"
