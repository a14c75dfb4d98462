"""Turns files into chunks of segments, decoding and running models concurrently.

Decoding threads fill a bounded queue. The calling thread takes pictures of any video from it, runs the models
on full batches, and yields chunks in order of each video's time. Sound is analyzed in threads of its own.
Results are plain data for the single writer of a library, here or on another machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vidsearch.errors import ModelError, ModelUnavailable, VidsearchError
from vidsearch.ingest.chunks import Look, VideoInWork
from vidsearch.ingest.decoders import Decoders
from vidsearch.ingest.pictures import CHUNK_FRAMES, pictures
from vidsearch.ingest.work import JobResult, Picture, PicturesEnd, VideoAdvanced, VideoDone, VideoJob
from vidsearch.store.similarity import is_unit
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import FrameAnalyzer, FrameReader
    from vidsearch.ingest.listeners import Listeners
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.media.container import DecodeDevice, OnWarning
    from vidsearch.models.protocols import Embedder
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

Made = TypeVar("Made")

_BATCH_SIZE = 32
_ANALYZER_BATCH_SIZE = 8
"""Batch size for models without a preferred one."""

_IDLE_SECONDS = 1.0
"""After this long without a decoded picture, models run on partial batches."""
_LISTEN_SECONDS = 0.25
"""Poll interval while only sound is left."""


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """Performance options. None of them changes the results."""

    batch_size: int | None = None
    """Images per embedding call; None for the embedder's preference."""
    analyzer_batch_size: int | None = None
    """Images per analyzer call; None for each analyzer's preference."""
    num_decode_threads: int | None = None
    """Videos decoded at once; None adapts to the machine."""
    num_codec_threads: int | None = None
    """Threads of each decoder; None divides the cores."""
    num_cores: int | None = None
    """Cores to use; None for all available to this process."""
    chunk_frames: int = CHUNK_FRAMES
    decode_device: DecodeDevice = "cpu"
    timeout_seconds: float | None = 120.0
    """A video without progress for this long fails; None waits for ever."""

    def images_per_call(self, embedders: Sequence[Embedder]) -> int:
        """What `batch_size` comes to with these models."""
        sizes = [getattr(model, "batch_size", _BATCH_SIZE) for model in embedders]
        return self.batch_size or max(sizes, default=_BATCH_SIZE)

    def looks_per_call(self, analyzer: FrameAnalyzer) -> int:
        """What `analyzer_batch_size` comes to with this analyzer."""
        return self.analyzer_batch_size or analyzer.batch_size or _ANALYZER_BATCH_SIZE

    def num_workers(self, num_videos: int | None) -> int:
        """Number of decoding threads, for `num_videos` (None: unbounded)."""
        cores = self.num_cores or num_cores()
        most = self.num_decode_threads or max(2, min(8, cores // 2))
        return most if num_videos is None else min(num_videos, most)

    def threads_per_codec(self, num_workers: int) -> int:
        """FFmpeg's threads for each of this many videos.

        They wait for each other, so more threads than cores keep the cores busier: for a single video, three
        extra threads make ingest 5% faster than one. Several videos fill each other's gaps.
        """
        if self.num_codec_threads is not None:
            return self.num_codec_threads
        cores = self.num_cores or num_cores()
        return cores + 3 if num_workers <= 1 else cores // num_workers + 1


def num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def largest_side(embedders: Sequence[Embedder], analyzers: Sequence[FrameAnalyzer]) -> int:
    """The shorter side, in pixels, that a picture needs for every model to lose nothing."""
    sides = [embedder.short_side_pixels for embedder in embedders]
    return max([*sides, *(analyzer.short_side_pixels for analyzer in analyzers)], default=0)


def process(
    paths: Iterable[Path],
    open_job: Callable[[Path], VideoJob | None],
    *,
    embedders: Sequence[Embedder],
    analyzers: Sequence[FrameAnalyzer] = (),
    stream_analyzers: Sequence[StreamAnalyzer] = (),
    is_wanted: Callable[[VideoJob], bool] = lambda _: True,
    reader: FrameReader | None = None,
    options: PipelineOptions = PipelineOptions(),
    on_warning: OnWarning | None = None,
    stop: threading.Event | None = None,
) -> Iterator[JobResult]:
    """Yield the chunks of all files, each video's in order, with a `VideoDone` after its last.

    Audio results come in between, with a `SoundDone` for each audio analysis of a job, before or after its
    `VideoDone`. Jobs that are no longer wanted are not analyzed further.

    `paths` may be an iterator that blocks. `open_job` turns a path into a job, or None if there is nothing to
    do. It is called in decoding threads, some files ahead, as is `on_warning`; its MediaError fails that file
    alone. Once `stop` is set, unfinished chunks are dropped and the iteration ends. Raises ModelUnavailable,
    and other VidsearchErrors of `open_job`; an error of one video comes with its `VideoDone`.
    """
    num_workers = options.num_workers(len(paths) if isinstance(paths, Sized) else None)
    decode = partial(
        pictures,
        short_side_pixels=largest_side(embedders, analyzers),
        reader=reader,
        num_threads=options.threads_per_codec(num_workers),
        timeout_seconds=options.timeout_seconds,
        decode_device=options.decode_device,
        on_warning=on_warning,
        chunk_frames=options.chunk_frames,
    )
    listeners: Listeners | None = None
    if stream_analyzers:
        from vidsearch.ingest.listeners import Listeners

        listeners = Listeners(
            stream_analyzers,
            is_wanted=lambda job: is_wanted(job) and not (stop is not None and stop.is_set()),
            timeout_seconds=options.timeout_seconds,
        )

    def open_and_listen(path: Path) -> VideoJob | None:
        job = open_job(path)
        if job is not None and job.hearings and listeners is not None:
            listeners.add(job)
        return job

    decoders = Decoders(
        paths,
        open_and_listen,
        decode,
        may_open=lambda: listeners is None or not listeners.is_behind,
        num_workers=num_workers,
        max_waiting=2 * options.images_per_call(embedders),
        timeout_seconds=options.timeout_seconds,
    )
    batcher = Batcher(embedders, analyzers, options, on_warning)
    try:
        while not (stop is not None and stop.is_set()):
            has_pictures = not decoders.is_finished
            if not has_pictures and (listeners is None or listeners.is_finished):
                break
            item = decoders.get(_IDLE_SECONDS) if has_pictures else None
            if isinstance(item, Picture):
                batcher.take(item)
            elif isinstance(item, PicturesEnd):
                batcher.end(item)
            else:
                batcher.work_off()
            for result in batcher.results():
                if isinstance(result, VideoDone) and result.job is not None:
                    decoders.give_up(result.job)
                yield result
            if listeners is not None:
                yield from listeners.results(0.0 if has_pictures else _LISTEN_SECONDS)
        if decoders.is_finished:
            batcher.work_off()
            yield from batcher.results()
        if listeners is not None:
            yield from listeners.results(0.0)
    finally:
        decoders.close()
        if listeners is not None:
            listeners.close()


class Batcher:
    """Gathers pictures of all videos into batches for each model."""

    def __init__(
        self,
        embedders: Sequence[Embedder],
        analyzers: Sequence[FrameAnalyzer],
        options: PipelineOptions,
        on_warning: OnWarning | None = None,
    ) -> None:
        self._on_warning = on_warning
        self._warned: set[tuple[int, EmbeddingSpace]] = set()
        self._embedders = embedders
        self._analyzers = analyzers
        self._batch_size = options.images_per_call(embedders)
        self._look_batch_sizes = [options.looks_per_call(analyzer) for analyzer in analyzers]
        self._chunk_frames = options.chunk_frames
        self._videos: dict[int, VideoInWork] = {}
        self._ends: dict[int, PicturesEnd] = {}
        self._failed: set[int] = set()
        self._batch: list[Picture] = []
        self._num_images = 0
        self._looks: list[list[tuple[VideoJob, Look]]] = [[] for _ in analyzers]
        self._done: list[VideoAdvanced | VideoDone] = []

    def take(self, picture: Picture) -> None:
        """Add a picture to the batch; a full batch is processed."""
        if picture.job.key in self._failed:
            return
        self._batch.append(picture)
        self._num_images += picture.image is not None
        if self._num_images >= self._batch_size or len(self._batch) >= 4 * self._batch_size:
            self._embed_batch()

    def end(self, end: PicturesEnd) -> None:
        """Note that a file has no more pictures."""
        if end.job is None:
            self._done.append(VideoDone(path=end.path, job=None, error=end.error))
        elif end.job.key not in self._failed:
            self._ends[end.job.key] = end
            video = self._video(end.job)
            if not any(picture.job.key == end.job.key for picture in self._batch):
                video.end()

    def work_off(self) -> None:
        """Run the models on all waiting pictures, even on partial batches."""
        self._embed_batch()
        self._analyze(is_due=True)

    def results(self) -> Iterator[JobResult]:
        """Remove and return finished results."""
        waiting = sum(video.num_waiting for video in self._videos.values())
        self._analyze(is_due=waiting >= self._chunk_frames)
        yield from self._done
        self._done.clear()
        for key, video in list(self._videos.items()):
            yield from video.finished_chunks()
            if video.is_finished:
                del self._videos[key]
                end = self._ends.pop(key)
                yield VideoDone(path=end.path, job=video.job, error=end.error, report=end.report)

    def _video(self, job: VideoJob) -> VideoInWork:
        if job.key not in self._videos:
            first = self._embedders[0].space if self._embedders else None
            self._videos[job.key] = VideoInWork(
                job,
                policies=[self._analyzers[analysis.analyzer].policy for analysis in job.analyses],
                space=first,
                chunk_frames=self._chunk_frames,
            )
        return self._videos[job.key]

    def _embed_batch(self) -> None:
        batch, self._batch, self._num_images = self._batch, [], 0
        vectors = self._vectors_of(batch)
        for picture, own in zip(batch, vectors, strict=True):
            if picture.job.key in self._failed:
                continue
            for place, look in self._video(picture.job).add(picture, own):
                self._looks[picture.job.analyses[place].analyzer].append((picture.job, look))
        for key in self._ends:
            self._videos[key].end()
        last = {picture.job.key: picture for picture in batch if picture.job.key not in self._failed}
        for key, picture in last.items():
            num_frames = sum(other.job.key == key for other in batch)
            self._done.append(VideoAdvanced(picture.job, picture.sample_time_seconds, num_frames))

    def _vectors_of(self, batch: Sequence[Picture]) -> list[dict[EmbeddingSpace, Float32] | None]:
        """Each picture's vectors in its job's spaces; None without an image."""
        made: list[dict[EmbeddingSpace, Float32] | None] = [
            None if picture.image is None else {} for picture in batch
        ]
        for embedder in self._embedders:
            places = [
                place
                for place, picture in enumerate(batch)
                if picture.image is not None and embedder.space in picture.job.spaces
            ]
            images = [
                (batch[place].job, image) for place in places if (image := batch[place].image) is not None
            ]
            rows = self._run(embedder.embed_images, images)
            for place, row in zip(places, rows, strict=True):
                vectors = made[place]
                if row is None or vectors is None:
                    continue
                if is_unit(row, embedder.space.dim):
                    vectors[embedder.space] = row
                else:
                    self._warn_of_vector(batch[place], embedder.space)
        return made

    def _warn_of_vector(self, picture: Picture, space: EmbeddingSpace) -> None:
        """Warn, once for each video and model, that a frame has no valid vector."""
        if (picture.job.key, space) in self._warned or self._on_warning is None:
            return
        self._warned.add((picture.job.key, space))
        self._on_warning(
            f"{picture.job.path}: {space.model} gave frames no usable vector, the first one at "
            f"{format_moment(picture.time_seconds)}: a vector is {space.dim} finite numbers of length one. "
            f"These frames are kept, but {space.model} cannot find them."
        )

    def _analyze(self, *, is_due: bool) -> None:
        """Run each analyzer on its waiting pictures: full batches, or all of them if `is_due`."""
        for number, analyzer in enumerate(self._analyzers):
            size = self._look_batch_sizes[number]
            while len(self._looks[number]) >= (1 if is_due else size):
                looks, self._looks[number] = self._looks[number][:size], self._looks[number][size:]
                images = [(job, look.image) for job, look in looks if look.image is not None]
                findings = self._run(analyzer.analyze, images)
                for (_, look), found in zip(looks, findings, strict=True):
                    look.findings, look.image = found, None
                self._looks[number] = [
                    (job, look) for job, look in self._looks[number] if job.key not in self._failed
                ]

    def _run(
        self,
        model: Callable[[list[UInt8Image]], Iterable[Made]],
        images: list[tuple[VideoJob, UInt8Image]],
    ) -> list[Made | None]:
        """Run a model on images of several videos. Returns a result each, None for videos that fail."""
        if not images:
            return []
        try:
            return [*model([image for _, image in images])]
        except ModelUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  the faulty video is found below
            return self._run_by_video(model, images, error)

    def _run_by_video(
        self,
        model: Callable[[list[UInt8Image]], Iterable[Made]],
        images: list[tuple[VideoJob, UInt8Image]],
        error: Exception,
    ) -> list[Made | None]:
        """After an error, run a model on each video alone, so that only the faulty one fails."""
        jobs = {job.key: job for job, _ in images}
        made: dict[int, Iterator[Made]] = {}
        for key, job in jobs.items():
            if len(jobs) == 1:
                self._fail(job, error)
                break
            try:
                made[key] = iter(model([image for owner, image in images if owner.key == key]))
            except Exception as failure:  # noqa: BLE001  the boundary of a video
                self._fail(job, failure)
        return [next(made[job.key]) if job.key in made else None for job, _ in images]

    def _fail(self, job: VideoJob, error: Exception) -> None:
        if not isinstance(error, VidsearchError):
            cause, error = error, ModelError(f"{type(error).__name__}: {error}", path=job.path)
            error.__cause__ = cause
        self._failed.add(job.key)
        self._videos.pop(job.key, None)
        self._ends.pop(job.key, None)
        self._done.append(VideoDone(path=job.path, job=job, error=error))
