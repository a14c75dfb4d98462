"""Indexing with workers on Ray: models for tests, which workers load, and what became of a library."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from tests.conftest import REPOSITORY
from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.ingest.dying_process import DyingEmbedder
from vidsearch.ingest import IngestReport, PipelineOptions, ingest
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.ray_cluster import RayOptions
from vidsearch.ingest.ray_runner import RayRunner
from vidsearch.ingest.ray_worker import Introduction, Models
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.runner import Runner
    from vidsearch.store.store import Store
    from vidsearch.types import Float32, UInt8Image

PLAN = SamplingPlan(fps=2)
OPTIONS = PipelineOptions(batch_size=4, chunk_frames=2, timeout_seconds=60.0)
COLOURS = ("red", "blue", "yellow", "cyan", "magenta")

Contents = dict[str, list[tuple[float, str | None, tuple[float, ...]]]]


class SlowEmbedder(ColourEmbedder):
    """Takes so long that a worker can be killed in the middle of a film."""

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        time.sleep(0.05 * len(images))
        return super().embed_images(images)


class WaitingEmbedder(ColourEmbedder):
    """After its first pictures, waits for a file to be there."""

    def __init__(self, gate: Path) -> None:
        super().__init__()
        self._gate = gate

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        deadline = time.monotonic() + 60.0
        while self.num_image_calls > 2 and not self._gate.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        return super().embed_images(images)


class LoggingEmbedder(SlowEmbedder):
    """Writes down in which process, and with which GPUs, it embeds."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        with self._log.open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}\n")
        return super().embed_images(images)


def models() -> Models:
    return Models([ColourEmbedder()], [CaptionAnalyzer(ColourCaptioner())])


def slow_models() -> Models:
    return Models([SlowEmbedder()], [CaptionAnalyzer(ColourCaptioner())])


def waiting_models(gate: Path) -> Models:
    return Models([WaitingEmbedder(gate)], [CaptionAnalyzer(ColourCaptioner())])


def logging_models(log: Path) -> Models:
    return Models([LoggingEmbedder(log)], [CaptionAnalyzer(ColourCaptioner())])


def dying_models() -> Models:
    return Models([DyingEmbedder()], [CaptionAnalyzer(ColourCaptioner())])


def clips(folder: Path, num_seconds: Sequence[int]) -> Path:
    """Make a folder of clips of so many seconds each, none of them green."""
    folder.mkdir()
    for number, length in enumerate(num_seconds):
        own = [COLOURS[(number + place) % len(COLOURS)] for place in range(length)]
        colour_clip(folder / f"{number}.mp4", own, start=number)
    return folder


def index(library: Store, folder: Path, runner: Runner | None = None, **options: Any) -> IngestReport:
    return ingest(
        library,
        [folder],
        embedders=[ColourEmbedder()],
        captioner=ColourCaptioner(),
        plan=PLAN,
        options=OPTIONS,
        runner=runner,
        **options,
    )


def runner_of(
    load: Callable[[], Models] = models,
    *,
    num_workers: int | None = 2,
    introduction: Introduction | None = None,
    options: PipelineOptions = OPTIONS,
    **ray_options: Any,
) -> RayRunner:
    environment = {"PYTHONPATH": str(REPOSITORY)}
    return RayRunner(
        load,
        introduction or Introduction.of(load()),
        ray_options=RayOptions(num_workers=num_workers, environment=environment, **ray_options),
        options=options,
    )


def contents(library: Store) -> Contents:
    """All frames with their captions and vectors, by file; all videos are whole, in one space."""
    (space,) = library.spaces()
    found = {}
    for video in library.videos():
        assert video.is_complete
        frames = library.frames(video.id)
        ids, rows = library.vectors(space, [frame.id for frame in frames])
        vectors = {number: tuple(np.round(row, 6).tolist()) for number, row in zip(ids, rows, strict=True)}
        found[video.path.name] = [
            (frame.time_seconds, frame.caption.text if frame.caption else None, vectors[frame.id])
            for frame in frames
        ]
    return found


@contextmanager
def cluster_of(*nodes: dict[str, Any]) -> Iterator[Any]:
    """A cluster of these nodes, each a few processes of this machine, that this process is connected to."""
    # Else nodes that join after this process has found the token of this machine ask the others for it.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray
    from ray.cluster_utils import Cluster

    head, *others = nodes
    opened = Cluster(initialize_head=True, head_node_args=head)
    for node in others:
        opened.add_node(**node)
    ray.init(address=opened.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield opened
    finally:
        ray.shutdown()
        opened.shutdown()


def workers_of(pid: int | None = None) -> list[psutil.Process]:
    """The processes of the workers of a cluster that a process has started; this one without `pid`."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):
            if "ray::Worker" in " ".join(process.cmdline()):
                found.append(process)
    return found


def kill(pids: Sequence[int]) -> None:
    """Kill processes by SIGKILL, where they are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
