"""The work of a Ray worker: jobs in, results out, as plain data.

Imports neither Ray nor the store: `ray_runner` makes an actor of `Worker`.
"""

from __future__ import annotations

import platform
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import vidsearch
from vidsearch.errors import MediaError, VideoReplaced, VidsearchError
from vidsearch.ingest.pipeline import PipelineOptions, process
from vidsearch.ingest.work import JobResult, SoundDone, VideoDone, VideoJob
from vidsearch.store.fingerprint import glance
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import FrameAnalyzer, FrameReader
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.models.protocols import Embedder
    from vidsearch.store.fingerprint import Glance
    from vidsearch.tracks import TrackSpec
    from vidsearch.types import EmbeddingSpace

_WAIT_SECONDS = 1.0
_MAX_WAITING = 8
"""Number of results waiting to be fetched, so that workers do not run ahead of the single writer."""


@dataclass(frozen=True, slots=True)
class Models:
    """A worker's models."""

    embedders: Sequence[Embedder]
    analyzers: Sequence[FrameAnalyzer] = ()
    stream_analyzers: Sequence[StreamAnalyzer] = ()
    reader: FrameReader | None = None


@dataclass(frozen=True, slots=True)
class Introduction:
    """A worker's description of itself, checked before it gets work.

    The sampling plan is not included, as each job has its own.
    """

    version: str
    spaces: tuple[EmbeddingSpace, ...]
    """Of its embedders, with the digests of the weights."""
    tracks: tuple[TrackSpec, ...]
    """Producers of all other tracks, with the digests of the weights."""
    host: str

    @classmethod
    def of(cls, models: Models) -> Introduction:
        """The identity of a worker with these models."""
        readers = () if models.reader is None else (models.reader,)
        makers = (*models.analyzers, *models.stream_analyzers, *readers)
        return cls(
            version=vidsearch.__version__,
            spaces=tuple(each.space for each in models.embedders),
            tracks=tuple(each.track(SamplingPlan()) for each in makers),
            host=platform.node(),
        )

    def differs_from(self, other: Introduction) -> str | None:
        """How a worker differs from the session in a relevant way; None if it matches."""
        if self.version != other.version:
            return f"runs vidsearch {self.version}, not {other.version}"
        own, wanted = self._weights(), other._weights()
        if [model for model, _ in own] != [model for model, _ in wanted]:
            return f"has other models: {', '.join(model for model, _ in own) or 'none'}"
        for (model, digest), (_, digest_wanted) in zip(own, wanted, strict=True):
            if digest != digest_wanted:
                return f"has other weights of {model} ({digest[:12]}, not {digest_wanted[:12]})"
        if (self.spaces, self.tracks) != (other.spaces, other.tracks):
            return "runs its models with other settings"
        return None

    def _weights(self) -> list[tuple[str, str]]:
        """Its models, with the digests of the weights if known."""
        embedders = [(space.model, space.weights_digest) for space in self.spaces]
        return embedders + [(track.producer, str(track.params.get("weights", ""))) for track in self.tracks]


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning for the user."""

    message: str


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job has ended."""

    key: int


Sent: TypeAlias = JobResult | Warned | JobDone


class Worker:
    """Holds the models and works on a few jobs at once, like a local run.

    Give it jobs by `take`, and fetch results by `more` until each is done. Methods are called one at a time.
    """

    def __init__(self, load: Callable[[], Models], options: PipelineOptions) -> None:
        self._models = load()
        self._options = options
        self._jobs: dict[Path, VideoJob] = {}
        """Jobs taken and not finished."""
        self._seen: dict[int, Glance] = {}
        self._held: list[Path] = []
        """Jobs taken and not begun."""
        self._begun: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        """Jobs to begin; None ends the work."""
        self._results: queue.Queue[Sent | BaseException] = queue.Queue(_MAX_WAITING)
        self._unwanted: set[int] = set()
        self._thread: threading.Thread | None = None

    def introduce(self) -> Introduction:
        """This worker's identity."""
        return Introduction.of(self._models)

    def take(self, job: VideoJob, quick_key: str) -> MediaError | None:
        """Accept a job and its file's expected state; decoding starts with the next `more`.

        Returns the reason if the job cannot be done here.
        """
        try:
            seen = glance(job.path)
        except MediaError as error:
            return MediaError(f"{error.reason}, at {job.path} of worker {platform.node()}", path=job.path)
        if seen.quick_key != quick_key:
            return VideoReplaced(
                f"has a different file at {job.path} of worker {platform.node()}. --path-map says where "
                "workers see a folder",
                path=job.path,
            )
        self._seen[job.key] = seen
        self._jobs[job.path] = job
        self._held.append(job.path)
        return None

    def more(self, unwanted: Collection[int] = ()) -> list[Sent]:
        """Begin accepted jobs. Returns the results since the last call, waiting up to a second.

        Args:
            unwanted: Keys of jobs whose results are no longer wanted.
        """
        self._unwanted.update(unwanted)
        for path in self._held:
            self._begun.put(path)
        self._held.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="vidsearch-worker", daemon=True)
            self._thread.start()
        found: list[Sent] = []
        try:
            item = self._results.get(timeout=_WAIT_SECONDS)
            while True:
                if isinstance(item, BaseException):
                    raise item
                found.append(item)
                item = self._results.get_nowait()
        except queue.Empty:
            return found

    def close(self) -> None:
        """Accept no more jobs, and end once the current ones are done."""
        self._begun.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        # For each job, the ends still to come: of its pictures, as None, and of its sound, by track id.
        parts: dict[int, set[int | None]] = {}

        def open_job(path: Path) -> VideoJob:
            job = self._jobs[path]
            parts[job.key] = {None, *(hearing.track_id for hearing in job.hearings)}
            return job

        try:
            for result in process(
                iter(self._begun.get, None),
                open_job,
                embedders=self._models.embedders,
                analyzers=self._models.analyzers,
                stream_analyzers=self._models.stream_analyzers,
                is_wanted=lambda job: job.key not in self._unwanted,
                reader=self._models.reader,
                options=self._options,
                on_warning=lambda message: self._results.put(Warned(message)),
            ):
                self._pass_on(result, parts)
        except BaseException as error:  # noqa: BLE001  raised again by `more`
            self._results.put(error)

    def _pass_on(self, result: JobResult, parts: dict[int, set[int | None]]) -> None:
        ended: VideoJob | None = None
        if isinstance(result, VideoDone) and result.job is not None:
            ended = result.job
            result = self._checked(result, ended)
            parts[ended.key].discard(None)
        elif isinstance(result, SoundDone):
            ended = result.job
            parts[ended.key].discard(result.hearing.track_id)
        self._results.put(result)
        if ended is not None and not parts[ended.key]:
            self._results.put(JobDone(ended.key))
            del parts[ended.key], self._jobs[ended.path], self._seen[ended.key]

    def _checked(self, done: VideoDone, job: VideoJob) -> VideoDone:
        """The end of a job, with an error if its file changed meanwhile."""
        try:
            is_same = glance(job.path) == self._seen[job.key]
        except MediaError:
            is_same = True  # deleted, but the open file was unchanged
        if is_same:
            return done
        changed: VidsearchError = VideoReplaced(
            "changed while it was being read. Index it again when it has stopped changing", path=job.path
        )
        return replace(done, error=changed, report=None)
