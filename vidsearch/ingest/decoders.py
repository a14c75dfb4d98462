"""Threads that turn files into pictures, and the bounded queue between them and the models.

PyAV, OpenCV and NumPy release the GIL, so threads are enough, and pictures need not be copied between
processes. Each file is decoded by one thread, so its pictures come in order. The queue is bounded in items
and in bytes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import DecodeTimeout, MediaError, VidsearchError
from vidsearch.ingest.work import Picture, PicturesEnd
from vidsearch.media.source import source_of
from vidsearch.paths import is_elsewhere

if TYPE_CHECKING:
    from vidsearch.ingest.work import VideoJob
    from vidsearch.media.completeness import DecodeReport

MAX_WAITING_BYTES = 256 * 2**20
SLOWEST_READ_BYTES_PER_SECOND = 4e6
"""A file is read whole for its content hash before it is decoded; a slower disk than this counts as hung."""
_POLL_SECONDS = 0.25


class _Worker:
    """A thread's current work, for the watchdog."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.job: VideoJob | None = None
        self.deadline: float | None = None
        """Monotonic time after which it counts as hung; None while it waits for others."""
        self.is_abandoned = False


class Decoders:
    """Decodes files into pictures, with a `PicturesEnd` after the last one of each.

    `open_job` is called in a decoding thread with each path and returns its job, or None if there is nothing
    to do. Its MediaError ends that file alone; any other VidsearchError is raised by `get`. No file is begun
    while `may_open` returns False. `paths` may be an iterator that blocks. `decode` turns a job into
    pictures, as `pictures.pictures` does; if it is a generator, its return value is the file's
    `DecodeReport`.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        open_job: Callable[[Path], VideoJob | None],
        decode: Callable[[VideoJob], Iterator[Picture]],
        *,
        num_workers: int,
        max_waiting: int,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        may_open: Callable[[], bool] = lambda: True,
        timeout_seconds: float | None = None,
    ) -> None:
        self._paths = iter(paths)
        self._open_job = open_job
        self._decode = decode
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._may_open = may_open
        self._timeout_seconds = timeout_seconds
        self._changed = threading.Condition()
        self._taking = threading.Lock()
        """Held while taking the next path, which may block."""
        self._waiting: deque[Picture | PicturesEnd] = deque()
        self._waiting_bytes = 0
        self._is_closed = False
        self._fatal: BaseException | None = None
        self._workers: dict[_Worker, threading.Thread] = {}
        with self._changed:
            for _ in range(num_workers):
                self._start_worker()

    @property
    def is_finished(self) -> bool:
        """Whether everything has been taken."""
        with self._changed:
            return not self._waiting and not self._workers and self._fatal is None

    def get(self, timeout_seconds: float) -> Picture | PicturesEnd | None:
        """Take the next item; None on a timeout or at the end."""
        end = time.monotonic() + timeout_seconds
        with self._changed:
            while not self._waiting:
                if self._fatal is not None:
                    raise self._fatal
                self._abandon_hung_workers()
                left = end - time.monotonic()
                if not self._waiting:
                    if left <= 0 or not self._workers:
                        return None
                    self._changed.wait(min(left, _POLL_SECONDS))
            item = self._waiting.popleft()
            if isinstance(item, Picture):
                self._waiting_bytes -= item.num_bytes
            self._changed.notify_all()
            return item

    def give_up(self, job: VideoJob) -> None:
        """Stop decoding a job."""
        with self._changed:
            for worker in list(self._workers):
                if worker.job is not None and worker.job.key == job.key:
                    self._replace(worker)

    def close(self, *, timeout_seconds: float = 5.0) -> None:
        """Stop the threads. One that hangs in a decoder is abandoned, and ends when it returns."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._changed.notify_all()
            threads = list(self._workers.values())
        end = time.monotonic() + timeout_seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _start_worker(self) -> None:
        worker = _Worker()
        thread = threading.Thread(target=self._work, args=(worker,), name="vidsearch-decode", daemon=True)
        self._workers[worker] = thread
        thread.start()

    def _abandon_hung_workers(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.deadline is None or now < worker.deadline or worker.path is None:
                continue
            error = DecodeTimeout(
                f"no progress within {self._timeout_seconds:g} s. Is its disk or network still there? "
                "Give it longer with a larger timeout",
                path=worker.path,
            )
            self._waiting.append(PicturesEnd(path=worker.path, job=worker.job, error=error))
            self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.is_abandoned = True
        del self._workers[worker]
        self._start_worker()
        self._changed.notify_all()

    def _work(self, worker: _Worker) -> None:
        try:
            while (path := self._next_path(worker)) is not None:
                self._work_on(worker, path)
        except BaseException as error:  # noqa: BLE001  raised again in the consumer's thread
            with self._changed:
                self._fatal = self._fatal or error
        finally:
            with self._changed:
                self._workers.pop(worker, None)
                self._changed.notify_all()

    def _next_path(self, worker: _Worker) -> Path | None:
        with self._changed:
            worker.path = worker.job = worker.deadline = None
            while not self._may_open() and not self._is_closed and self._fatal is None:
                self._changed.wait(_POLL_SECONDS)
        with self._taking:
            path = next(self._paths, None)
        with self._changed:
            if self._is_closed or worker.is_abandoned or self._fatal is not None:
                return None
            worker.path = path
            return path

    def _work_on(self, worker: _Worker, path: Path) -> None:
        error: VidsearchError | None = None
        report: DecodeReport | None = None
        try:
            self._allow(worker, 0)
            self._allow(worker, _size_bytes(path))
            worker.job = self._open_job(path)
            if worker.job is None:
                worker.deadline = None
                return
            self._allow(worker, 0)
            pictures = self._decode(worker.job)
            while True:
                try:
                    picture = next(pictures)
                except StopIteration as end:
                    report = end.value
                    break
                if not self._put(worker, picture):
                    return
        except VidsearchError as failure:
            if worker.job is None and not isinstance(failure, MediaError):
                raise
            error = failure
        except Exception as failure:  # noqa: BLE001  the boundary of a video
            error = MediaError(f"{type(failure).__name__}: {failure}", path=path)
            error.__cause__ = failure
        self._put(worker, PicturesEnd(path=path, job=worker.job, error=error, report=report))

    def _allow(self, worker: _Worker, num_bytes: int) -> None:
        if self._timeout_seconds is not None:
            allowance = self._timeout_seconds + num_bytes / SLOWEST_READ_BYTES_PER_SECOND
            worker.deadline = time.monotonic() + allowance

    def _put(self, worker: _Worker, item: Picture | PicturesEnd) -> bool:
        """Put an item, waiting for room. False if it is no longer wanted."""
        num_bytes = item.num_bytes if isinstance(item, Picture) else 0
        with self._changed:
            worker.deadline = None
            while self._waiting and not (self._is_closed or worker.is_abandoned) and self._is_full(num_bytes):
                self._changed.wait()
            if self._is_closed or worker.is_abandoned:
                return False
            if isinstance(item, PicturesEnd):
                worker.job = None
            self._waiting.append(item)
            self._waiting_bytes += num_bytes
            self._allow(worker, 0)
            self._changed.notify_all()
            return True

    def _is_full(self, num_bytes: int) -> bool:
        return (
            len(self._waiting) >= self._max_waiting
            or self._waiting_bytes + num_bytes > self._max_waiting_bytes
        )


def _size_bytes(path: Path) -> int:
    try:
        return source_of(path).state().size_bytes if is_elsewhere(path) else path.stat().st_size
    except (OSError, MediaError):
        return 0
