"""Many short clips against one long video of the same frames: does opening files cost full batches?

    python benchmarks/ingest_clips.py [--clips 200] [--seconds 3]

Frames a second of both, in turn, and their ratio. CLIP ViT-B/32 with random weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import median

import av

from vidsearch.bench import write_clip
from vidsearch.bench.clip import append
from vidsearch.ingest import ingest
from vidsearch.models.device import choose_device
from vidsearch.models.protocols import Embedder
from vidsearch.models.random_weights import random_embedder
from vidsearch.store.store import Store


def main() -> None:
    """Run both in turn, and print what each took and how they compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=3, help="length of a clip")
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    embedder = random_embedder("clip", device=choose_device("cpu"))
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        one = write_clip(
            place / "one.mp4", seconds=options.seconds, width=options.width, height=options.height
        )
        clips = place / "clips"
        clips.mkdir()
        for number in range(options.clips):
            join(one, 1, clips / f"{number:04}.mp4", seconds=options.seconds, title=str(number))
        long = join(one, options.clips, place / "long.mp4", seconds=options.seconds, title="long")
        ratios = []
        for _ in range(options.rounds):
            of_long, of_clips = (frames_per_second(source, embedder) for source in (long, clips))
            ratios.append(of_clips / of_long)
            print(f"one video {of_long:7.1f} frames/s   clips {of_clips:7.1f} frames/s", flush=True)
    print(f"clips / one video: median {median(ratios):.2f}, all {[round(ratio, 2) for ratio in ratios]}")


def frames_per_second(source: Path, embedder: Embedder) -> float:
    """Index into a new library."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), create=True) as library:
        started = time.perf_counter()
        report = ingest(library, [source], embedders=[embedder])
        assert not report.failures
        return report.counts.num_frames / (time.perf_counter() - started)


def join(clip: Path, num_times: int, path: Path, *, seconds: int, title: str) -> Path:
    """Put a clip one after the other without encoding; the title makes the content another."""
    with av.open(str(path), "w") as output:
        output.metadata["title"] = title
        for turn in range(num_times):
            append(clip, output, offset=Fraction(turn * seconds))
    return path


if __name__ == "__main__":
    main()
