"""How close an ingest comes to its own limit: the same decoder and the same model, and nothing else.

    python benchmarks/ingest_limit.py
    python benchmarks/ingest_limit.py --cases 360p --rounds 5

The limit is a loop of two threads: one decodes as `vidsearch.media.decode` does, the other embeds full
batches. It has no library, no thumbnails, no hashes, and no test for blank or repeated frames. Both go
through the same video with one model (CLIP ViT-B/32, random weights) in one process, in turn; the first
round does not count. The ratio of CPU seconds holds on a busy machine too; that of wall seconds needs an
idle one.
"""

from __future__ import annotations

import argparse
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from vidsearch.bench import NO_B_FRAMES, X264_DEFAULTS, write_clip
from vidsearch.ingest import ingest
from vidsearch.ingest.pipeline import PipelineOptions
from vidsearch.media.decode import frames
from vidsearch.models.device import choose_device
from vidsearch.models.random_weights import random_embedder
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.models.protocols import Embedder
    from vidsearch.types import UInt8Image


@dataclass(frozen=True, slots=True)
class Case:
    """A video to measure on."""

    name: str
    seconds: int
    width: int
    height: int
    encoder_options: Mapping[str, str]


CASES = (
    Case("360p", 720, 640, 360, X264_DEFAULTS),
    Case("1080p, x264's defaults", 180, 1920, 1080, X264_DEFAULTS),
    Case("1080p, no B-frames", 180, 1920, 1080, NO_B_FRAMES),
)


def limit(video: Path, embedder: Embedder) -> int:
    """Decode in one thread and embed in this one. Returns the number of frames."""
    options = PipelineOptions()
    batch_size = options.images_per_call([embedder])
    decoded: queue.Queue[UInt8Image | None] = queue.Queue(2 * batch_size)

    def decode() -> None:
        for frame in frames(
            video,
            SamplingPlan(),
            short_side_pixels=embedder.short_side_pixels,
            num_threads=options.threads_per_codec(1),
        ):
            decoded.put(frame.image)
        decoded.put(None)

    thread = threading.Thread(target=decode)
    thread.start()
    batch: list[UInt8Image] = []
    num_frames = 0
    while (image := decoded.get()) is not None:
        batch.append(image)
        if len(batch) == batch_size:
            num_frames += len(embedder.embed_images(batch))
            batch = []
    if batch:
        num_frames += len(embedder.embed_images(batch))
    thread.join()
    return num_frames


def whole(video: Path, embedder: Embedder) -> int:
    """Index into a new library. Returns the number of frames."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), create=True) as library:
        report = ingest(library, [video], embedders=[embedder])
    assert not report.failures
    return report.counts.num_frames


def measured(way: Callable[[Path, Embedder], int], video: Path, embedder: Embedder) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    way(video, embedder)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure each case, and print a line per round and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="*", help="parts of the names of the cases to run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the videos' lengths")
    options = parser.parse_args()
    embedder = random_embedder("clip", device=choose_device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            if options.cases and not any(part in case.name for part in options.cases):
                continue
            video = write_clip(
                Path(folder) / f"{number}.mp4",
                seconds=case.seconds * options.scale,
                width=case.width,
                height=case.height,
                encoder_options=case.encoder_options,
            )
            print(f"\n{case.name}: {case.seconds * options.scale:.0f} s of video", flush=True)
            ratios: list[tuple[float, float]] = []
            for turn in range(options.rounds + 1):
                bare, ours = (measured(way, video, embedder) for way in (limit, whole))
                if not turn:
                    continue
                ratios.append((bare[0] / ours[0], bare[1] / ours[1]))
                print(
                    f"limit {bare[0]:6.2f} s wall {bare[1]:6.2f} s CPU   "
                    f"whole {ours[0]:6.2f} s wall {ours[1]:6.2f} s CPU",
                    flush=True,
                )
            for which, kind in enumerate(("wall", "CPU")):
                of_kind = [round(ratio[which], 2) for ratio in ratios]
                print(f"limit / whole, {kind}: median {median(of_kind):.2f}, all {of_kind}")


if __name__ == "__main__":
    main()
