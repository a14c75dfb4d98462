"""Peak memory of an ingest over that of its models: does it depend on a video's length, or on its size?

    python benchmarks/ingest_memory.py

Each run is a process of its own; its peak is the kernel's own count (VmHWM, so Linux only), reset when the
models are loaded and have run once, and the library is open. The long videos are 640 x 360 and embedded
as their mean colour, so that an hour takes a minute; the large ones go through CLIP ViT-B/32 with random
weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.bench import write_clip
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.models.protocols import Embedder
    from vidsearch.types import Float32, UInt8Image

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """A video to measure on."""

    name: str
    seconds: float
    width: int
    height: int
    model: str


CASES = (
    Case("3 min, 360p", 180, 640, 360, "mean colour"),
    Case("60 min, 360p", 3600, 640, 360, "mean colour"),
    Case("1 min, 1080p", 60, 1920, 1080, "clip"),
    Case("1 min, 4K", 60, 3840, 2160, "clip"),
)


class MeanColour:
    """The least that can be called an embedder."""

    space = EmbeddingSpace("mean colour", "1", "none", 3)
    short_side_pixels = 224

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Mean colours, as unit rows."""
        rows = np.stack([image.reshape(-1, 3).mean(axis=0) for image in images])
        unit: Float32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Nobody asks."""
        raise NotImplementedError


def peak_over_models(video: Path, model: str) -> dict[str, float]:
    """Index a video in this process. Returns MiB with the models alone, and the peak over that."""
    from vidsearch.ingest import ingest
    from vidsearch.store.store import Store

    embedder: Embedder = MeanColour()
    if model != "mean colour":
        from vidsearch.models.device import choose_device
        from vidsearch.models.random_weights import random_embedder

        embedder = random_embedder(model, device=choose_device("cpu"))
    images = [np.random.default_rng(0).integers(0, 255, (224, 398, 3), dtype=np.uint8)] * 32
    embedder.embed_images(images)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), create=True) as library:
        Path("/proc/self/clear_refs").write_text("5")
        before = status("VmRSS")
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
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--cases", nargs="*", help="parts of the names of the cases to run")
    options = parser.parse_args()
    if options.only:
        video, model = options.only
        print(json.dumps(peak_over_models(Path(video), model)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            if options.cases and not any(part in case.name for part in options.cases):
                continue
            video = write_clip(
                Path(folder) / f"{number}.mp4", seconds=case.seconds, width=case.width, height=case.height
            )
            command = [sys.executable, __file__, "--only", str(video), case.model]
            peak = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            print(
                f"{case.name:14}{peak['frames']:6} frames   models {peak['models']:6.0f} MiB   "
                f"peak over them {peak['over']:6.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
