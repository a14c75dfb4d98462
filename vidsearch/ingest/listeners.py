"""Runs audio and window analyzers in threads beside the pipeline of sampled pictures.

Each such analyzer has a thread that decodes one video after another for itself, so that a slow one delays
neither the picture models nor other analyzers. Results are plain data, like those of pictures.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from vidsearch.errors import ModelError, ModelUnavailable, VidsearchError
from vidsearch.ingest.isolation import isolated
from vidsearch.ingest.windows import ClipAnalyzer
from vidsearch.ingest.work import SoundDone, SoundHeard
from vidsearch.media.audio import audio_blocks

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import AudioAnalyzer, AudioFindings
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.ingest.work import Hearing, VideoJob
    from vidsearch.types import AudioBlock

Item = TypeVar("Item")

MAX_VIDEOS_WAITING = 32
"""How many videos may wait for their sound after their pictures are done; each is open and leased."""


class Listeners:
    """Analyzes the sound of jobs in threads. Thread-safe."""

    def __init__(
        self,
        analyzers: Sequence[StreamAnalyzer],
        *,
        is_wanted: Callable[[VideoJob], bool],
        timeout_seconds: float | None = None,
    ) -> None:
        """`is_wanted` returns whether a job's results are still wanted; `timeout_seconds` limits reads of its
        file."""
        self._analyzers = analyzers
        self._is_wanted = is_wanted
        self._timeout_seconds = timeout_seconds
        self._todo: list[queue.SimpleQueue[tuple[VideoJob, Hearing] | None]] = [
            queue.SimpleQueue() for _ in analyzers
        ]
        self._results: queue.SimpleQueue[SoundHeard | SoundDone | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._left: dict[int, int] = {}
        """Number of analyses still to do, by job key."""
        self._is_closed = False
        self._fatal: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(place,), name="vidsearch-listen", daemon=True)
            for place in range(len(analyzers))
        ]
        for thread in self._threads:
            thread.start()

    def add(self, job: VideoJob) -> None:
        """Add a job's audio analyses."""
        with self._lock:
            self._left[job.key] = len(job.hearings)
        for hearing in job.hearings:
            self._todo[hearing.analyzer].put((job, hearing))

    @property
    def is_finished(self) -> bool:
        """Whether all analyses are done and all results taken."""
        with self._lock:
            return not self._left and self._results.empty() and self._fatal is None

    @property
    def is_behind(self) -> bool:
        """Whether too many videos wait for more to be opened."""
        with self._lock:
            return len(self._left) >= MAX_VIDEOS_WAITING

    def results(self, timeout_seconds: float) -> Iterator[SoundHeard | SoundDone]:
        """Take the results, waiting for the first one up to a timeout. Raises ModelUnavailable."""
        try:
            result = (
                self._results.get(timeout=timeout_seconds) if timeout_seconds else self._results.get_nowait()
            )
            while True:
                if result is not None:
                    yield result
                result = self._results.get_nowait()
        except queue.Empty:
            pass
        if self._fatal is not None:
            raise self._fatal

    def close(self, *, timeout_seconds: float = 10.0) -> None:
        """Stop the threads, each at the end of its current window."""
        self._is_closed = True
        for todo in self._todo:
            todo.put(None)
        end = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self, place: int) -> None:
        while (task := self._todo[place].get()) is not None:
            job, hearing = task
            try:
                if not self._is_of_use(job):
                    continue
                end = self._listen(job, hearing)
                if self._is_of_use(job):
                    self._results.put(end)
            except BaseException as error:  # noqa: BLE001  raised again in the consumer's thread
                self._fatal = error
                return
            finally:
                with self._lock:
                    self._left[job.key] -= 1
                    if not self._left[job.key]:
                        del self._left[job.key]
                self._results.put(None)  # wake waiting threads

    def _listen(self, job: VideoJob, hearing: Hearing) -> SoundDone:
        try:
            for findings in self._findings(job, hearing):
                if not self._is_of_use(job):
                    break
                self._results.put(SoundHeard(job, hearing, findings))
        except ModelUnavailable:
            raise
        except VidsearchError as error:
            return SoundDone(job, hearing, error)
        except Exception as error:  # noqa: BLE001  the boundary of a video
            failure = ModelError(f"{type(error).__name__}: {error}", path=job.path)
            failure.__cause__ = error
            return SoundDone(job, hearing, failure)
        return SoundDone(job, hearing)

    def _findings(self, job: VideoJob, hearing: Hearing) -> Iterator[AudioFindings]:
        analyzer = self._analyzers[hearing.analyzer]
        if isinstance(analyzer, ClipAnalyzer):
            decode = analyzer.read(
                job.path,
                job.plan,
                from_seconds=hearing.from_seconds,
                timeout_seconds=self._timeout_seconds,
            )
            return analyzer.analyze(self._while_of_use(job, decode), from_seconds=hearing.from_seconds)
        return analyzer.analyze(self._blocks(job, hearing, analyzer), hearing.before)

    def _blocks(self, job: VideoJob, hearing: Hearing, analyzer: AudioAnalyzer) -> Iterator[AudioBlock]:
        decode = partial(
            audio_blocks,
            job.path,
            sample_rate=analyzer.sample_rate,
            track=analyzer.audio_track,
            start_seconds=hearing.from_seconds,
            end_seconds=job.plan.end_seconds,
            timeout_seconds=self._timeout_seconds,
        )
        return self._while_of_use(job, decode)

    def _while_of_use(self, job: VideoJob, decode: Callable[[], Iterator[Item]]) -> Iterator[Item]:
        blocks: Iterator[Item]
        if job.is_isolated:
            blocks = isolated(decode, name=job.path, timeout_seconds=self._timeout_seconds)
        else:
            blocks = decode()
        for block in blocks:
            if not self._is_of_use(job):
                return
            yield block

    def _is_of_use(self, job: VideoJob) -> bool:
        return not self._is_closed and self._is_wanted(job)
