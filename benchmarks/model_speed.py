"""Images and captions per second of CLIP and BLIP, in each precision, one after the other on the same images.

    python benchmarks/model_speed.py [--images 32] [--device auto] [--json FILE]

Published sizes with random weights, so that it runs without them; see `vidsearch/models/random_weights.py`
for what that changes. Each figure is the best of three runs after one to warm up, so that another job on the
machine disturbs it less; the ratio of two precisions is firmer than either figure.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vidsearch.models.device import Device, choose_device
from vidsearch.models.random_weights import random_captioner, random_embedder

_NUM_RUNS = 3
_HEADER = f"{'task':24} {'device':40} {'batch':>5} {'per s':>7} {'CPU s':>6} {'cosine':>8}"


@dataclass(frozen=True, slots=True)
class Speed:
    """One line of the table."""

    task: str
    device: str
    batch_size: int
    wall_per_second: float
    """Images per second of wall-clock time."""
    cpu_seconds_per_image: float
    """Processor time, all cores together: what other jobs on the machine do not change much."""
    cosine_with_fp32: float | None
    """Least cosine of a vector with the fp32 model's; None for captions."""

    def describe(self) -> str:
        cosine = "" if self.cosine_with_fp32 is None else f"{self.cosine_with_fp32:.6f}"
        return (
            f"{self.task:24} {self.device:40} {self.batch_size:5} {self.wall_per_second:7.2f} "
            f"{self.cpu_seconds_per_image:6.3f} {cosine:>8}"
        )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--caption-images", type=int, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kind = choose_device(options.device).kind
    precisions = ("fp32", "bf16", "fp16") if kind == "cuda" else ("fp32", "bf16")
    devices = [choose_device(kind, precision) for precision in precisions]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, size=(384, 512, 3), dtype=np.uint8) for _ in range(options.images)]
    print(_HEADER)
    lines: list[Speed] = []
    for name in ("clip", "blip"):
        reference: np.ndarray | None = None
        for device in devices:
            embedder = random_embedder(name, device=device, batch_size=options.batch_size)
            rows = embedder.embed_images(images[:4])
            reference = rows if reference is None else reference
            cosine = float(np.sum(rows * reference, axis=1).min())
            lines.append(_measure(f"{name} embed", device, images, embedder.embed_images, cosine, embedder))
            print(lines[-1].describe(), flush=True)
    few = images[: options.caption_images]
    for num_beams in (1, 3):
        for device in devices:
            captioner = random_captioner(
                "blip", device=device, num_beams=num_beams, batch_size=options.batch_size
            )
            task = f"blip caption, {num_beams} beams"
            lines.append(_measure(task, device, few, captioner.captions, None, captioner))
            print(lines[-1].describe(), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1))


def _measure(
    task: str,
    device: Device,
    images: list[np.ndarray],
    work: Callable[[list[np.ndarray]], object],
    cosine: float | None,
    model: object,
) -> Speed:
    work(images[:2])
    walls, processors = [], []
    for _ in range(_NUM_RUNS):
        wall, processor = time.perf_counter(), time.process_time()
        work(images)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return Speed(
        task=task,
        device=device.describe(),
        batch_size=int(getattr(model, "batch_size", 0)),
        wall_per_second=len(images) / min(walls),
        cpu_seconds_per_image=min(processors) / len(images),
        cosine_with_fp32=cosine,
    )


if __name__ == "__main__":
    main()
