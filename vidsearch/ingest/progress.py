"""Counts the outcome of each file, for progress and report. Thread-safe."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from vidsearch.ingest.report import Counts, FileFailure, IngestReport, ProgressState, WorkerShare
from vidsearch.ingest.work import SoundDone

if TYPE_CHECKING:
    from vidsearch.errors import VidsearchError
    from vidsearch.ingest.work import SoundHeard, VideoAdvanced, VideoJob


class Progress:
    """Counts files, frames and seconds of one run."""

    def __init__(self, paths: Iterable[Path], sizes_bytes: Mapping[Path, int] = MappingProxyType({})) -> None:
        """`sizes_bytes` are the known sizes; others are not requested for remote files."""
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._sizes = {path: sizes_bytes.get(path) or _size_bytes(path) for path in paths}
        self._left = dict(self._sizes)
        self._worked_bytes = 0.0
        self._opened: set[Path] = set()
        self._has_unknown_length = False
        self._seconds_total = 0.0
        self._seconds_done: dict[int, float] = {}
        self._covered: dict[int, dict[int | None, float]] = {}
        """Seconds covered of each job's pictures, by None, and of its sound, by the id of the track."""
        self._fractions: dict[Path, float] = {}
        self._current: Path | None = None
        self._num_frames_advanced = 0
        self._awaits_workers = False
        self._shares: dict[str, _Share] = {}
        self._num_indexed = 0
        self._num_resumed = 0
        self._num_skipped = 0
        self._num_skipped_as_other = 0
        self._num_left_to_others = 0
        self._num_replaced = 0
        self._failures: list[FileFailure] = []
        self._counts = Counts()
        self._warnings: dict[str, None] = {}
        self._unheard: dict[str, list[Path]] = {}
        """Files without usable sound, by reason."""

    def open(self, path: Path, *, seconds: float | None) -> None:
        """Count a video in work, and its remaining seconds if known."""
        with self._lock:
            if path in self._opened:
                return  # its worker was lost, and another one continues
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
            if advanced.worker is not None:
                share = self._shares[advanced.worker]
                share.num_frames += advanced.num_frames
                share.last = time.monotonic()
            self._cover(job, None, advanced.until_seconds, seconds)

    def await_workers(self) -> None:
        """Note that work begins once a worker is ready."""
        with self._lock:
            self._awaits_workers = True

    def join(self, worker: str) -> None:
        """Count a remote worker that is ready."""
        with self._lock:
            self._awaits_workers = False
            self._shares[worker] = _Share(worker, time.monotonic())

    def hear(self, heard: SoundHeard | SoundDone, *, seconds: float | None) -> None:
        """Count analyzed sound."""
        with self._lock:
            self._current = heard.job.path
            until = math.inf if isinstance(heard, SoundDone) else heard.findings.until_seconds
            self._cover(heard.job, heard.hearing.track_id, until, seconds)

    def commit(self, counts: Counts) -> None:
        """Count stored frames."""
        with self._lock:
            self._counts += counts

    def finish(self, job: VideoJob, *, seconds: float, was_begun_before: bool) -> None:
        """Count a completed video, `seconds` of it in this run."""
        with self._lock:
            self._seconds_done[job.key] = seconds
            self._num_indexed += 1
            self._num_resumed += was_begun_before
            self._close(job.path)

    def skip(self, path: Path, *, is_as_asked: bool = True) -> None:
        """Count a file whose content is indexed already, whether or not with this plan and these models."""
        with self._lock:
            self._num_skipped += 1
            self._num_skipped_as_other += not is_as_asked
            self._close(path)

    def replace(self, num_videos: int) -> None:
        """Count videos removed because their files have changed."""
        with self._lock:
            self._num_replaced += num_videos

    def leave_to_others(self, path: Path) -> None:
        """Count a file that another process is indexing."""
        with self._lock:
            self._num_left_to_others += 1
            self._close(path)

    def fail(
        self, path: Path, error: VidsearchError, *, seconds_kept: float = 0.0, was_indexed: bool = False
    ) -> None:
        """Count a failed file; `was_indexed` if the part that decodes was kept."""
        failure = FileFailure(
            path=path, reason=error.reason, error=type(error).__name__, seconds_kept=seconds_kept
        )
        with self._lock:
            self._failures.append(failure)
            if not was_indexed:
                self._close(path)

    def warn(self, message: str) -> None:
        """Keep a warning for the report, without repeats."""
        with self._lock:
            self._warnings[message] = None

    def pass_over_sound(self, path: Path, error: VidsearchError) -> None:
        """Note a file without usable sound; files are grouped by reason."""
        with self._lock:
            self._unheard.setdefault(error.reason, []).append(path)

    def pass_over(self, failure: FileFailure) -> None:
        """Count a file that failed in an earlier run."""
        with self._lock:
            self._failures.append(failure)
            self._close(failure.path)

    def state(self) -> ProgressState:
        """The current state of the run."""
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
                awaits_workers=self._awaits_workers,
                workers=self._worker_shares(),
            )

    def report(self, *, interrupted: bool) -> IngestReport:
        """The report of the run."""
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
                warnings=(*self._warnings, *map(_remark, self._unheard.items())),
                workers=self._worker_shares(),
            )

    def _worker_shares(self) -> tuple[WorkerShare, ...]:
        return tuple(
            WorkerShare(
                each.name,
                each.num_frames,
                each.num_frames / (each.last - each.since) if each.last > each.since else 0.0,
            )
            for each in self._shares.values()
        )

    def _cover(self, job: VideoJob, part: int | None, until_seconds: float, seconds: float | None) -> None:
        """Note a part's progress; a job's progress is that of its slowest part."""
        parts: list[int | None] = [hearing.track_id for hearing in job.hearings]
        covered = self._covered.setdefault(job.key, dict.fromkeys([*parts, *[None] * job.has_pictures], 0.0))
        covered[part] = max(0.0, until_seconds - max(job.from_seconds, job.plan.start_seconds))
        done = min(covered.values())
        if seconds is not None or done < math.inf:
            self._seconds_done[job.key] = done if seconds is None else min(done, seconds)
        if seconds:
            self._fractions[job.path] = min(1.0, done / seconds)

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


@dataclass(slots=True)
class _Share:
    """One worker's output."""

    name: str
    since: float
    """Monotonic seconds, as `last` is."""
    last: float = 0.0
    num_frames: int = 0


def _remark(unheard: tuple[str, list[Path]]) -> str:
    reason, paths = unheard
    others = f" (and {len(paths) - 1} other {'file' if len(paths) == 2 else 'files'})"
    return f"{paths[0]}: {reason}{others if len(paths) > 1 else ''}"


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
