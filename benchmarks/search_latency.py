"""Measure what a search takes beyond its text encoder, in a library of made-up frames.

    python benchmarks/search_latency.py [--num-frames 1000000] [--folder KEEP] [--num-queries 200]

The library is a real one, written through `Store.append`: vectors like the frames of videos (see
`vector_search.py`), 300 frames a video, and a caption per shot of eight frames, made of 40 adjectives, 300
nouns, 60 verbs and 100 places. A query's words are those of a caption, its vector one that shares a topic
with frames; the encoder hands it out at once, so that its time does not count. `hybrid` is the default
search: pictures and captions fused, frames joined into moments, duplicates folded, ten hits with captions.
The steps are three within 30 seconds, over the first `--num-steps-frames` frames.
Wall-clock and the process's CPU time are given; on a machine that does other work, the latter says more.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from made_up import add_video
from vector_search import clustered

from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace, Fingerprint, FrameFilter, VideoInfo

VIDEO_FRAMES = 300
SHOT_FRAMES = 8
DIM = 512
SPACE = EmbeddingSpace("made-up", "none", "none", DIM)
INFO = VideoInfo(1, "mp4", "h264", 640, 360, 0, 25.0, float(VIDEO_FRAMES), 0, None)


class GivenVectors:
    """An encoder whose texts are numbers of given vectors."""

    space = SPACE

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._vectors[[int(text.rsplit(" ", 1)[1]) for text in texts]]


def captions(rng: np.random.Generator, count: int) -> list[str]:
    """Sentences of made-up words."""
    parts = [
        [f"{kind}{number}" for number in range(size)]
        for kind, size in (("adjective", 40), ("noun", 300), ("verb", 60), ("place", 100))
    ]
    chosen = [rng.integers(len(words), size=count) for words in parts]
    adjectives, nouns, verbs, places = (
        [words[n] for n in at] for words, at in zip(parts, chosen, strict=True)
    )
    return [
        f"a {adjective} {noun} {verb} in the {place}"
        for adjective, noun, verb, place in zip(adjectives, nouns, verbs, places, strict=True)
    ]


def build(folder: Path, num_frames: int, num_queries: int) -> None:
    """Write the library, and the queries' vectors beside it."""
    rng = np.random.default_rng(0)
    queries, blocks = clustered(num_frames, DIM, 3 * num_queries, rng)
    with Store.open(folder, create=True) as library:
        number = 0
        for block in blocks:
            words = captions(rng, len(block) // SHOT_FRAMES + 1)
            for start in range(0, len(block), VIDEO_FRAMES):
                rows = block[start : start + VIDEO_FRAMES]
                key = f"{number:064d}"
                texts = [words[(start + second) // SHOT_FRAMES] for second in range(len(rows))]
                path = Path(f"/made-up/{number}.mp4")
                add_video(library, path, Fingerprint(key, key, 1, 1), INFO, SPACE, rows, texts)
                number += 1
        library.refresh_vectors()
    np.save(folder / "queries.npy", queries)


def timed(run: Callable[[int], object], count: int) -> str:
    """Milliseconds of runs: median and 99th percentile by the clock, mean of the processor."""
    for number in range(min(10, count)):
        run(number)
    seconds = []
    cpu_started = time.process_time()
    for number in range(count):
        started = time.perf_counter()
        run(number)
        seconds.append(time.perf_counter() - started)
    cpu = (time.process_time() - cpu_started) / count
    return f"{1e3 * np.median(seconds):.1f} | {1e3 * np.quantile(seconds, 0.99):.1f} | {1e3 * cpu:.1f}"


def measure(folder: Path, num_queries: int, num_steps_frames: int) -> None:
    """Print a table of what searches take."""
    vectors = np.load(folder / "queries.npy")
    words = captions(np.random.default_rng(1), len(vectors))
    texts = [f"{text} {number}" for number, text in enumerate(words)]
    with Store.open(folder) as library:
        searcher = Searcher(library, encoders={SPACE: GivenVectors(vectors)})
        started = time.perf_counter()
        answer = searcher.search(Query(text=texts[0]))
        print(f"{answer.num_frames:,} frames; first search {time.perf_counter() - started:.2f} s; ", end="")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        assert answer.mode == "hybrid", answer.mode

        def ask(**options: object) -> Callable[[int], object]:
            return lambda number: searcher.search(Query(text=texts[number], **options))  # type: ignore[arg-type]

        steps_end = max(1, num_steps_frames // VIDEO_FRAMES)
        everything = steps_end * VIDEO_FRAMES >= answer.num_frames - VIDEO_FRAMES
        few = FrameFilter() if everything else FrameFilter(video_ids=tuple(range(1, steps_end + 1)))
        print("| search | p50 ms | p99 ms | CPU ms |\n|---|---|---|---|")
        print("| hybrid, moments |", timed(ask(), num_queries), "|")
        print("| visual, moments |", timed(ask(mode="visual"), num_queries), "|")
        print("| visual, frames |", timed(ask(mode="visual", group=False, dedupe=False), num_queries), "|")
        print("| caption, moments |", timed(ask(mode="caption"), num_queries), "|")
        print(
            "| hybrid, in one video in a hundred |",
            timed(ask(filter=FrameFilter(video_glob="*77.mp4")), num_queries),
            "|",
        )
        three = lambda number: searcher.search(  # noqa: E731
            Query(text=texts[3 * number], then=(texts[3 * number + 1], texts[3 * number + 2]), filter=few)
        )
        print(
            f"| three steps, {steps_end * VIDEO_FRAMES:,} frames |", timed(three, min(num_queries, 30)), "|"
        )


def main() -> None:
    """Build a library unless there is one in the folder, and measure it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num-frames", type=int, default=1_000_000)
    parser.add_argument("--num-queries", type=int, default=200)
    parser.add_argument("--num-steps-frames", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="keep the library here, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "library"
        if not (folder / "queries.npy").exists():
            started = time.perf_counter()
            build(folder, options.num_frames, options.num_queries)
            print(f"built in {time.perf_counter() - started:.0f} s")
        measure(folder, options.num_queries, options.num_steps_frames)


if __name__ == "__main__":
    main()
