"""Many short clips against one long video of the same frames: does opening files cost full batches?

    python benchmarks/ingest_clips.py [--clips 200] [--seconds 3]

Frames a second of both, and per CPU second, in turn, and their ratios; the first round does not count. CLIP
ViT-B/32 with random weights. The ratio per CPU second holds on a busy machine too.
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
        ratios: list[tuple[float, float]] = []
        for turn in range(options.rounds + 1):
            of_long, of_clips = (speed(source, embedder) for source in (long, clips))
            if not turn:
                continue
            ratios.append((of_clips[0] / of_long[0], of_clips[1] / of_long[1]))
            print(
                "   ".join(
                    f"{name} {wall:6.1f} frames/s {cpu:6.2f} per CPU s"
                    for name, (wall, cpu) in (("one video", of_long), ("clips", of_clips))
                ),
                flush=True,
            )
    for which, kind in enumerate(("wall", "CPU")):
        of_kind = [round(ratio[which], 2) for ratio in ratios]
        print(f"clips / one video, {kind}: median {median(of_kind):.2f}, all {of_kind}")


def speed(source: Path, embedder: Embedder) -> tuple[float, float]:
    """Index into a new library: frames per second, and per CPU second."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), create=True) as library:
        wall, cpu = time.perf_counter(), time.process_time()
        report = ingest(library, [source], embedders=[embedder])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert not report.failures
    return report.counts.num_frames / wall, report.counts.num_frames / cpu


def join(clip: Path, num_times: int, path: Path, *, seconds: int, title: str) -> Path:
    """Put a clip one after the other without encoding; the title makes the content another."""
    with av.open(str(path), "w") as output:
        output.metadata["title"] = title
        for turn in range(num_times):
            append(clip, output, offset=Fraction(turn * seconds))
    return path


if __name__ == "__main__":
    main()
