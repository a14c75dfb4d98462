"""Lines of words by their words and by what they mean: which way of ranking finds most, and how sure it is.

    python benchmarks/search_words.py ../shared/data/flickr8k_224

Data: `said_lines.json`, fourteen made-up talks of fifteen lines, each with other words for the same. Half of
them are there to fit the map, half to report, each time among the lines of all and six hundred captions of
Flickr8k's development photographs, which nobody asks for. Each line is asked for by four words in its middle
and by its paraphrase.

Compared are BM25 alone, `mini`'s text vectors alone, their reciprocal rank fusion (Cormack, Clarke, Büttcher,
SIGIR 2009; k = 60), the standard score of the cosine plus the share of the words, and the map in use
(`vidsearch.search.meaning`). Intervals are of a bootstrap over lines, 95%.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.models.mini import MiniTextEncoder
from vidsearch.search.meaning import LINES, LineMap
from vidsearch.store.words import telling_terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

FILE = Path(__file__).with_name("said_lines.json")
NUM_OTHERS = 600
RANK_CONSTANT = 60
WORDS_ASKED = 4
ROUNDS = 1000


@dataclass(frozen=True)
class Asked:
    """What queries find among lines: (queries, lines) each."""

    cosines: Scores
    bm25: Scores
    shares: Scores
    own: NDArray[np.int64]
    """The line that each query is for."""


def main() -> None:
    """Fit on some of the talks, and print a table for these and the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    options = parser.parse_args()
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    others = list(dict.fromkeys(dataset.texts))[:NUM_OTHERS]
    to_fit, to_report = talks("fit"), talks("report")
    pairs = [*to_fit, *to_report]
    lines = [line for line, _ in pairs]
    encoder = MiniTextEncoder(num_threads=1)
    vectors = encoder.embed_texts([*lines, *others])
    cases = {}
    for name, chosen in (("to fit", range(len(to_fit))), ("to report", range(len(to_fit), len(lines)))):
        for how in ("words", "paraphrase"):
            queries = [middle(pairs[n][0]) if how == "words" else pairs[n][1] for n in chosen]
            cases[name, how] = ask(encoder, queries, [*lines, *others], vectors, np.asarray(chosen))
    print("fitted:", fitted([cases["to fit", how] for how in ("words", "paraphrase")]))
    print("in use:", LINES)
    for (name, how), asked in cases.items():
        print(f"{name}, by {how}: {len(asked.own)} queries, {asked.cosines.shape[1]} lines; R@1 / R@5")
        for way, scores in ways(asked).items():
            at_1, at_5 = found(scores, asked.own, 1), found(scores, asked.own, 5)
            low, high = interval(at_1)
            print(f"  {way:32}{100 * at_1.mean():5.0f} [{low:.0f}, {high:.0f}] {100 * at_5.mean():5.0f}")
    for name in ("to fit", "to report"):
        for how in ("words", "paraphrase"):
            sure = certainty(cases[name, how])
            print(f"{name}, by {how}: {sure}")


def talks(use: str) -> list[list[str]]:
    """The lines of the talks to "fit" or to "report", each with other words for it."""
    return [pair for talk in json.loads(FILE.read_text())[use] for pair in talk["lines"]]


def middle(line: str) -> str:
    """Four words in the middle of a line."""
    words = line.strip(".?!").replace(",", "").split()
    first = max(0, (len(words) - WORDS_ASKED) // 2)
    return " ".join(words[first : first + WORDS_ASKED])


def ask(
    encoder: MiniTextEncoder,
    queries: list[str],
    lines: list[str],
    vectors: NDArray[np.float32],
    own: NDArray[np.int64],
) -> Asked:
    """Ask for lines among all of them."""
    # Words here are compared whole and in small letters: the library stems them.
    having = [{term.strip('"').lower() for term in telling_terms(clean(line))} for line in lines]
    shares, bm25 = np.zeros((len(queries), len(lines))), np.zeros((len(queries), len(lines)))
    for row, query in enumerate(queries):
        terms = [term.strip('"').lower() for term in telling_terms(clean(query))]
        for term in terms:
            has = np.asarray([term in each for each in having])
            shares[row] += has / len(terms)
            bm25[row] += has * math.log1p((len(lines) - has.sum() + 0.5) / (has.sum() + 0.5))
    cosines = encoder.embed_texts(queries) @ vectors.T
    return Asked(cosines.astype(np.float64), bm25, shares, own)


def clean(text: str) -> str:
    """Words without what stands at their ends."""
    return " ".join(word.strip(".,?!") for word in text.split())


def ways(asked: Asked) -> dict[str, Scores]:
    """The ways of ranking, and how high each puts the lines."""
    standard = (asked.cosines - asked.cosines.mean(1, keepdims=True)) / asked.cosines.std(1, keepdims=True)
    by_rank = 1 / (RANK_CONSTANT + ranks(asked.cosines)) + np.where(
        asked.bm25 > 0, 1 / (RANK_CONSTANT + ranks(asked.bm25)), 0.0
    )
    return {
        "BM25": asked.bm25 - 1e-9 * np.arange(asked.bm25.shape[1]),
        "vectors": asked.cosines,
        "reciprocal rank": by_rank,
        "standard score + share": standard + asked.shares,
        "in use": LINES.confidences(asked.cosines, asked.shares, asked.cosines.shape[1]),
    }


def ranks(values: Scores) -> Scores:
    """The place of each value in its row, from 1."""
    order = (-values).argsort(axis=1, kind="stable").argsort(axis=1)
    return np.asarray(order, dtype=np.float64) + 1.0


def found(scores: Scores, own: NDArray[np.int64], k: int) -> Scores:
    """Of each query, whether its line is among the k best."""
    ahead = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return np.asarray(ahead < k, dtype=np.float64)


def interval(is_found: Scores) -> tuple[float, float]:
    """A 95% interval of the mean, in percent, by bootstrap."""
    drawn = np.random.default_rng(0).choice(is_found, (ROUNDS, len(is_found))).mean(axis=1)
    low, high = np.percentile(100 * drawn, (2.5, 97.5))
    return float(low), float(high)


def examples(asked: Asked) -> tuple[Scores, Scores]:
    """The best line with the right one there and without it, in libraries of several sizes.

    Returns (cosine, cubed share, log of the number of lines) of each, and whether the right one was it.
    """
    rng, rows, labels = np.random.default_rng(0), [], []
    total = asked.cosines.shape[1]
    for size in (15, 60, 200, total):
        for query, own in enumerate(asked.own):
            rest = np.setdiff1d(rng.choice(total, size, replace=False), [own])
            for there, right in (([own], 1.0), (rest, 0.0)):
                score = asked.cosines[query, there] + 0.1 * asked.shares[query, there]
                best = np.asarray(there)[np.argmax(score)]
                rows.append((asked.cosines[query, best], asked.shares[query, best] ** 3, math.log(size)))
                labels.append(right)
    return np.asarray(rows), np.asarray(labels)


def fitted(cases: list[Asked]) -> LineMap:
    """The map of these examples."""
    rows, labels = (np.concatenate(column) for column in zip(*map(examples, cases), strict=True))
    return LineMap(*(round(float(weight), 2) for weight in logistic(rows, labels)))


def logistic(rows: Scores, labels: Scores) -> Scores:
    """A logistic map by Newton's method, with a little shrinkage: the intercept first."""
    design = np.hstack([np.ones((len(rows), 1)), rows])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 0.1 * np.eye(len(weights))
        weights += np.linalg.solve(curvature, design.T @ (labels - p) - 0.1 * weights)
    return weights


def certainty(asked: Asked) -> str:
    """How the map sorts the best lines that are there from those that are not."""
    rows, labels = examples(asked)
    sure = LINES.confidences(rows[:, 0], np.cbrt(rows[:, 1]), np.exp(rows[:, 2]))
    there, absent = sure[labels > 0], sure[labels == 0]
    area = (there[:, None] > absent).mean() + 0.5 * (there[:, None] == absent).mean()
    told = f"{(there >= 0.6).mean():.0%} of present, {(absent >= 0.6).mean():.0%} of absent"
    return f"AUROC {area:.2f}; found {told}"


if __name__ == "__main__":
    main()
