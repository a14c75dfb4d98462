from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.fakes import ColourEmbedder
from tests.ingest.clips import colour_clip
from vidsearch.errors import LibraryNotWritable, MediaError, VidsearchError
from vidsearch.ingest import IngestReport, ingest
from vidsearch.ingest.watch import Retries, Settling, watch
from vidsearch.store.store import Store

LONG = 60.0
"""More seconds than anything here takes."""


def test_a_file_is_ready_when_it_has_stopped_growing(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"1")
    settling = Settling(settle_seconds=2)
    settling.note(file, now=0)
    assert settling.take_ready(now=1) == []
    file.write_bytes(b"12")  # it grew, and nobody said so
    assert settling.take_ready(now=2.5) == []
    assert settling.take_ready(now=4) == []
    assert settling.take_ready(now=4.5) == [file]
    assert settling.take_ready(now=9) == []


def test_a_file_that_was_there_before_is_ready_at_once(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"1")
    settling = Settling(settle_seconds=2)
    settling.note(file, now=0, is_old=True)
    assert settling.take_ready(now=0) == [file]


def test_a_file_that_went_away_is_forgotten(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"1")
    settling = Settling(settle_seconds=2)
    settling.note(file, now=0)
    file.unlink()
    assert settling.take_ready(now=9) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="not a folder that can be watched"):
        watch([tmp_path / "nowhere"], lambda paths: NotImplemented, on_report=print, on_error=print)


class Watching:
    """A watch in a thread of its own; `answers` gets its reports and errors."""

    def __init__(
        self,
        folder: Path,
        index: Callable[[Sequence[Path]], IngestReport],
        *,
        retry_seconds: float = LONG,
    ) -> None:
        self.answers: queue.Queue[IngestReport | VidsearchError] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=watch,
            args=([folder], index),
            kwargs={
                "on_report": self.answers.put,
                "on_error": self.answers.put,
                "stop": self._stop,
                "settle_seconds": 0.5,
                "retry_seconds": retry_seconds,
            },
        )
        self._thread.start()

    def report(self) -> IngestReport:
        answer = self.answers.get(timeout=LONG)
        assert isinstance(answer, IngestReport)
        return answer

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(LONG)
        assert not self._thread.is_alive()


def test_what_is_there_and_what_comes_is_indexed_once_it_is_whole(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    colour_clip(folder / "there.mp4", ["red"])
    later = colour_clip(tmp_path / "later.mp4", ["green", "blue"])
    moved = tmp_path / "moved"
    moved.mkdir()
    colour_clip(moved / "inside.mp4", ["yellow"])
    calls = 0

    with Store.open(tmp_path / "library", create=True) as library:

        def index(paths: Sequence[Path]) -> IngestReport:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise LibraryNotWritable("the disk is full")
            return ingest(library, paths, embedders=[ColourEmbedder()])

        watching = Watching(folder, index)
        try:
            assert watching.report().num_indexed == 1

            content = later.read_bytes()
            with (folder / "grows.mp4").open("wb") as file:
                for start in range(0, len(content), len(content) // 4):
                    file.write(content[start : start + len(content) // 4])
                    file.flush()
                    time.sleep(0.1)
            report = watching.report()
            assert (report.num_indexed, report.failures) == (1, ())

            # A folder that comes as a whole, while the disk is full, and then the next video.
            moved.rename(folder / "moved")
            assert isinstance(watching.answers.get(timeout=LONG), LibraryNotWritable)
            colour_clip(folder / "last.mp4", ["white", "red"])
            assert watching.report().num_indexed == 2
        finally:
            watching.stop()
        names = {video.path.name for video in library.videos()}
        assert names == {"there.mp4", "grows.mp4", "inside.mp4", "last.mp4"}


def test_what_failed_is_tried_again_though_nothing_else_comes(tmp_path):
    """A full disk, a network folder that goes away: the files were left until another one changed."""
    folder = tmp_path / "videos"
    folder.mkdir()
    colour_clip(folder / "there.mp4", ["red"])
    (folder / "words.mp4").write_text("no video")
    calls: list[list[str]] = []

    with Store.open(tmp_path / "library", create=True) as library:

        def index(paths: Sequence[Path]) -> IngestReport:
            calls.append(sorted(path.name for path in paths))
            if len(calls) == 1:
                raise LibraryNotWritable("the disk is full")
            return ingest(library, paths, embedders=[ColourEmbedder()])

        watching = Watching(folder, index, retry_seconds=0.2)
        try:
            assert isinstance(watching.answers.get(timeout=LONG), LibraryNotWritable)
            report = watching.report()
        finally:
            watching.stop()
    assert (report.num_indexed, [failure.path.name for failure in report.failures]) == (1, ["words.mp4"])
    assert calls[:2] == [["there.mp4", "words.mp4"]] * 2


def test_a_wait_grows_until_a_run_succeeds():
    retries = Retries(first_seconds=10)
    path = Path("a.mp4")

    retries.note([path], now=100)
    assert retries.take_due(now=109, also=False) == []
    assert retries.take_due(now=110, also=False) == [path]
    retries.note([path], now=110)
    assert retries.take_due(now=129, also=False) == []
    assert retries.take_due(now=129, also=True) == [path]
    retries.note([], now=129)
    assert retries.take_due(now=1000, also=True) == []
    retries.note([path], now=1000)
    assert retries.take_due(now=1010, also=False) == [path]
