"""What became of each file so far: from it come the progress and the report. Safe in any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.ingest.report import Counts, FileFailure, IngestReport, ProgressState

if TYPE_CHECKING:
    from vidsearch.errors import VidsearchError
    from vidsearch.ingest.work import VideoAdvanced, VideoJob


class Progress:
    """Counts files, frames and seconds of one run."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._sizes = {path: _size_bytes(path) for path in paths}
        self._left = dict(self._sizes)
        self._worked_bytes = 0.0
        self._opened: set[Path] = set()
        self._has_unknown_length = False
        self._seconds_total = 0.0
        self._seconds_done: dict[int, float] = {}
        self._fractions: dict[Path, float] = {}
        self._current: Path | None = None
        self._num_frames_advanced = 0
        self._num_indexed = 0
        self._num_resumed = 0
        self._num_skipped = 0
        self._num_skipped_as_other = 0
        self._num_left_to_others = 0
        self._num_replaced = 0
        self._failures: list[FileFailure] = []
        self._counts = Counts()
        self._warnings: dict[str, None] = {}

    def open(self, path: Path, *, seconds: float | None) -> None:
        """Count a video that is worked on, and the seconds of it that are to come, where known."""
        with self._lock:
            self._opened.add(path)
            if seconds is None:
                self._has_unknown_length = True
            else:
                self._seconds_total += seconds

    def advance(self, advanced: VideoAdvanced, *, seconds: float | None) -> None:
        """Count frames as they come out of a model."""
        job = advanced.job
        with self._lock:
            self._current = job.path
            self._num_frames_advanced += advanced.num_frames
            done = max(0.0, advanced.until_seconds - max(job.resume_from_seconds, job.plan.start_seconds))
            self._seconds_done[job.key] = done
            if seconds:
                self._fractions[job.path] = min(1.0, done / seconds)

    def commit(self, counts: Counts) -> None:
        """Count frames that are in the library now."""
        with self._lock:
            self._counts += counts

    def finish(self, job: VideoJob, *, seconds: float, was_begun_before: bool) -> None:
        """Count a video that is complete now, after `seconds` of it in this run."""
        with self._lock:
            self._seconds_done[job.key] = seconds
            self._num_indexed += 1
            self._num_resumed += was_begun_before
            self._close(job.path)

    def skip(self, path: Path, *, is_as_asked: bool = True) -> None:
        """Count a file whose content the library has, under the plan and with the models asked for or not."""
        with self._lock:
            self._num_skipped += 1
            self._num_skipped_as_other += not is_as_asked
            self._close(path)

    def replace(self, num_videos: int) -> None:
        """Count videos that left the library because their files hold something else now."""
        with self._lock:
            self._num_replaced += num_videos

    def leave_to_others(self, path: Path) -> None:
        """Count a file that another process works on."""
        with self._lock:
            self._num_left_to_others += 1
            self._close(path)

    def fail(
        self, path: Path, error: VidsearchError, *, seconds_kept: float = 0.0, was_indexed: bool = False
    ) -> None:
        """Count a file that failed; `was_indexed` where what decodes of it is kept as a video."""
        failure = FileFailure(
            path=path, reason=error.reason, error=type(error).__name__, seconds_kept=seconds_kept
        )
        with self._lock:
            self._failures.append(failure)
            if not was_indexed:
                self._close(path)

    def warn(self, message: str) -> None:
        """Keep a warning for the report, once however often it comes."""
        with self._lock:
            self._warnings[message] = None

    def pass_over(self, failure: FileFailure) -> None:
        """Count a file that failed in an earlier run."""
        with self._lock:
            self._failures.append(failure)
            self._close(failure.path)

    def state(self) -> ProgressState:
        """Say where the run stands."""
        with self._lock:
            elapsed = max(time.monotonic() - self._started, 1e-9)
            seconds_done = sum(self._seconds_done.values())
            is_length_known = not self._has_unknown_length and len(self._opened) == len(self._sizes)
            return ProgressState(
                files_done=len(self._sizes) - len(self._left),
                files_total=len(self._sizes),
                current=self._current,
                num_frames=self._num_frames_advanced,
                seconds_done=seconds_done,
                seconds_total=self._seconds_total if is_length_known else None,
                frames_per_second=self._num_frames_advanced / elapsed,
                times_real_time=seconds_done / elapsed,
                eta_seconds=self._eta_seconds(elapsed),
            )

    def report(self, *, interrupted: bool) -> IngestReport:
        """Say what the run did."""
        with self._lock:
            return IngestReport(
                num_indexed=self._num_indexed,
                num_resumed=self._num_resumed,
                num_skipped=self._num_skipped,
                num_skipped_as_other=self._num_skipped_as_other,
                num_left_to_others=self._num_left_to_others,
                num_replaced=self._num_replaced,
                failures=tuple(self._failures),
                counts=self._counts,
                video_seconds=sum(self._seconds_done.values()),
                wall_seconds=time.monotonic() - self._started,
                interrupted=interrupted,
                warnings=tuple(self._warnings),
            )

    def _close(self, path: Path) -> None:
        size = self._left.pop(path, None)
        self._fractions.pop(path, None)
        if size is not None and path in self._opened:
            self._worked_bytes += size
        self._opened.add(path)

    def _eta_seconds(self, elapsed: float) -> float | None:
        in_work = sum(fraction * self._left.get(path, 0) for path, fraction in self._fractions.items())
        worked = self._worked_bytes + in_work
        return (sum(self._left.values()) - in_work) * elapsed / worked if worked else None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
