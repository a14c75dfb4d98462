"""Pictures and captions together: which way of fusing their rankings finds most.

    python benchmarks/search_fusion.py ../shared/data/flickr8k_224 [--cache FILE]

Data: Flickr8k's development photographs, which `mini` has not been trained on, 500 to a library. The first
500 are there to choose how far a caption is trusted, the last 500 to report. Each photograph is captioned by
`mini`. It is asked for by two of its human captions (recall: is that very photograph among the first?) and
by words of `calibration_queries.py` (average precision over the photographs of which two of five human
captions have the words).

Compared are the pictures alone, the captions alone by BM25, reciprocal rank fusion (Cormack, Clarke,
Büttcher, SIGIR 2009; k = 60), and what `vidsearch.search.fusion` does: the probability by the picture and the
probability by the caption's share of the words, as if they were independent witnesses. The last ways add what
a caption means, by its vector.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from calibration_cases import ALL_WORDS, named
from made_up import add_video

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.mini import MiniCaptioner, MiniEmbedder
from vidsearch.search.composition import Direction
from vidsearch.search.kinds import TEXT_KINDS, EvidenceKind
from vidsearch.search.query import asked_by
from vidsearch.search.timeline import Timeline
from vidsearch.search.views import View
from vidsearch.store.store import Store
from vidsearch.types import Fingerprint, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidsearch.types import Float32

    Scores = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NUM_PHOTOGRAPHS = 500
NUM_QUERIES = 2
BATCH = 50
RANK_CONSTANT = 60
CAPTIONS = TEXT_KINDS["captions"]


@dataclass(frozen=True)
class Asked:
    """What queries find in a library: (queries, photographs) each."""

    pictures: Scores
    """Log-odds by the pictures."""
    bm25: Scores
    share: Scores
    """Of the query's words in the caption."""
    cosines: Scores
    """Of the query and the caption, which a library does not look at."""
    right: Mask


def main() -> None:
    """Measure, and print a table for each half."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--cache", type=Path, default=None, help="keep captions here, and use them again")
    options = parser.parse_args()
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    vectors, captions = described(dataset.paths, options.cache)
    _, shows = named(dataset, len(dataset.paths))
    for name, first in (("to choose on", 0), ("to report", len(dataset.paths) - NUM_PHOTOGRAPHS)):
        chosen = slice(first, first + NUM_PHOTOGRAPHS)
        texts = [
            [t for t, d in zip(dataset.texts, dataset.described, strict=True) if d == number]
            for number in range(chosen.start, chosen.stop)
        ]
        sentences = [text for several in texts for text in several[:NUM_QUERIES]]
        right = np.repeat(np.eye(NUM_PHOTOGRAPHS, dtype=bool), NUM_QUERIES, axis=0)
        words = np.flatnonzero(shows[chosen].any(axis=0))
        with tempfile.TemporaryDirectory() as folder:
            by_sentence = ask(Path(folder), vectors[chosen], captions[chosen], sentences, right)
            by_words = ask(
                Path(folder),
                vectors[chosen],
                captions[chosen],
                [ALL_WORDS[number] for number in words],
                shows[chosen].T[words],
            )
        print(f"{name}: R@1 / R@5 / R@10 of {len(sentences)} sentences, mean AP of {len(words)} words")
        for way in fusions(by_sentence):
            fused, of_words = fusions(by_sentence)[way], fusions(by_words)[way]
            recalls = " / ".join(f"{100 * recall(fused, right, k):.1f}" for k in (1, 5, 10))
            print(f"  {way:40}{recalls}   {100 * average_precision(of_words, by_words.right):.1f}")


def described(paths: Sequence[Path], cache: Path | None) -> tuple[Float32, list[str]]:
    """Vectors and captions of photographs, by `mini`."""
    embedder, captioner = MiniEmbedder(), MiniCaptioner()
    vectors, captions = [], []
    kept = json.loads(cache.read_text()) if cache is not None and cache.exists() else None
    for start in range(0, len(paths), BATCH):
        images = [read_image(path) for path in paths[start : start + BATCH]]
        vectors.append(embedder.embed_images(images))
        captions += [] if kept else [caption.text for caption in captioner.captions(images)]
    if cache is not None and kept is None:
        cache.write_text(json.dumps(captions))
    return np.concatenate(vectors), kept or captions


def ask(
    folder: Path, vectors: Float32, captions: Sequence[str], queries: Sequence[str], right: Mask
) -> Asked:
    """Ask a library of these photographs, one second of a video each."""
    embedder = MiniEmbedder()
    numbers = np.arange(len(vectors))
    timeline = Timeline(numbers, np.ones_like(numbers), numbers.astype(np.float64), vectors)
    pictures = np.empty((len(queries), len(vectors)))
    asked = embedder.embed_texts(queries)
    cosines = (asked @ embedder.embed_texts(captions).T).astype(np.float64)
    for row, (query, vector) in enumerate(zip(queries, asked, strict=True)):
        view = View.of(embedder.space, timeline, Direction(vector, asked_by(query)))
        pictures[row] = view.log_odds(view.cosines(numbers))
    bm25, share = np.zeros_like(pictures), np.zeros_like(pictures)
    with Store.open(folder / str(len(queries)), create=True) as library:
        file = folder / f"{len(queries)}.mp4"
        file.touch()
        info = VideoInfo(0, "mp4", "h264", 224, 224, 0, 1.0, float(len(vectors)), 0, None)
        stat = file.stat()
        fingerprint = Fingerprint("0" * 64, "0" * 64, stat.st_size, stat.st_mtime_ns)
        add_video(library, file, fingerprint, info, embedder.space, vectors, captions)
        for row, query in enumerate(queries):
            found = library.match_scores(query, len(vectors), kinds=CAPTIONS.tracks)
            _, starts, ends = library.positions(found.ids)
            for start, end, score, of_query in zip(starts, ends, found.scores, found.shares, strict=True):
                seconds = slice(round(start), round(end))
                bm25[row, seconds], share[row, seconds] = score, of_query
    return Asked(pictures, bm25, share, cosines, right)


def fusions(asked: Asked) -> dict[str, Scores]:
    """The ways of fusing, and how high each puts the photographs."""
    by_rank = 1 / (RANK_CONSTANT + _ranks(asked.pictures)) + np.where(
        asked.bm25 > 0, 1 / (RANK_CONSTANT + _ranks(asked.bm25)), 0.0
    )
    ways = {"pictures alone": asked.pictures, "captions alone": asked.bm25, "reciprocal rank": by_rank}
    for trust, fall in ((0.3, 2.0), (0.45, 1.0), (0.45, 2.0), (0.45, 3.0), (0.7, 2.0), (0.9, 2.0)):
        kind = replace(CAPTIONS, trust=trust, fall=fall)
        in_use = ", in use" if kind == CAPTIONS else ""
        ways[f"trusted {trust:g} x share^{fall:g}{in_use}"] = witnesses(asked, kind)
    ways["captions by their meaning alone"] = asked.cosines
    for weight in (1.0, 2.0, 4.0):
        ways[f"in use + {weight:g} x caption's cosine"] = witnesses(asked, CAPTIONS) + weight * asked.cosines
    return ways


def witnesses(asked: Asked, kind: EvidenceKind) -> Scores:
    """-log(1 - p) of both together."""
    by_words = kind.confidences(asked.share)
    return np.asarray(np.logaddexp(0.0, asked.pictures) - np.log1p(-by_words))


def recall(fused: Scores, right: Mask, k: int) -> float:
    """Share of the queries whose photograph is among the k best; ties count against it by half."""
    own = fused[right][:, None]
    ahead = (fused > own).sum(axis=1) + ((fused == own).sum(axis=1) - 1) / 2
    return float((ahead < k).mean())


def average_precision(fused: Scores, right: Mask) -> float:
    """The mean over queries of the mean precision at each right photograph."""
    values = []
    for scores, is_right in zip(fused, right, strict=True):
        hits = is_right[np.argsort(-scores, kind="stable")]
        at = np.flatnonzero(hits)
        values.append((np.arange(1, len(at) + 1) / (at + 1)).mean())
    return float(np.mean(values))


def _ranks(values: Scores) -> Scores:
    order = (-values).argsort(axis=1, kind="stable").argsort(axis=1)
    return order.astype(np.float64) + 1.0


if __name__ == "__main__":
    main()
