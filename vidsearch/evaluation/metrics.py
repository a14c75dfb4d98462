"""Figures of retrieval, and how sure they are. Arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64

    Floats: TypeAlias = NDArray[np.float64]
    Span: TypeAlias = tuple[float, float]

NUM_RESAMPLES = 1000
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95% interval."""

    name: str
    value: float
    low: float
    high: float


def ranks_and_precisions(scores: Float32, relevant: NDArray[np.bool_]) -> tuple[Int64, Floats]:
    """The rank of the first relevant item, and the average precision, of each query.

    `scores` and `relevant` are (queries, items); each query has a relevant item. Ranks start at 1. An item
    with the same score as a relevant one counts as before it: a model that scores all alike gains nothing.
    """
    firsts, precisions = [], []
    positions = np.arange(1, scores.shape[1] + 1)
    for start in range(0, len(scores), _CHUNK):
        marked = relevant[start : start + _CHUNK]
        order = np.lexsort((marked, -scores[start : start + _CHUNK]), axis=1)
        ordered = np.take_along_axis(marked, order, axis=1)
        firsts.append(ordered.argmax(axis=1) + 1)
        found = np.cumsum(ordered, axis=1)
        precisions.append(np.where(ordered, found / positions, 0.0).sum(axis=1) / ordered.sum(axis=1))
    return np.concatenate(firsts).astype(np.int64), np.concatenate(precisions)


def retrieval_figures(
    scores: Float32, relevant: NDArray[np.bool_], groups: Int64, *, seed: int = 0
) -> tuple[Figure, ...]:
    """R@1, R@5, R@10 and mAP in percent, and the median rank, of queries (rows) over items.

    `groups` says which queries belong together, such as the captions of one picture: intervals come from
    resampling whole groups.
    """
    ranks, precisions = ranks_and_precisions(scores, relevant)
    figures = [mean_figure(f"R@{k}", np.where(ranks <= k, 100.0, 0.0), groups, seed=seed) for k in (1, 5, 10)]
    return (
        *figures,
        median_figure("median rank", ranks.astype(np.float64), groups, seed=seed),
        mean_figure("mAP", 100.0 * precisions, groups, seed=seed),
    )


def mean_figure(name: str, values: Floats, groups: Int64, *, seed: int = 0) -> Figure:
    """A mean, with an interval from resampling groups of values (Efron and Tibshirani 1993, percentiles)."""
    numbers, at = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(at, values), np.bincount(at)
    weights = _weights(len(numbers), seed)
    means = (weights @ sums) / (weights @ counts)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(name, float(values.mean()), float(low), float(high))


def median_figure(name: str, values: Floats, groups: Int64, *, seed: int = 0) -> Figure:
    """A median, with an interval from resampling groups of values."""
    numbers, at = np.unique(groups, return_inverse=True)
    order = np.argsort(values, kind="stable")
    shares = np.cumsum(_weights(len(numbers), seed)[:, at[order]], axis=1)
    middles = (shares < shares[:, -1:] / 2).sum(axis=1)
    low, high = np.percentile(values[order][middles], [2.5, 97.5])
    return Figure(name, float(np.median(values)), float(low), float(high))


def overlap(one: Span, other: Span) -> float:
    """Intersection over union of two spans of time, 0 to 1."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    union = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, shared) / union if union > 0 else 0.0


def best_overlap(span: Span, right: Sequence[Span]) -> float:
    """The overlap with whichever right span it overlaps most."""
    return max((overlap(span, each) for each in right), default=0.0)


def span_precision(found: Sequence[Span], right: Sequence[Span], least_overlap: float) -> float:
    """Average precision of spans, the best first; each right one counts once, for the first that fits it."""
    open_spans = list(right)
    num_right, total = 0, 0.0
    for position, span in enumerate(found, start=1):
        hit = max(open_spans, key=lambda each: overlap(span, each), default=None)
        if hit is not None and overlap(span, hit) >= least_overlap:
            open_spans.remove(hit)
            num_right += 1
            total += num_right / position
    return total / len(right)


def moment_figures(
    found: Sequence[Sequence[Span]], right: Sequence[Sequence[Span]], groups: Int64, *, seed: int = 0
) -> tuple[Figure, ...]:
    """R1@IoU at 0.3, 0.5 and 0.7, mean IoU, and mAP over IoU 0.5 to 0.95, in percent.

    `found` are each query's spans, the best first; `right` those of the people who annotated it, of which the
    one that overlaps most counts.
    """
    firsts = np.asarray(
        [best_overlap(spans[0], truth) if spans else 0.0 for spans, truth in zip(found, right, strict=True)]
    )
    precisions = np.asarray(
        [
            np.mean([span_precision(spans, truth, least) for least in np.arange(0.5, 1.0, 0.05)])
            for spans, truth in zip(found, right, strict=True)
        ]
    )
    return (
        *(
            mean_figure(f"R1@{least}", np.where(firsts >= least, 100.0, 0.0), groups, seed=seed)
            for least in (0.3, 0.5, 0.7)
        ),
        mean_figure("mIoU", 100.0 * firsts, groups, seed=seed),
        mean_figure("mAP", 100.0 * precisions, groups, seed=seed),
    )


def _weights(num_groups: int, seed: int) -> Floats:
    """How often each group is drawn in each resample: (resamples, groups)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(num_groups, [1 / num_groups] * num_groups, NUM_RESAMPLES).astype(np.float64)


def ratio_interval(parts: Floats, wholes: Floats, *, seed: int = 0) -> tuple[float, float, float]:
    """A ratio of two sums, and its 95% interval from resampling what both are summed over."""
    chance = np.random.default_rng(seed)
    chosen = chance.integers(0, len(parts), (NUM_RESAMPLES, len(parts)))
    ratios = parts[chosen].sum(axis=1) / np.maximum(wholes[chosen].sum(axis=1), 1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(parts.sum() / max(1.0, wholes.sum())), float(low), float(high)
