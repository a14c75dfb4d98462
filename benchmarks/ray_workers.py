"""What an ingest on Ray costs beside one on this machine alone, and how it grows with its workers.

The nodes of the cluster are processes of this machine, so that workers share its cores: what is seen is the
cost of Ray and of the session, and no speed-up beyond the cores. Each run is measured from when all workers
are there to its last frame: frames per second, how many cores were busy, and frames per second of CPU, of all
processes and of the command's own, which on Ray holds the library and embeds nothing. Rounds alternate, so
that what else the machine does meets all alike; the middle one by frames per second of CPU is printed.

    OMP_NUM_THREADS=1 python benchmarks/ray_workers.py VIDEO... --workers 1 2 --in-hand 1 2 --rounds 3
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from vidsearch.ingest import PipelineOptions, ProgressState, ingest
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.ray_cluster import RayOptions
from vidsearch.ingest.ray_runner import RayRunner
from vidsearch.ingest.ray_worker import Introduction, Models
from vidsearch.models.device import Device
from vidsearch.models.registry import load_captioner, load_embedder
from vidsearch.store.store import Store


class Reading(NamedTuple):
    """Where a run stands."""

    num_frames: float
    wall_seconds: float
    cpu_seconds: float
    own_cpu_seconds: float
    """Of this process."""

    def since(self, other: Reading) -> Reading:
        return Reading(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


def mini() -> Models:
    """The models that ship with vidsearch."""
    device = Device("cpu", "fp32")
    captioner = load_captioner("mini", device=device)
    return Models([load_embedder("mini", device=device)], [CaptionAnalyzer(captioner)])


class Clock:
    """Reads once a second how far a run is, and the CPU seconds of this process and all that it started."""

    def __init__(self, num_workers: int) -> None:
        """It begins once so many workers have loaded their models."""
        self._num_workers = num_workers
        self.readings: list[Reading] = []
        self._of_others: dict[int, float] = {}
        self._of_reading = 0.0

    def read(self, state: ProgressState) -> None:
        if not state.num_frames or len(state.workers) < self._num_workers:
            return
        wall = time.perf_counter()
        if self.readings and wall < self.readings[-1].wall_seconds + 1:
            return
        own = time.process_time() - self._of_reading
        began = time.thread_time()
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._of_others[process.pid] = times.user + times.system
        self._of_reading += time.thread_time() - began
        self.readings.append(Reading(state.num_frames, wall, own + sum(self._of_others.values()), own))


def measure(videos: list[Path], models: Models, runner: RayRunner | None) -> Reading:
    """Index into a new library. Returns what came between the first reading and the last one."""
    clock = Clock(0 if runner is None else runner.ray_options.num_workers or 0)
    with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/library", create=True) as library:
        report = ingest(
            library,
            videos,
            embedders=models.embedders,
            analyzers=models.analyzers,
            runner=runner,
            on_progress=clock.read,
        )
    assert report.failures == (), report.failures
    return clock.readings[-1].since(clock.readings[0])


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--in-hand", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(max(options.workers) - 1):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    models = mini()
    runners: dict[str, RayRunner | None] = {"this machine": None}
    for workers in options.workers:
        for in_hand in options.in_hand:
            runners[f"{workers} on Ray, {in_hand} in hand"] = RayRunner(
                mini,
                Introduction.of(models),
                ray_options=RayOptions(num_workers=workers),
                options=PipelineOptions(num_decode_threads=in_hand),
            )
    rounds: dict[str, list[Reading]] = {name: [] for name in runners}
    for _ in range(options.rounds):
        for name, runner in runners.items():
            rounds[name].append(measure(options.videos, models, runner))
    print(f"{'':24}frames/s  cores busy  frames per CPU second  of its own process")
    for name, readings in rounds.items():
        middle = statistics.median_low(each.num_frames / each.cpu_seconds for each in readings)
        each = next(each for each in readings if each.num_frames / each.cpu_seconds == middle)
        rate, busy = each.num_frames / each.wall_seconds, each.cpu_seconds / each.wall_seconds
        own = each.num_frames / each.own_cpu_seconds
        print(f"{name:24}{rate:8.1f}  {busy:10.2f}  {middle:21.1f}  {own:18.0f}")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
