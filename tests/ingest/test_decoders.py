from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.states import threads_at_work
from vidsearch.errors import DamagedVideo, DecodeTimeout, LibraryNotWritable, MediaError
from vidsearch.ingest.decoders import Decoders
from vidsearch.ingest.work import Picture, PicturesEnd, VideoJob
from vidsearch.types import SamplingPlan

KEYS = itertools.count()


def job_of(path: Path) -> VideoJob:
    return VideoJob(key=next(KEYS), path=path, plan=SamplingPlan(), frames_track_id=1)


def picture_of(job: VideoJob, index: int, *, num_bytes: int = 3) -> Picture:
    image = np.zeros((1, num_bytes // 3, 3), dtype=np.uint8)
    return Picture(job, index, float(index), float(index), b"", image)


def three_pictures(job: VideoJob) -> Iterator[Picture]:
    yield from (picture_of(job, index) for index in range(3))


def drain(decoders: Decoders) -> list[Picture | PicturesEnd]:
    items = []
    while not decoders.is_finished:
        item = decoders.get(0.05)
        if item is not None:
            items.append(item)
    return items


def test_files_may_come_one_by_one():
    """Whoever waits for the next file keeps nobody from taking the pictures of the last one."""
    todo: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
    decoders = Decoders(iter(todo.get, None), job_of, three_pictures, num_workers=2, max_waiting=4)
    for name in ("a", "b"):
        todo.put(Path(name))
        items = [decoders.get(10) for _ in range(4)]
        assert isinstance(items[-1], PicturesEnd)
        assert items[-1].path == Path(name)
        assert decoders.get(0.01) is None
        assert not decoders.is_finished
    todo.put(None)
    assert drain(decoders) == []
    decoders.close()


def test_every_file_gives_its_pictures_in_order_and_one_end():
    paths = [Path(f"{number}.mp4") for number in range(8)]
    decoders = Decoders(paths, job_of, three_pictures, num_workers=4, max_waiting=4)
    items = drain(decoders)
    for path in paths:
        mine = [item for item in items if (item.job.path if item.job else None) == path]
        assert [item.frame_index for item in mine if isinstance(item, Picture)] == [0, 1, 2]
        assert isinstance(mine[-1], PicturesEnd)
        assert mine[-1].error is None
    assert len(items) == 8 * 4


def test_a_file_that_is_no_work_gives_nothing():
    decoders = Decoders([Path("a")], lambda path: None, three_pictures, num_workers=1, max_waiting=4)
    assert drain(decoders) == []


def test_errors_end_their_file_alone_after_its_pictures():
    def breaks_off(job):
        yield picture_of(job, 0)
        if job.path.name == "bad":
            raise DamagedVideo("breaks off at 0:01")
        if job.path.name == "odd":
            raise ZeroDivisionError("a bug")

    decoders = Decoders(
        [Path("bad"), Path("odd"), Path("good")], job_of, breaks_off, num_workers=1, max_waiting=4
    )
    items = drain(decoders)
    ends = {item.path.name: item.error for item in items if isinstance(item, PicturesEnd)}
    assert [isinstance(item, Picture) for item in items] == [True, False] * 3
    assert isinstance(ends["bad"], DamagedVideo)
    assert str(ends["odd"]) == "odd: ZeroDivisionError: a bug"
    assert isinstance(ends["odd"], MediaError)
    assert ends["good"] is None


def test_a_library_that_cannot_be_written_ends_it_all():
    def cannot(path):
        raise LibraryNotWritable("the disk is full")

    decoders = Decoders([Path("a"), Path("b")], cannot, three_pictures, num_workers=2, max_waiting=4)
    with pytest.raises(LibraryNotWritable, match="the disk is full"):
        drain(decoders)
    decoders.close()


@pytest.mark.parametrize(("max_waiting", "max_bytes"), [(5, 10**9), (10**9, 5 * 300)])
def test_what_waits_is_bounded_in_number_and_in_bytes(max_waiting, max_bytes):
    made = []

    def endless(job):
        for index in itertools.count():
            made.append(index)
            yield picture_of(job, index, num_bytes=300)

    decoders = Decoders(
        [Path("a")], job_of, endless, num_workers=1, max_waiting=max_waiting, max_waiting_bytes=max_bytes
    )
    for _ in range(20):
        assert decoders.get(5) is not None
        # Five wait, and one is in the decoder's hand.
        assert len(made) <= 20 + 6
    # What was taken makes room: as many wait again.
    end = time.monotonic() + 10
    while len(made) < 20 + 6 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(made) == 20 + 6
    decoders.close()
    assert threads_at_work() == []


def test_a_picture_larger_than_the_bound_goes_through_alone():
    decoders = Decoders(
        [Path("a")], job_of, three_pictures, num_workers=1, max_waiting=4, max_waiting_bytes=1
    )
    assert len(drain(decoders)) == 4


def test_a_decoder_that_hangs_is_given_up_and_the_rest_goes_on():
    let_go = threading.Event()

    def hangs(job):
        yield picture_of(job, 0)
        if job.path.name == "hangs":
            let_go.wait()
        yield picture_of(job, 1)

    decoders = Decoders(
        [Path("hangs"), Path("b"), Path("c")],
        job_of,
        hangs,
        num_workers=1,
        max_waiting=4,
        timeout_seconds=0.3,
    )
    items = drain(decoders)
    let_go.set()
    ends = {item.path.name: item.error for item in items if isinstance(item, PicturesEnd)}
    assert isinstance(ends["hangs"], DecodeTimeout)
    assert "no progress within 0.3 s" in str(ends["hangs"])
    assert (ends["b"], ends["c"]) == (None, None)
    assert sum(isinstance(item, Picture) for item in items) == 5  # none of what it gave when it came back


def test_waiting_for_the_models_does_not_count_as_hanging():
    decoders = Decoders(
        [Path("a")], job_of, three_pictures, num_workers=1, max_waiting=1, timeout_seconds=0.2
    )
    threading.Event().wait(0.5)
    items = drain(decoders)
    *pictures, end = items
    assert len(pictures) == 3
    assert isinstance(end, PicturesEnd)
    assert end.error is None


def test_closing_stops_threads_that_wait_for_room():
    decoders = Decoders([Path("a"), Path("b")], job_of, three_pictures, num_workers=2, max_waiting=1)
    assert decoders.get(5) is not None
    decoders.close()
    assert threads_at_work() == []
