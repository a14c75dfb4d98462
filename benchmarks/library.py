"""Measure a library: adding frames, opening it cold, full-text search, filters, and memory.

    python benchmarks/library.py [--num-frames 10000] [--dim 512] [--keep FOLDER]

Fills a library with made-up frames: 512-d vectors like those of `vector_search.py`, 6 KB of picture, and
captions of words from a vocabulary whose frequencies fall as in English (Zipf), each standing for three
frames on average, as captions of video do. Then measures, each in a process of its own where it is about a
cold start. "Cold" is the start of a process; the files are in the system's cache.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from made_up import add_video

from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import EmbeddingSpace, Fingerprint, FrameFilter, VideoInfo

VIDEO_FRAMES = 600
CHUNK_FRAMES = 60
_COMMON = (
    "man woman dog red car two people standing sitting white street black table water holding field next "
    "playing large group walking grass small top building person blue front room riding green food cat "
    "plate train young wearing tree horse boy girl ball snow beach road bench sky bus couple"
)
_COLD = """
import sys, time
times = [time.process_time()]
import numpy as np
times.append(time.process_time())
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
times.append(time.process_time())
library = Store.open(sys.argv[1])
times.append(time.process_time())
space = library.spaces()[0]
library.nearest(space, np.ones((1, space.dim), np.float32) / space.dim**0.5, 10)
times.append(time.process_time())
library.match_scores("a dog on the grass", 10, kinds=[WordKind("caption")])
times.append(time.process_time())
print(*(f"{1e3 * (end - start):.0f}" for start, end in zip(times, times[1:])))
"""
_COLD_STEPS = ("import numpy", "import the library", "open", "first nearest", "captions")


def fill(library: Store, num_frames: int, dim: int, picture_bytes: int) -> None:
    """Add frames, a video and a chunk at a time."""
    rng = np.random.default_rng(0)
    space = EmbeddingSpace(model="made up", weights_digest="none", preprocessing="none", dim=dim)
    rare = [f"word{number}" for number in range(5000)]
    vocabulary = [*_COMMON.split(), *rare]
    frequencies = 1 / np.arange(2, len(vocabulary) + 2)
    frequencies /= frequencies.sum()
    picture = bytes(rng.integers(256, size=picture_bytes, dtype=np.uint8))
    for number in range(-(-num_frames // VIDEO_FRAMES)):
        length = min(VIDEO_FRAMES, num_frames - number * VIDEO_FRAMES)
        path = Path(f"/made-up/{number}.mp4")
        name = f"{number:040x}"
        whole = Fingerprint(content_hash=name, quick_key=name, size_bytes=1, mtime_ns=number)
        info = VideoInfo(1, "mp4", "h264", 640, 360, 0, 25.0, float(length), 0, None)
        rows = rng.standard_normal((length, dim), dtype=np.float32)
        rows = rng.standard_normal(dim, dtype=np.float32) + 0.5 * rows
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        words = rng.choice(vocabulary, size=(length // 3 + 1, 7), p=frequencies)
        texts = ["a " + " ".join(words[frame // 3]) for frame in range(length)]
        add_video(
            library,
            path,
            whole,
            info,
            space,
            rows,
            texts,
            thumbnail_jpeg=picture,
            chunk_frames=CHUNK_FRAMES,
        )


def milliseconds(work: Callable[[], object], *, times: int = 20) -> str:
    """Median time and mean CPU time of some runs, after one that does not count."""
    work()
    taken = []
    cpu = time.process_time()
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - started))
    return f"{np.median(taken):.2f} ({1e3 * (time.process_time() - cpu) / times:.2f})"


def peak_megabytes() -> float:
    """The most memory that this process has had, mapped files in it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fill a library and print what it takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num-frames", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--picture-bytes", type=int, default=6000)
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the library, to use it again")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.num_frames:,} frames")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "library"
        if not (folder / "catalog.sqlite3").exists():
            with Store.open(folder, create=True) as library:
                before = peak_megabytes()
                started, cpu = time.perf_counter(), time.process_time()
                fill(library, options.num_frames, options.dim, options.picture_bytes)
                seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
                each = 1e3 * cpu / options.num_frames
                print(f"add: {options.num_frames / seconds:,.0f} frames/s, {each:.2f} ms CPU each")
                print(f"memory: {peak_megabytes() - before:.0f} MB more than before, at its most")
                started = time.perf_counter()
                library.refresh_vectors()
                print(f"refresh vectors: {time.perf_counter() - started:.1f} s")
        command = [sys.executable, "-c", _COLD, str(folder)]
        colds = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(5)]
        best = min((cold.stdout.split() for cold in colds), key=lambda took: sum(map(int, took)))
        print("cold, CPU ms, best of 5: " + ", ".join(map(" ".join, zip(_COLD_STEPS, best, strict=True))))
        with Store.open(folder) as library:
            space = library.spaces()[0]
            query = np.ones((1, space.dim), np.float32) / space.dim**0.5
            among = library.frame_ids(FrameFilter(before_seconds=100.0))
            works: dict[str, Callable[[], object]] = {
                "nearest, k = 10": lambda: library.nearest(space, query, 10),
                "nearest among a sixth": lambda: library.nearest(space, query, 10, among=among),
                "matrix": lambda: library.matrix(space),
                "filter by time": lambda: library.frame_ids(FrameFilter(before_seconds=100.0)),
                "filter by glob": lambda: library.frame_ids(FrameFilter(video_glob="*7.mp4")),
                "filter by words": lambda: library.frame_ids(FrameFilter(caption_words="bench")),
            }
            for words in ("a man and a dog on the grass", "word100 word200", "bench", "snow*"):
                works[f"captions {words!r}, k = 100"] = partial(
                    library.match_scores, words, 100, kinds=[WordKind("caption")]
                )
            print("warm, median ms of 20 (mean CPU ms):")
            for name, work in works.items():
                print(f"  {name}: {milliseconds(work)}")
            print(f"  size: {library.info().size_bytes / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
