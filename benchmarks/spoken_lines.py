"""How long a search takes among many spoken lines, by their words and by what they mean, and how much memory.

    python benchmarks/spoken_lines.py [--lines 100000] [--lines-a-video 1000]

A made-up library: lines of eight to fourteen words, whose frequencies fall as in English (Zipf), a second and
a frame each. Frames and lines have random vectors in `mini`'s space: reading a line with the model takes
3.5 ms, and is no part of this. Printed are the processor milliseconds that keeping a line's vector takes, and
looking for lines that lack one, those of searches with the model's own encoder after one that does not count,
and what the process has in memory of its own and mapped from files. `within a video` has a filter.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from made_up import add_video
from search_words import middle, talks

from vidsearch.ingest.lines import read_lines
from vidsearch.models.mini import MiniTextEncoder
from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import Fingerprint, FrameFilter, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidsearch.types import EmbeddingSpace, Float32

NUM_QUERIES = 40


class RandomEncoder:
    """Vectors of no meaning in a space, as quick as can be."""

    def __init__(self, space: EmbeddingSpace) -> None:
        self.space = space
        self._rng = np.random.default_rng(1)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Unit rows, as many as texts."""
        return unit_rows(self._rng, len(texts), self.space.dim)


def unit_rows(rng: np.random.Generator, count: int, dim: int) -> Float32:
    """Directions at random."""
    rows = rng.standard_normal((count, dim), dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def fill(library: Store, num_lines: int, per_video: int, space: EmbeddingSpace) -> None:
    """Add videos with a frame and a line every second."""
    rng = np.random.default_rng(0)
    known = sorted({word.strip(".,?") for line, _ in talks("report") for word in line.split()})
    vocabulary = rng.permutation([*known, *(f"word{number}" for number in range(8000))])
    frequencies = 1 / np.arange(2, len(vocabulary) + 2)
    frequencies /= frequencies.sum()
    for number in range(-(-num_lines // per_video)):
        count = min(per_video, num_lines - number * per_video)
        name = f"{number:064x}"
        info = VideoInfo(1, "mp4", "h264", 640, 360, 0, 25.0, float(count), 0, None)
        video = add_video(
            library,
            Path(f"/made-up/{number}.mp4"),
            Fingerprint(name, name, 1, number),
            info,
            space,
            unit_rows(rng, count, space.dim),
            [""] * count,
        )
        lengths = rng.integers(8, 15, count)
        words = iter(rng.choice(vocabulary, size=int(lengths.sum()), p=frequencies))
        texts = [" ".join(next(words) for _ in range(length)) for length in lengths]
        library.put_track(
            video.id,
            TrackSpec("transcript", "made-up"),
            [SegmentRecord(float(n), n + 1.0, text) for n, text in enumerate(texts)],
        )


def memory() -> str:
    """Megabytes of this process: its own, and those of files that it has mapped and read."""
    sizes = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(sizes[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
    return f"{own:.0f} MB of its own, {mapped:.0f} MB mapped"


def main() -> None:
    """Build the library, search it, and print what that takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--lines-a-video", type=int, default=1000)
    options = parser.parse_args()
    encoder = MiniTextEncoder(num_threads=1)
    pairs = talks("report")[:NUM_QUERIES]
    asked = {"words": [middle(line) for line, _ in pairs], "paraphrases": [other for _, other in pairs]}
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "l", create=True) as library:
        fill(library, options.lines, options.lines_a_video, encoder.space)
        began = time.process_time()
        count = read_lines(library, encoder=RandomEncoder(encoder.space))
        taken = time.process_time() - began
        print(f"{count:,} lines; {1e3 * taken / count:.3f} CPU ms to keep a line's vector")
        searcher = Searcher(library, encoders={encoder.space: encoder})
        print(f"before the first search: {memory()}")
        began = time.process_time()
        searcher.search(Query(text=pairs[0][0]))
        print(f"the first search: {1e3 * (time.process_time() - began):.0f} CPU ms; {memory()}")
        began = time.process_time()
        for queries in asked.values():
            for text in queries:
                encoder.embed_texts([text])
        print(
            f"of each the encoder: {1e3 * (time.process_time() - began) / len(pairs) / len(asked):.1f} CPU ms"
        )
        within = FrameFilter(video_ids=(1,))
        for title, kinds, where in (
            ("speech alone", ("speech",), FrameFilter()),
            ("all kinds", None, FrameFilter()),
            ("pictures alone", ("pictures",), FrameFilter()),
            ("all kinds within a video", None, within),
        ):
            for how, queries in asked.items():
                times = []
                for text in queries:
                    began = time.process_time()
                    searcher.search(Query(text=text, kinds=kinds, filter=where))
                    times.append(1e3 * (time.process_time() - began))
                print(
                    f"  {title + ', ' + how:40}{np.median(times):6.1f} CPU ms at the median, "
                    f"{np.percentile(times, 95):.1f} at the 95th percentile"
                )
        print(f"after all: {memory()}")


if __name__ == "__main__":
    main()
