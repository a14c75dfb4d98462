"""Peak memory of an ingest over that of its models: does it depend on a video's length, or on its size?

    python benchmarks/ingest_memory.py

Each run is a process of its own; its peak is the kernel's own count (VmHWM, so Linux only), reset when the
models are loaded and have run once. The long videos are 640 x 360, so that an hour is decoded in a minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidsearch.bench import write_clip

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """A video to measure on."""

    name: str
    seconds: float
    width: int
    height: int


CASES = (
    Case("3 min, 360p", 180, 640, 360),
    Case("60 min, 360p", 3600, 640, 360),
    Case("1 min, 1080p", 60, 1920, 1080),
    Case("1 min, 4K", 60, 3840, 2160),
)


def peak_over_models(video: Path) -> dict[str, float]:
    """Index a video in this process. Returns MiB with the models alone, and the peak over that."""
    from vidsearch.index.library import Library
    from vidsearch.ingest import ingest
    from vidsearch.models.device import choose_device
    from vidsearch.models.random_weights import random_embedder

    embedder = random_embedder("clip", device=choose_device("cpu"))
    images = [np.random.default_rng(0).integers(0, 255, (224, 398, 3), dtype=np.uint8)] * 32
    embedder.embed_images(images)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder), create=True) as library:
        report = ingest(library, [video], embedders=[embedder])
    assert not report.failures
    return {"models": before, "over": status("VmHWM") - before, "frames": report.counts.num_frames}


def status(field: str) -> float:
    """A memory field of /proc/self/status, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / MEBIBYTE
    raise ValueError(f"/proc/self/status has no {field}")


def main() -> None:
    """Measure each case in a process of its own, and print a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cases", nargs="*", help="parts of the names of the cases to run")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(peak_over_models(options.only)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            if options.cases and not any(part in case.name for part in options.cases):
                continue
            video = write_clip(
                Path(folder) / f"{number}.mp4", seconds=case.seconds, width=case.width, height=case.height
            )
            command = [sys.executable, __file__, "--only", str(video)]
            peak = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            print(
                f"{case.name:14}{peak['frames']:6} frames   models {peak['models']:6.0f} MiB   "
                f"peak over them {peak['over']:6.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
