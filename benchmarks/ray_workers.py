"""How an ingest on Ray grows with its workers: frames per second here alone, and with 1, 2, ... workers.

The nodes of the cluster are processes of this machine, so that workers share its cores: what is seen is the
cost of Ray and of the session, and no speed-up beyond the cores. Each run is timed from its first frame on,
after the workers have loaded their models.

    OMP_NUM_THREADS=1 python benchmarks/ray_workers.py VIDEO... --workers 1 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from vidsearch.ingest import ProgressState
from vidsearch.ingest.ray_runner import RayOptions
from vidsearch.service.indexing import IndexOptions, index_into


def frames_per_second(videos: list[Path], workers: int | None) -> tuple[float, int]:
    """Index into a new library. Returns the rate from the first frame on, and the number of frames."""
    seen: list[tuple[float, int]] = []

    def on_progress(state: ProgressState) -> None:
        if state.num_frames and (not seen or seen[-1][1] != state.num_frames):
            seen.append((time.perf_counter(), state.num_frames))

    settings = IndexOptions.of(
        {
            "models": "mini",
            "workers": None if workers is None else RayOptions(num_workers=workers),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        report, _ = index_into(Path(folder) / "library", videos, settings, on_progress=on_progress)
    ended = time.perf_counter()
    (began, first), total = seen[0], report.counts.num_frames
    return (total - first) / (ended - began), total


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(max(options.workers) - 1):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    for workers in (None, *options.workers):
        rate, total = frames_per_second(options.videos, workers)
        name = "this machine" if workers is None else f"{workers} on Ray"
        print(f"{name:14} {rate:7.1f} frames/s ({total} frames)", flush=True)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
