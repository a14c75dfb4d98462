"""How many frames the one process of a command takes in from workers on Ray.

The workers decode small films and make up a vector for each picture, so that they send frames far faster than
models would let them. What is counted is the CPU of the process that holds the library alone: it opens the
files, asks the workers, unpacks what they send, and writes it.

    python benchmarks/ray_session.py --films 6 --seconds 100 --workers 2
"""

from __future__ import annotations

import argparse
import shutil
import struct
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import ray
from ray.cluster_utils import Cluster

from vidsearch.ingest import ProgressState, ingest
from vidsearch.ingest.ray_cluster import RayOptions
from vidsearch.ingest.ray_runner import RayRunner
from vidsearch.ingest.ray_worker import Introduction, Models
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace, SamplingPlan

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

FRAME_RATE = 25
DIM = 512


class QuickEmbedder:
    """A vector of the usual size that costs nothing."""

    space = EmbeddingSpace("made up", "0" * 40, "none", DIM)
    short_side_pixels = 64

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        rows = np.full((len(images), DIM), DIM**-0.5, dtype=np.float32)
        rows[:, 0] *= [1.0 if int(image[0, 0, 0]) % 2 else -1.0 for image in images]
        return rows

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        raise NotImplementedError


def quick_models() -> Models:
    """What a worker of this benchmark runs."""
    return Models([QuickEmbedder()])


def write_film(path: Path, seconds: int) -> None:
    """A ramp that moves, under noise: its small pictures take some 6 kB, as those of films do."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 398, dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FRAME_RATE, options={"preset": "ultrafast", "crf": "23"}
        )
        stream.width, stream.height, stream.pix_fmt = 398, 224, "yuv420p"
        stream.time_base = Fraction(1, FRAME_RATE)
        for number in range(seconds * FRAME_RATE):
            noise = random.integers(0, 32, (224, 398, 3), dtype=np.uint8)
            image = np.roll(ramp, 8 * number)[None, :, None] + noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def films(folder: Path, num_films: int, seconds: int) -> list[Path]:
    """Films that differ by an empty box at their end."""
    write_film(folder / "0.mp4", seconds)
    for number in range(1, num_films):
        path = Path(shutil.copy(folder / "0.mp4", folder / f"{number}.mp4"))
        with path.open("ab") as file:
            file.write(struct.pack(">I4sI", 12, b"free", number))
    return sorted(folder.glob("*.mp4"))


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(options.workers - 1):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    runner = RayRunner(
        quick_models, Introduction.of(quick_models()), ray_options=RayOptions(num_workers=options.workers)
    )
    readings: list[tuple[int, float, float]] = []

    def read(state: ProgressState) -> None:
        if len(state.workers) == options.workers and state.num_frames:
            readings.append((state.num_frames, time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/library", create=True) as library:
        (Path(folder) / "films").mkdir()
        paths = films(Path(folder) / "films", options.films, options.seconds)
        report = ingest(
            library,
            paths,
            embedders=[QuickEmbedder()],
            plan=SamplingPlan(fps=FRAME_RATE),
            runner=runner,
            on_progress=read,
        )
        size = (Path(library.path) / "catalog.sqlite3").stat().st_size
    assert report.failures == (), report.failures
    (first, began, cpu_before), (last, ended, cpu) = readings[0], readings[-1]
    num_frames, cpu_seconds, wall_seconds = last - first, cpu - cpu_before, ended - began
    print(f"{num_frames:,} frames, {size / report.counts.num_frames:,.0f} bytes each in the library")
    print(f"{num_frames / cpu_seconds:,.0f} frames per CPU second of the command's own process")
    print(f"{num_frames / wall_seconds:,.0f} frames per second, with {cpu_seconds / wall_seconds:.2f} cores")
    ray.shutdown()
    nodes.shutdown()


if __name__ == "__main__":
    main()
