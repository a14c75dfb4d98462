"""From process start to printed hits: `vidsearch search` in 10,000 frames, and `vidsearch --help`.

    python benchmarks/cold_search.py

The library is made on the spot: 100 videos of 100 frames, vectors in the space of `mini` drawn at random
around a centre for each video, and captions of everyday words. Each command is run as a process of its own,
once to warm the disk's cache and then `--runs` times; wall and CPU seconds are given.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from made_up import add_video

from vidsearch.models.mini import MiniTextEncoder
from vidsearch.store.store import Store
from vidsearch.types import Fingerprint, LibraryModels, VideoInfo

NUM_VIDEOS = 100
FRAMES_PER_VIDEO = 100
WORDS = ("man", "woman", "dog", "cat", "car", "street", "beach", "kitchen", "red", "walks", "sits", "people")


def main() -> None:
    """Make the library, and time the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        write_library(library)
        print("| command | wall s, median (range) | CPU s, median |\n|---|---|---|")
        for words in (["--help"], ["search", "two people on a beach", "--library", str(library)]):
            measured = [run(words) for _ in range(runs + 1)][1:]
            walls, cpus = zip(*measured, strict=True)
            shown = f"{statistics.median(walls):.2f} ({min(walls):.2f}-{max(walls):.2f})"
            print(f"| vidsearch {words[0]} | {shown} | {statistics.median(cpus):.2f} |")


def run(words: list[str]) -> tuple[float, float]:
    """Run `vidsearch` with these words. Returns wall and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "vidsearch", *words], check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_library(path: Path) -> None:
    """Write a library of 10,000 frames."""
    chance = np.random.default_rng(0)
    space = MiniTextEncoder().space
    info = VideoInfo(0, "mp4", "h264", 640, 360, 0, 25.0, float(FRAMES_PER_VIDEO), 0, None)
    with Store.open(path, create=True) as library:
        library.set_models(LibraryModels(("mini",), "mini"))
        for number in range(NUM_VIDEOS):
            file = path / f"video {number}.mp4"
            file.write_bytes(bytes([number]))
            stat = file.stat()
            fingerprint = Fingerprint(f"{number:064x}", f"{number:064x}", stat.st_size, stat.st_mtime_ns)
            rows = chance.standard_normal(space.dim) + 0.7 * chance.standard_normal(
                (FRAMES_PER_VIDEO, space.dim)
            )
            rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
            texts = [" ".join(chance.choice(WORDS, 8)) for _ in rows]
            add_video(library, file, fingerprint, info, space, rows, texts, model="mini")
        library.refresh_vectors()


if __name__ == "__main__":
    main()
