"""Pictures and captions together: which way of fusing their rankings finds most.

    python benchmarks/search_fusion.py ../shared/data/flickr8k_224

Data: Flickr8k's development photographs, which `mini` has not been trained on, 500 to a library. The first
500 are there to choose the captions' weight on, the last 500 to report. Each photograph is captioned by
`mini`, and asked for by two of its human captions. Compared are the pictures alone, the captions alone,
reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009; k = 60), and standard scores plus a weight
times each caption's share of the best caption's BM25 score, which is what `vidsearch.search.engine` does.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from made_up import add_video

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.mini import MiniCaptioner, MiniEmbedder
from vidsearch.search.engine import CAPTION_WEIGHT
from vidsearch.store.library import Library
from vidsearch.store.word_ranking import WordKind
from vidsearch.types import Fingerprint, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidsearch.types import Float32

    Scores = NDArray[np.float64]

NUM_PHOTOGRAPHS = 500
NUM_QUERIES = 2
BATCH = 50
RANK_CONSTANT = 60


def main() -> None:
    """Measure, and print a table for each half."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    dataset = open_dataset(parser.parse_args().data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    for name, first in (("to choose on", 0), ("to report", len(dataset.paths) - NUM_PHOTOGRAPHS)):
        chosen = range(first, first + NUM_PHOTOGRAPHS)
        texts = [[t for t, d in zip(dataset.texts, dataset.described, strict=True) if d == i] for i in chosen]
        pictures, captions = scores(
            [dataset.paths[i] for i in chosen], [several[:NUM_QUERIES] for several in texts]
        )
        right = np.repeat(np.arange(NUM_PHOTOGRAPHS), NUM_QUERIES)
        print(f"{name}: R@1 / R@5 / R@10 of {NUM_PHOTOGRAPHS} photographs")
        for way, fused in fusions(pictures, captions).items():
            print(f"  {way:34}" + " / ".join(f"{100 * recall(fused, right, k):.1f}" for k in (1, 5, 10)))


def scores(paths: Sequence[Path], texts: Sequence[Sequence[str]]) -> tuple[Scores, Scores]:
    """Standard scores of the pictures, and BM25 scores of their captions: both (queries, photographs)."""
    embedder, captioner = MiniEmbedder(), MiniCaptioner()
    blocks: list[Float32] = []
    captions: list[str] = []
    for start in range(0, len(paths), BATCH):
        images = [read_image(path) for path in paths[start : start + BATCH]]
        blocks.append(embedder.embed_images(images))
        captions += [caption.text for caption in captioner.captions(images)]
    vectors = np.concatenate(blocks)
    queries = [text for several in texts for text in several]
    cosines = embedder.embed_texts(queries) @ vectors.T
    standard = (cosines - cosines.mean(axis=1, keepdims=True)) / cosines.std(axis=1, keepdims=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.open(Path(folder) / "library", create=True) as library,
    ):
        file = Path(folder) / "photographs.mp4"
        file.touch()
        info = VideoInfo(0, "mp4", "h264", 224, 224, 0, 1.0, float(len(vectors)), 0, None)
        stat = file.stat()
        fingerprint = Fingerprint("0" * 64, "0" * 64, stat.st_size, stat.st_mtime_ns)
        add_video(library, file, fingerprint, info, embedder.space, vectors, captions)
        words = np.zeros_like(standard)
        for row, query in enumerate(queries):
            ids, found = library.match_scores(query, len(vectors), kinds=[WordKind("caption")])
            # Photographs with the same caption, one after the other, share its segment.
            for start, end, score in zip(*library.positions(ids)[1:], found, strict=True):
                words[row, int(start) : int(end)] = score
    return standard, words


def fusions(pictures: Scores, captions: Scores) -> dict[str, Scores]:
    """The ways of fusing, and what each makes of the two."""
    share = captions / np.maximum(captions.max(axis=1, keepdims=True), 1e-9)
    by_rank = 1 / (RANK_CONSTANT + _ranks(pictures)) + np.where(
        captions > 0, 1 / (RANK_CONSTANT + _ranks(captions)), 0.0
    )
    sums = {f"standard scores, captions {w:g}": pictures + w * share for w in (CAPTION_WEIGHT, 0.4, 0.8, 1.6)}
    return {"pictures alone": pictures, "captions alone": captions, "reciprocal rank": by_rank, **sums}


def recall(fused: Scores, right: NDArray[np.int64], k: int) -> float:
    """Share of the queries whose photograph is among the k best; ties count against it by half."""
    own = fused[np.arange(len(right)), right][:, None]
    ahead = (fused > own).sum(axis=1) + ((fused == own).sum(axis=1) - 1) / 2
    return float((ahead < k).mean())


def _ranks(values: Scores) -> Scores:
    order = (-values).argsort(axis=1, kind="stable").argsort(axis=1)
    return order.astype(np.float64) + 1.0


if __name__ == "__main__":
    main()
