"""Are people's captions found by what they mean, and do they hide pictures that have none?

    python benchmarks/corrections.py ../shared/data/flickr8k_224 [--first]

Data: a video of 300 Flickr8k development photographs, two seconds each: the last ones to report, or the first
ones (`--first`), to choose on. Every third has a caption that a person wrote for it as its correction. Asked
is for photographs that have one by what three other people wrote, and for those that have none by what one
person wrote. Intervals are of a bootstrap over queries, 95%; of differences from pictures alone, over pairs.

Fitted, on the first ones only, is the map from the cosine of a query with the best of 5 to 100 corrections to
the probability that it is the right one (`CAPTIONS` in `vidsearch.search.meaning`).

The ways: pictures alone; corrections found by their words; by what they mean as well; the same, as sure as
where no pictures are looked at.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
from search_together import SECONDS, built, rank, share, unchanged
from search_words import logistic

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.ingest.lines import read_lines
from vidsearch.models.mini import MiniEmbedder
from vidsearch.search import engine
from vidsearch.search.engine import Searcher
from vidsearch.search.meaning import LineMap
from vidsearch.search.retrievers import SegmentRanking

SIZES = (5, 15, 30, 60, 100)
NUM_PHOTOGRAPHS = 300
EVERY = 3


def main() -> None:
    """Build the library, ask, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--first", action="store_true", help="the photographs to choose on")
    options = parser.parse_args()
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    first = 0 if options.first else len(dataset.paths) - NUM_PHOTOGRAPHS
    texts: list[list[str]] = [[] for _ in range(NUM_PHOTOGRAPHS)]
    for text, of in zip(dataset.texts, dataset.described, strict=True):
        if first <= of < first + NUM_PHOTOGRAPHS:
            texts[of - first].append(text)
    with_one = range(0, NUM_PHOTOGRAPHS, EVERY)
    with tempfile.TemporaryDirectory() as folder:
        nowhere = {"speech": np.empty(0, np.int64), "text": np.empty(0, np.int64)}
        photographs = dataset.paths[first : first + NUM_PHOTOGRAPHS]
        library, embedder = built(Path(folder), photographs, nowhere, [], [])
        (video,) = library.videos()
        for place in with_one:
            library.add_human_caption(video.id, SECONDS * place, SECONDS * (place + 1), texts[place][0])
        read_lines(library, encoder=embedder)
        searcher = Searcher(library, encoders={embedder.space: embedder})
        for name, asked in (
            ("have one", [(text, place) for place in with_one for text in texts[place][1:4]]),
            ("have none", [(own[1], n) for n, own in enumerate(texts) if n not in with_one]),
        ):
            print(f"photographs that {name}: {len(asked)} queries; R@1, R@5")
            alone = np.zeros(len(asked))
            for title, kinds, by_meaning, beside in (
                ("pictures alone", ("pictures",), False, True),
                ("by their words", None, False, True),
                ("by their meaning too", None, True, True),
                ("as sure as alone", None, True, False),
            ):
                no_lines = mock.patch.object(engine, "line_views", return_value={})
                as_alone = mock.patch.object(SegmentRanking, "beside_pictures", unchanged)
                with nullcontext() if by_meaning else no_lines, nullcontext() if beside else as_alone:
                    ranks = np.asarray([rank(searcher, text, kinds, place) for text, place in asked])
                is_first = (ranks < 1).astype(np.float64)
                alone = is_first if kinds else alone
                print(
                    f"  {title:20}{share(is_first)}, {100 * (ranks < 5).mean():5.1f}"
                    f"   difference {share(is_first - alone)}"
                )
        library.close()
        if options.first:
            print("fitted:", fitted(embedder, texts, with_one))


def fitted(embedder: MiniEmbedder, texts: list[list[str]], with_one: range) -> LineMap:
    """The map of the best of some corrections, with the right one among them and without it."""
    rng, rows, labels = np.random.default_rng(0), [], []
    corrections = embedder.embed_texts([texts[place][0] for place in with_one])
    for place, own in enumerate(texts):
        queries = own[1:4] if place in with_one else own[1:2]
        for cosines in (embedder.embed_texts(queries) @ corrections.T).astype(np.float64):
            right = [place // EVERY] if place in with_one else []
            for size in SIZES:
                others = np.setdiff1d(rng.choice(len(corrections), size, replace=False), right)
                for there in ([*others, *right], others) if right else (others,):
                    best = max(there, key=cosines.__getitem__)
                    rows.append((cosines[best], math.log(size)))
                    labels.append(float(len(there) > len(others) and best == right[0]))
    weights = logistic(np.asarray(rows), np.asarray(labels))
    intercept, per_cosine, per_log_lines = (round(float(weight), 2) for weight in weights)
    return LineMap(intercept, per_cosine, 0.0, per_log_lines)


if __name__ == "__main__":
    main()
