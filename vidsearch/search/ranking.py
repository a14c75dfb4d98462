"""Rankings of frames to one ranking of moments.

Each view, and the captions, rank frames. The frames that any of them ranks high are joined into spans of
their videos; and spans are ranked by how far their pictures stand above the library's usual ones, plus
something for captions that have the words.

Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009) was the first choice and measured far worse:
it gives a captioner that is often wrong as much say as the pictures (`benchmarks/search_fusion.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.search.moments import Curve, Span, spans

if TYPE_CHECKING:
    from vidsearch.types import Float32, Int64


@dataclass(frozen=True, slots=True)
class Ranking:
    """Frames by one kind of evidence, best first."""

    name: str
    places: Int64
    scores: Float32
    """Higher is better; not comparable with other rankings'."""
    evidence: Float32 | None = None
    """What each frame's caption adds to its pictures' standard score; None for rankings by pictures, whose
    say is the curve."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A span with its place in the answer."""

    span: Span
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    """The best score of each ranking that names one of its frames."""


def rank_moments(
    rankings: Sequence[Ranking],
    *,
    curve: Curve,
    join: bool,
    bounds_of: Callable[[int], tuple[int, int]],
    limit: int,
) -> list[Moment]:
    """Fuse rankings of frames into a ranking of at most `limit` moments, best first.

    One ranking keeps its scores. Of several, a moment's score is its height on the curve, in standard
    deviations, and what its best caption adds. Without `join`, each frame is a moment of its own.
    """
    made = _spans(rankings, curve if join else None, bounds_of, limit)
    by_span = [_by_span(ranking, ranking.scores, made) for ranking in rankings]
    if len(rankings) == 1:
        fused = by_span[0]
    else:
        fused = {number: _height(span, curve) for number, span in enumerate(made)}
        for ranking in rankings:
            if ranking.evidence is not None:
                for number, added in _by_span(ranking, ranking.evidence, made).items():
                    fused[number] += added
    best_first = sorted(fused, key=lambda number: -fused[number])
    return [
        Moment(
            span=made[number],
            score=fused[number],
            scores={
                ranking.name: scores[number]
                for ranking, scores in zip(rankings, by_span, strict=True)
                if number in scores
            },
        )
        for number in best_first[:limit]
    ]


def matched_curve(ranking: Ranking) -> Curve:
    """A landscape for words alone: frames whose captions match stand out, by how well they match."""
    order = np.argsort(ranking.places)
    places, scores = ranking.places[order], ranking.scores[order]
    top = max(float(np.abs(scores).max(initial=0.0)), 1e-9)

    def heights(first: int, end: int) -> Float32:
        low, high = np.searchsorted(places, [first, end])
        ground = np.zeros(end - first, dtype=np.float32)
        ground[places[low:high] - first] = 1 + 0.2 * scores[low:high] / top
        return ground

    return heights


def _spans(
    rankings: Sequence[Ranking],
    curve: Curve | None,
    bounds_of: Callable[[int], tuple[int, int]],
    limit: int,
) -> list[Span]:
    """Spans around the frames that the rankings put first, taken in turns."""
    in_turns = (
        int(place)
        for place in chain.from_iterable(zip_longest(*(ranking.places for ranking in rankings), fillvalue=-1))
        if place >= 0
    )
    at_most = limit * len(rankings)
    if curve is None:
        return [Span(place, place + 1, place) for place in list(dict.fromkeys(in_turns))[:at_most]]
    return spans(in_turns, curve, bounds_of, limit=at_most)


def _height(span: Span, curve: Curve) -> float:
    return float(curve(span.best, span.best + 1)[0])


def _by_span(ranking: Ranking, values: Float32, made: Sequence[Span]) -> dict[int, float]:
    """For each span, by its number, the value of the frame in it that the ranking puts first."""
    order = sorted(range(len(made)), key=lambda number: made[number].first)
    starts = np.asarray([made[number].first for number in order], dtype=np.int64)
    ends = np.asarray([made[number].end for number in order], dtype=np.int64)
    at = np.searchsorted(starts, ranking.places, side="right") - 1
    inside = (at >= 0) & (ranking.places < ends[at])
    scores: dict[int, float] = {}
    for where, score in zip(at[inside], values[inside], strict=True):
        scores.setdefault(order[int(where)], float(score))
    return scores
