"""What a worker on Ray does: the work of one job after the other, as plain data in and out.

Imports neither Ray nor the library: `ray_runner` makes an actor of `Worker`.
"""

from __future__ import annotations

import platform
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import vidsearch
from vidsearch.errors import MediaError, VideoReplaced, VidsearchError
from vidsearch.ingest.pipeline import PipelineOptions, process
from vidsearch.ingest.work import VideoDone, VideoJob, WorkResult
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
"""Results that wait to be fetched: a worker does not run ahead of the one writer."""


@dataclass(frozen=True, slots=True)
class Models:
    """What makes vectors and findings in a worker."""

    embedders: Sequence[Embedder]
    analyzers: Sequence[FrameAnalyzer] = ()
    stream_analyzers: Sequence[StreamAnalyzer] = ()
    reader: FrameReader | None = None


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker says of itself before it is given work.

    The sampling plan is no part of it: each job brings its own.
    """

    version: str
    spaces: tuple[EmbeddingSpace, ...]
    """Of its embedders, by model and digest of the weights."""
    tracks: tuple[TrackSpec, ...]
    """Of all else that it runs, with the digest of the weights where a track names it."""
    host: str

    @classmethod
    def of(cls, models: Models) -> Introduction:
        """Introduce whoever has these models."""
        readers = () if models.reader is None else (models.reader,)
        makers = (*models.analyzers, *models.stream_analyzers, *readers)
        return cls(
            version=vidsearch.__version__,
            spaces=tuple(each.space for each in models.embedders),
            tracks=tuple(each.track(SamplingPlan()) for each in makers),
            host=platform.node(),
        )

    def differs_from(self, other: Introduction) -> str | None:
        """How a worker differs from the one who gives it work, in a way that matters; None where it fits."""
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
        """Its models, and the digest of the weights of each, where it is known."""
        embedders = [(space.model, space.weights_digest) for space in self.spaces]
        return embedders + [(track.producer, str(track.params.get("weights", ""))) for track in self.tracks]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user should know."""

    message: str


Sent: TypeAlias = WorkResult | Warned


class Worker:
    """Holds the models, and works on one job at a time: `begin` it, then fetch `more` until it is done."""

    def __init__(self, load: Callable[[], Models], options: PipelineOptions) -> None:
        self._models = load()
        self._options = options
        self._job: VideoJob | None = None
        self._seen: Glance | None = None
        self._thread: threading.Thread | None = None
        self._results: queue.Queue[Sent | BaseException | None] = queue.Queue(_MAX_WAITING)

    def introduce(self) -> Introduction:
        """Say who this is."""
        return Introduction.of(self._models)

    def begin(self, job: VideoJob, quick_key: str) -> MediaError | None:
        """Take a job whose file looks so. Nothing of it is decoded before `more` is asked for.

        Returns why it cannot be done here.
        """
        try:
            self._seen = glance(job.path)
        except MediaError as error:
            return MediaError(f"{error.reason}, at {job.path} of worker {platform.node()}", path=job.path)
        if self._seen.quick_key != quick_key:
            return VideoReplaced(
                f"holds something else at {job.path} of worker {platform.node()}. --path-map says where "
                "workers see a folder",
                path=job.path,
            )
        self._job = job
        self._thread = None
        return None

    def more(self) -> tuple[list[Sent], bool]:
        """What was made since it was asked last, within a second; and whether the job is through."""
        assert self._job is not None
        if self._thread is None:
            self._results = queue.Queue(_MAX_WAITING)
            work = threading.Thread(target=self._work, args=(self._job, self._results), daemon=True)
            self._thread = work
            work.start()
        found: list[Sent] = []
        try:
            item = self._results.get(timeout=_WAIT_SECONDS)
            while True:
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    return found, True
                found.append(item)
                item = self._results.get_nowait()
        except queue.Empty:
            return found, False

    def _work(self, job: VideoJob, results: queue.Queue[Sent | BaseException | None]) -> None:
        try:
            for result in process(
                [job.path],
                lambda _: job,
                embedders=self._models.embedders,
                analyzers=self._models.analyzers,
                stream_analyzers=self._models.stream_analyzers,
                reader=self._models.reader,
                options=self._options,
                on_warning=lambda message: results.put(Warned(message)),
            ):
                if isinstance(result, VideoDone):
                    results.put(self._checked(result, job.path))
                else:
                    results.put(result)
            results.put(None)
        except BaseException as error:  # noqa: BLE001  raised again where it is asked for
            results.put(error)

    def _checked(self, done: VideoDone, path: Path) -> VideoDone:
        """The end of a job, or that its file was not the same at the end as at the beginning."""
        try:
            is_same = glance(path) == self._seen
        except MediaError:
            is_same = True  # gone, but what was open is still the same
        if is_same:
            return done
        changed: VidsearchError = VideoReplaced(
            "changed while it was being read. Index it again when it has stopped changing", path=path
        )
        return replace(done, error=changed, report=None)
