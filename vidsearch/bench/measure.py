"""How fast each part of an ingest is alone, and how fast the whole is: what there is to gain, and where.

The parts do what the pipeline does, on the same frames, one after the other. Two figures say how well the
pipeline overlaps them: the whole's time over that of the slowest part, and over the sum of all parts' CPU
seconds divided by the cores, which is what a machine that never idles would take.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from vidsearch.errors import MediaError
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.pictures import prepared
from vidsearch.ingest.pipeline import PipelineOptions, largest_side, num_cores
from vidsearch.ingest.policy import NOVEL, LookPolicy
from vidsearch.ingest.run import ingest
from vidsearch.ingest.work import VideoJob
from vidsearch.media.decode import frames
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.models.protocols import Captioner, Embedder
    from vidsearch.types import UInt8Image

MAX_FRAMES = 256
"""Frames that the parts after decoding are measured on; what more would take is reckoned from these."""
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the work took."""

    name: str
    num_frames: int
    """Frames that went through it."""
    wall_seconds: float
    cpu_seconds: float
    """Of all threads of the process."""

    @property
    def frames_per_second(self) -> float:
        return self.num_frames / self.wall_seconds if self.wall_seconds else 0.0


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What a bench measured."""

    video: Path
    video_seconds: float
    num_frames: int
    parts: tuple[Part, ...]
    """Each alone, reckoned up to all frames that the whole puts through it."""
    whole: Part
    num_cores: int
    models_memory_bytes: int
    """Resident before the whole, with the models loaded and warm."""
    peak_memory_bytes: int
    """The most that was resident during the whole."""

    @property
    def times_real_time(self) -> float:
        return self.video_seconds / self.whole.wall_seconds

    @property
    def whole_to_slowest_part(self) -> float:
        """Wall seconds of the whole over those of its slowest part; 1 where all else is hidden behind it."""
        return self.whole.wall_seconds / max(part.wall_seconds for part in self.parts)

    @property
    def whole_to_ideal(self) -> float:
        """Wall seconds of the whole over the parts' CPU seconds shared out over all cores."""
        return self.whole.wall_seconds / (sum(part.cpu_seconds for part in self.parts) / self.num_cores)


def bench(
    video: Path,
    *,
    embedders: Sequence[Embedder],
    captioner: Captioner | None = None,
    plan: SamplingPlan = SamplingPlan(),
    policy: LookPolicy = NOVEL,
    options: PipelineOptions = PipelineOptions(),
    on_part: Callable[[Part], None] | None = None,
) -> BenchReport:
    """Measure a video's way into a new library, part by part and whole. Raises MediaError, ModelError."""
    analyzers = [] if captioner is None else [CaptionAnalyzer(captioner, policy)]
    side = largest_side(embedders, analyzers)
    batch_size = options.images_per_call(embedders)
    look_batch_size = max((options.looks_per_call(analyzer) for analyzer in analyzers), default=0)
    job = VideoJob(key=0, path=video, plan=plan, frames_track_id=0)
    parts: list[Part] = []

    def measured(name: str, work: Callable[[], int], *, up_to: int | None = None) -> Part:
        part = _measured(name, work, up_to=up_to)
        if on_part is not None:
            on_part(part)
        return part

    kept = [*islice(frames(video, plan, short_side_pixels=side), MAX_FRAMES)]
    images = [frame.image for frame in kept]
    # First calls allocate and compile.
    for embedder in embedders:
        embedder.embed_images(images[:batch_size])
    for analyzer in analyzers:
        analyzer.analyze(images[:look_batch_size])
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder), create=True) as library,
        PeakMemory() as memory,
    ):
        started, cpu_started = time.perf_counter(), time.process_time()
        report = ingest(
            library,
            [video],
            embedders=embedders,
            captioner=captioner,
            plan=plan,
            caption_policy=policy,
            options=options,
        )
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    for failure in report.failures:
        raise MediaError(failure.reason, path=failure.path)
    total = report.counts.num_frames
    whole = Part("whole", total, wall, cpu)

    def decode() -> int:
        return sum(1 for _ in frames(video, plan, short_side_pixels=side))

    def preprocess() -> int:
        return sum(1 for _ in prepared(kept, job))

    def embed_all() -> int:
        for batch in _batches(images, batch_size):
            for embedder in embedders:
                embedder.embed_images(batch)
        return len(images)

    def caption_some() -> int:
        some = images[: min(2 * look_batch_size, report.counts.num_captions_written)]
        return sum(
            len(analyzer.analyze(batch))
            for analyzer in analyzers
            for batch in _batches(some, look_batch_size)
        )

    num_embedded = total - report.counts.num_blank - report.counts.num_near_duplicates
    parts.append(measured("decode", decode))
    parts.append(measured("preprocess", preprocess, up_to=total))
    parts.append(measured("embed", embed_all, up_to=num_embedded))
    if report.counts.num_captions_written:
        parts.append(measured("caption", caption_some, up_to=report.counts.num_captions_written))
    if on_part is not None:
        on_part(whole)
    return BenchReport(
        video=video,
        video_seconds=report.video_seconds,
        num_frames=total,
        parts=tuple(parts),
        whole=whole,
        num_cores=num_cores(),
        models_memory_bytes=memory.before_bytes,
        peak_memory_bytes=memory.peak_bytes,
    )


class PeakMemory:
    """The most resident memory of this process during a `with`, looked at fifty times a second."""

    def __init__(self) -> None:
        self.before_bytes = self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self.before_bytes = self.peak_bytes = psutil.Process().memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        process = psutil.Process()
        while not self._stop.wait(_LOOK_SECONDS):
            self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)


def _measured(name: str, work: Callable[[], int], *, up_to: int | None) -> Part:
    """Time some work, and reckon it up to so many frames."""
    started, cpu_started = time.perf_counter(), time.process_time()
    num_frames = work()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    scale = 1.0 if up_to is None or not num_frames else up_to / num_frames
    return Part(name, round(num_frames * scale), wall * scale, cpu * scale)


def _batches(images: Sequence[UInt8Image], size: int) -> Iterator[Sequence[UInt8Image]]:
    for start in range(0, len(images), size):
        yield images[start : start + size]
