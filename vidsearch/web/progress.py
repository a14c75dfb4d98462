"""How far an index run is, file by file, as the library says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidsearch.media.discover import find_videos
from vidsearch.paths import as_path, is_elsewhere

if TYPE_CHECKING:
    from vidsearch.web.jobs import Job
    from vidsearch.web.page_library import PageLibrary

_LEAST_SHARE = 0.03
"""How much of a run must be done before the time that is left is guessed."""
_ORDER = {"working": 0, "failed": 1, "waiting": 2, "done": 3}


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far a file is."""

    path: Path
    size_bytes: int
    state: Literal["waiting", "working", "done", "failed"]
    share_done: float
    """0 to 1."""
    why: str = ""
    """Why it failed."""

    @property
    def order(self) -> int:
        """What is worth seeing comes first: files at work, failures, files to come, finished ones."""
        return _ORDER[self.state]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is."""

    files: tuple[FileProgress, ...]
    seconds_left: float | None
    """A guess from the bytes that are done; None where it is too early for one."""

    @property
    def num_done(self) -> int:
        """Files that are finished, or failed."""
        return sum(file.state in ("done", "failed") for file in self.files)

    @property
    def share_done(self) -> float:
        """By bytes: 0 to 1."""
        whole = sum(file.size_bytes for file in self.files)
        return min(1.0, _done_bytes(self.files) / whole) if whole else 0.0


def run_progress(library: PageLibrary, job: Job) -> RunProgress:
    """Say how far each file of a run is."""
    videos = {path: video for video in library.videos() for path in video.paths}
    failures = {failure.path: failure.reason for failure in library.failures()}
    files = []
    for path, size_bytes in _files_of(job):
        video = videos.get(path)
        if video is not None and video.is_complete:
            files.append(FileProgress(path, size_bytes, "done", 1.0))
        elif path in failures:
            files.append(FileProgress(path, size_bytes, "failed", 0.0, failures[path]))
        elif video is not None:
            length = video.info.duration_seconds
            share = min(1.0, video.indexed_until_seconds / length) if length else 0.0
            files.append(FileProgress(path, size_bytes, "working", share))
        else:
            files.append(FileProgress(path, size_bytes, "waiting", 0.0))
    return RunProgress(tuple(files), _seconds_left(files, time.time() - job.created_at))


@lru_cache(maxsize=4)
def _files_of(job: Job) -> tuple[tuple[Path, int], ...]:
    """The files that a run looks at, with their sizes, as they were when it was first asked about."""
    found = []
    for path in find_videos([as_path(path) for path in job.paths]).videos:
        if is_elsewhere(path):
            found.append((path, 0))
            continue
        try:
            found.append((path.absolute(), path.stat().st_size))
        except OSError:
            continue
    return tuple(found)


def _done_bytes(files: list[FileProgress] | tuple[FileProgress, ...]) -> float:
    return sum(
        file.size_bytes if file.state == "failed" else file.size_bytes * file.share_done for file in files
    )


def _seconds_left(files: list[FileProgress], elapsed_seconds: float) -> float | None:
    whole, done = sum(file.size_bytes for file in files), _done_bytes(files)
    if whole == 0 or done / whole < _LEAST_SHARE:
        return None
    return elapsed_seconds * (whole - done) / done
