"""Re-ranking with `mini`: what it finds, how sure it may be of it, and how long it takes.

    python benchmarks/rerank.py ../shared/data/flickr8k_224 [--write]

Data: Flickr8k's development photographs, which `mini` has not been trained on, 500 to a library. The first
500 are there to choose the likelihood's weight and to fit the logistic map, the last 500 to report. Each
photograph is asked for by its first human captions: one to choose on, two to report. The best 50 by their
vectors are scored anew, as a search does it. Intervals: 95%, by drawing photographs anew with their captions.

The map is fitted, and measured, on the photograph that a caption was written for against the others among
the best 50, all of these together counting as much as it does. `--write` stores the constants beside
`vidsearch/models/mini/matcher.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from calibration import auroc, logistic, reliability

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.evaluation.metrics import mean_figure, retrieval_figures
from vidsearch.ingest.run import ingest
from vidsearch.media.images import read_image
from vidsearch.models.mini import MiniEmbedder, MiniMatcher, MiniTextEncoder
from vidsearch.models.mini.decoder import CaptionDecoder, Pictures
from vidsearch.models.mini.embedder import ImageTower
from vidsearch.models.mini.matcher import MATCHING, MatchMap, fitted_files
from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.store.store import Store

if TYPE_CHECKING:
    from vidsearch.types import Float32, Int64

NUM_PHOTOGRAPHS = 500
NUM_BEST = 50
NUM_TO_CHOOSE_ON, NUM_TO_REPORT = 1, 2
"""Captions of each photograph."""
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0)
NUM_TIMED = 10
SAMPLES = Path(__file__).parents[1] / "sample_data"
_ELSEWHERE = 1000.0
"""Taken off the scores of photographs that are not among the best: they keep their order, behind them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one library of photographs, and what scores them."""

    own: Int64
    """The number of each query's photograph, (queries,)."""
    cosines: Float32
    """(queries, photographs)."""
    best: Int64
    """Numbers of the best photographs by their vectors, (queries, NUM_BEST)."""
    likelihoods: Float32
    """Of the best, and of the query's own photograph behind them, (queries, NUM_BEST + 1)."""

    def reranked(self, weight: float) -> Float32:
        """Scores (queries, photographs) with the best scored anew."""
        scores = self.cosines - np.float32(_ELSEWHERE)
        cosines = np.take_along_axis(self.cosines, self.best, axis=1)
        np.put_along_axis(scores, self.best, cosines + weight * self.likelihoods[:, :-1], axis=1)
        return scores

    @property
    def relevant(self) -> np.ndarray:
        """Which photograph is which query's own, (queries, photographs)."""
        return np.asarray(self.own[:, None] == np.arange(self.cosines.shape[1]))

    def cases(self, weight: float) -> tuple[Float32, np.ndarray, np.ndarray]:
        """Scores, whether the photograph is the query's own, and weights that sum to 1."""
        scores = self.reranked(weight)
        others = [
            (row[best[best != own]]) for row, best, own in zip(scores, self.best, self.own, strict=True)
        ]
        fits = self.cosines[np.arange(len(self.own)), self.own] + weight * self.likelihoods[:, -1]
        labels = np.repeat([1.0, 0.0], [len(fits), sum(map(len, others))])
        shares = [np.full(len(each), 0.5 / len(others) / len(each)) for each in others]
        return (
            np.concatenate([fits, *others]),
            labels,
            np.concatenate([np.full(len(fits), 0.5 / len(fits)), *shares]),
        )


def ask(dataset: RetrievalSet, first: int, num_captions: int, matcher: MiniMatcher) -> Asked:
    """Ask a library of photographs, by `num_captions` captions of each."""
    tower, decoder = ImageTower(), CaptionDecoder()
    images = [read_image(path) for path in dataset.paths[first : first + NUM_PHOTOGRAPHS]]
    features = list(tower.features(images))
    batches = [decoder.pictures(each) for each in features]
    keys, values = (
        np.concatenate([getattr(batch, name) for batch in batches], axis=1) for name in ("keys", "values")
    )
    texts: list[list[str]] = [[] for _ in images]
    for text, number in zip(dataset.texts, dataset.described, strict=True):
        if first <= number < first + NUM_PHOTOGRAPHS:
            texts[number - first].append(text)
    queries = [text for several in texts for text in several[:num_captions]]
    own = np.repeat(np.arange(len(images)), num_captions)
    cosines = MiniTextEncoder().embed_texts(queries) @ np.concatenate([f.embedding for f in features]).T
    best = (-cosines).argsort(axis=1, kind="stable")[:, :NUM_BEST]
    likelihoods = []
    for text, row in zip(queries, np.column_stack([best, own]), strict=True):
        likelihoods.append(matcher.likelihoods([Pictures(keys[:, row], values[:, row])], text))
    return Asked(own, cosines, best, np.stack(likelihoods))


def fit(asked: Asked) -> MatchMap:
    """The weight that puts photographs highest (by the mean of 1 / rank), and the map of its scores."""
    print("| likelihood's weight | R@1 | R@5 | R@10 | mean 1 / rank |\n|---|---|---|---|---|")
    found: dict[float, float] = {}
    for weight in WEIGHTS:
        *recalls, _, precision = retrieval_figures(asked.reranked(weight), asked.relevant, asked.own)
        found[weight] = precision.value
        print(f"| {weight:g} | {' | '.join(f'{each.value:.1f}' for each in (*recalls, precision))} |")
    weight = max(found, key=lambda each: found[each])
    scores, labels, shares = asked.cases(weight)
    rows = np.column_stack([np.ones(len(scores)), scores])
    intercept, slope = logistic(rows, labels, shares * len(scores))
    return MatchMap(weight, round(float(intercept), 3), round(float(slope), 3), fitted_files())


def report(asked: Asked, fitted: MatchMap) -> None:
    """Print what re-ranking finds among photographs that nothing was chosen on, and how sure it is."""
    print("|  | R@1 | R@5 | R@10 |\n|---|---|---|---|")
    ways = {
        "vectors alone": asked.cosines,
        f"best {NUM_BEST} re-ranked": asked.reranked(fitted.likelihood_weight),
    }
    firsts = []
    for way, scores in ways.items():
        recalls = retrieval_figures(scores, asked.relevant, asked.own)[:3]
        shown = (f"{each.value:.1f} [{each.low:.1f}, {each.high:.1f}]" for each in recalls)
        print(f"| {way} | {' | '.join(shown)} |")
        firsts.append((scores.argmax(axis=1) == asked.own) * 100.0)
    gain = mean_figure("gain", firsts[1] - firsts[0], asked.own)
    print(f"R@1 gains {gain.value:.1f} [{gain.low:.1f}, {gain.high:.1f}]")
    scores, labels, shares = asked.cases(fitted.likelihood_weight)
    sure = fitted.probability(scores)
    bins = reliability(sure, labels, shares)
    error = sum(share * abs(said - right) for said, right, share in bins)
    print(f"AUROC {auroc(sure[labels == 1], sure[labels == 0]):.2f}, calibration error {error:.3f}")
    print("| said | fits | share |\n|---|---|---|")
    for said, right, share in bins:
        print(f"| {said:.2f} | {right:.2f} | {share:.2f} |")


def print_seconds(texts: Sequence[str]) -> None:
    """Print how long a search in the sample videos takes, with its best frames re-ranked and without."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "library", create=True) as library,
    ):
        ingest(library, [SAMPLES], embedders=[MiniEmbedder()])
        searcher = Searcher(library)
        for name in (None, "mini"):
            walls, cpus = [], []
            for text in texts:
                query = Query(text=text, group=False, dedupe=False, rerank=name, num_rerank=NUM_BEST)
                wall, cpu = time.perf_counter(), time.process_time()
                searcher.search(query)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
            # The first loads the models.
            took = " and ".join(f"{statistics.median(each[1:]):.2f} s" for each in (walls, cpus))
            how = "by vectors" if name is None else f"with the best {NUM_BEST} frames re-ranked"
            print(f"A search {how} takes {took} of the processor.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, and store what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--write", action="store_true", help="store the constants")
    options = parser.parse_args(arguments)
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    matcher = MiniMatcher()
    fitted = fit(ask(dataset, 0, NUM_TO_CHOOSE_ON, matcher))
    print(fitted)
    if options.write:
        MATCHING.write_text(json.dumps(asdict(fitted), indent=2) + "\n", encoding="utf-8")
    report(ask(dataset, len(dataset.paths) - NUM_PHOTOGRAPHS, NUM_TO_REPORT, matcher), fitted)
    print_seconds(dataset.texts[: NUM_TIMED + 1])


if __name__ == "__main__":
    main()
