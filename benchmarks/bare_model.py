"""How near CLIP's embedder comes to its bare network: what batches, preprocessing and rows cost beside it.

    python benchmarks/bare_model.py [--images 64] [--rounds 3] [--precision auto]

The bare network reads pixels that are ready, in batches of several sizes; `embed_images` gets pictures as a
decoder gives them, and its preprocessing is also timed alone. CLIP ViT-B/32 with random weights, CPU
milliseconds an image, the least of the rounds, which are in turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from vidsearch.models.device import choose_device
from vidsearch.models.random_weights import random_embedder

SIZES = (1, 4, 8, 16, 32, 64)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    device = choose_device("cpu", options.precision)
    embedder: Any = random_embedder("clip", device=device)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (224, 398, 3), dtype=np.uint8) for _ in range(options.images)]
    pixels = embedder._runner.pixels(images)

    def bare(size: int) -> Callable[[], object]:
        return lambda: [embedder._image_rows(batch) for batch in pixels.split(size)]

    works: dict[str, Callable[[], object]] = {
        f"bare network, batches of {size}": bare(size) for size in SIZES
    }
    works["preprocessing alone"] = lambda: embedder._runner.pixels(images)
    works[f"embed_images, batches of {embedder.batch_size}"] = lambda: embedder.embed_images(images)
    least = dict.fromkeys(works, float("inf"))
    with torch.inference_mode():
        embedder.embed_images(images[:2])
        for _ in range(options.rounds):
            for name, work in works.items():
                started = time.process_time()
                work()
                least[name] = min(least[name], (time.process_time() - started) * 1000 / len(images))
    print(f"{device.describe()}, {torch.get_num_threads()} threads\n\n| what | CPU ms an image |\n|---|---|")
    for name, spent in least.items():
        print(f"| {name} | {spent:.1f} |")
    *bare_times, prepared, ours = least.values()
    print(f"\nembed_images is at {min(bare_times) / ours:.2f} of the bare network at its best", end="")
    print(f", at {min(bare_times) / (ours - prepared):.2f} without preprocessing")


if __name__ == "__main__":
    main()
