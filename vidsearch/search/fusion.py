"""Rankings by several kinds of evidence to one ranking of moments.

The frames and segments that any ranking puts first become spans of their videos. Each kind of evidence gives
a probability that a span is what was asked for, and these are joined as if they were independent witnesses:
all of them are wrong, or it is right (noisy-or). Spans are ordered by the sum of -log(1 - p), which orders
them as the joint probability does, and does not saturate.

Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009) gives a captioner that is often wrong as much
say as the pictures, and measured far worse (`benchmarks/search_fusion.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from vidsearch.search.moments import Curve, Span, SpanSet
from vidsearch.search.retrievers import FrameRanking, RankedSegment, SegmentRanking

if TYPE_CHECKING:
    from vidsearch.types import Int64

    Float64: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

Item = TypeVar("Item")
HINTS_AT_IT = 0.2
"""Below this confidence words with times of their own say nothing beside pictures that are likelier."""
SAYS_IT = 0.5
"""From this confidence on words with times of their own are a moment; below it, where they say more than the
pictures do."""
_FEW = 8
"""The best of several embedders together is among so many of the best of each."""

Weights: TypeAlias = "Callable[[Int64], Float64]"
"""Of the frames at rows: -log(1 - p), p being the probability by their pictures alone; 0 without pictures."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A span with its place in the answer."""

    span: Span | None
    """Its frames; None where a segment's video has no frames on the timeline."""
    score: float
    """A cosine or a score of words where one ranking answers alone; of several, its weight."""
    weight: float
    """-log(1 - p) of all its evidence."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The best score of each ranking that names one of its frames."""
    segments: tuple[RankedSegment, ...] = ()
    """The best segment of each kind of words that overlaps it, the most telling first."""
    times: tuple[float, float] | None = None
    """Start and end in seconds, where a segment says them; None where its frames do."""

    @property
    def order(self) -> tuple[float, float]:
        """What moments are sorted by: smaller is better."""
        return -self.weight, -self.score


def rank_moments(
    frames: Sequence[FrameRanking],
    segments: Sequence[SegmentRanking],
    *,
    curve: Curve,
    weights: Weights,
    join: bool,
    bounds_of: Callable[[int], tuple[int, int]],
    limit: int,
) -> list[Moment]:
    """Fuse rankings of frames, and maybe of segments, into at most `limit` moments, best first.

    Segments with spans of their own that are likely, or likelier than their pictures, are moments with their
    own times. Around others, and around frames, the curve says how far a moment reaches.

    Args:
        frames: Rankings of frames by their pictures.
        segments: Rankings of segments by their words.
        curve: The landscape in which the span around a frame is found.
        weights: What pictures say of frames.
        join: Whether neighbouring frames make one moment; else each frame is one of its own.
        bounds_of: The rows [first, end) that a span around a row must not leave.
        limit: How many moments.
    """
    surest = max((float(weights(each.rows[:_FEW]).max()) for each in frames if len(each.rows)), default=0.0)
    least = min(HINTS_AT_IT, -float(np.expm1(-surest)))
    segments = [kept for ranking in segments if len(kept := _telling(ranking.beside_pictures(surest), least))]
    at_most = limit * (len(frames) + len(segments))
    made = SpanSet()
    times: dict[int, tuple[float, float]] = {}
    loose: list[RankedSegment] = []

    def take(segment: RankedSegment) -> None:
        if segment.end <= segment.first:
            loose.append(segment)
        elif not made.overlaps(segment.first, segment.end):
            best = segment.first + int(np.argmax(curve(segment.first, segment.end)))
            times[len(made)] = (segment.start_seconds, segment.end_seconds)
            made.add(Span(segment.first, segment.end, best) if join else Span(best, best + 1, best))

    own = [_all(ranking, limit) for ranking in segments if ranking.kind.has_own_span]
    for segment in _in_turns(own):
        if segment.confidence >= SAYS_IT:
            take(segment)
    others = [ranking for ranking in segments if not ranking.kind.has_own_span]
    candidates: list[Sequence[int | RankedSegment]] = [
        *(_candidates(ranking, weights, limit) for ranking in segments if ranking.kind.has_own_span),
        *(_candidates(ranking, weights, at_most) for ranking in others if ranking.kind.comes_first),
        *(ranking.rows.tolist() for ranking in frames),
        *(_candidates(ranking, weights, at_most) for ranking in others if not ranking.kind.comes_first),
    ]
    for each in _in_turns(candidates):
        if len(made) >= at_most:
            break
        if isinstance(each, RankedSegment):
            take(each)
        elif not made.overlaps(each, each + 1):
            made.add(made.grown(each, curve, bounds_of(each)) if join else Span(each, each + 1, each))
    moments = _moments(made.spans, times, frames, segments, weights)
    moments += [_of_segments((segment,), score=_weight(segment)) for segment in loose]
    return sorted(moments, key=lambda moment: moment.order)[:limit]


def rank_segments(rankings: Sequence[SegmentRanking], *, limit: int) -> list[Moment]:
    """Fuse rankings of segments alone into at most `limit` moments, best first.

    A segment that lies within a better one of another kind, by half at least, is more evidence for that one.
    One within a better one of its own kind says the same again, from another stream, and is left out.
    """
    ranked = [segment for ranking in rankings for segment in _all(ranking, 2 * limit)]
    ranked.sort(key=lambda segment: (-segment.confidence, -segment.score))
    by_video: dict[int, list[dict[str, RankedSegment]]] = {}
    for segment in ranked:
        groups = by_video.setdefault(segment.video_id, [])
        into = next((group for group in groups if _is_within(segment, group)), None)
        if into is None:
            groups.append({segment.kind.name: segment})
        else:
            into.setdefault(segment.kind.name, segment)
    found = [tuple(group.values()) for groups in by_video.values() for group in groups]
    moments = [_of_segments(group, score=group[0].score) for group in found]
    return sorted(moments, key=lambda moment: moment.order)[:limit]


def _is_within(segment: RankedSegment, group: Mapping[str, RankedSegment]) -> bool:
    """Whether half of a segment, at least, lies within the one that leads a group."""
    leading = next(iter(group.values()))
    start = max(segment.start_seconds, leading.start_seconds)
    end = min(segment.end_seconds, leading.end_seconds)
    return end > start and end - start >= (segment.end_seconds - segment.start_seconds) / 2


def _of_segments(group: Sequence[RankedSegment], *, score: float) -> Moment:
    """A moment of one segment of each kind, the best first, without pictures."""
    leading = group[0]
    return Moment(
        Span(leading.first, leading.end, leading.first) if leading.end > leading.first else None,
        score,
        sum(map(_weight, group)),
        {segment.kind.name: segment.score for segment in group},
        tuple(group),
        (leading.start_seconds, leading.end_seconds),
    )


def _telling(ranking: SegmentRanking, least: float) -> SegmentRanking:
    """The segments that speak for a moment beside its pictures: the others would only blur these."""
    if not ranking.kind.has_own_span:
        return ranking
    kept = np.flatnonzero((ranking.confidences >= least) | (ranking.end_rows <= ranking.firsts))
    return ranking.take(kept)


def _all(ranking: SegmentRanking, at_most: int) -> list[RankedSegment]:
    return [ranking[number] for number in range(min(len(ranking), at_most))]


def _candidates(ranking: SegmentRanking, weights: Weights, at_most: int) -> list[int | RankedSegment]:
    """What to make moments of: a segment that says more than its picture, or else the row in its middle."""
    found: list[int | RankedSegment] = list(_all(ranking, at_most))
    firsts, ends = ranking.firsts[: len(found)], ranking.end_rows[: len(found)]
    on_timeline = np.flatnonzero(ends > firsts)
    if len(on_timeline):
        middles = (firsts[on_timeline] + ends[on_timeline] - 1) // 2
        by_words = -np.log1p(-ranking.confidences[on_timeline])
        for number, row, is_less in zip(on_timeline, middles, by_words <= weights(middles), strict=True):
            if is_less:
                found[number] = int(row)
    return found


def _in_turns(columns: Iterable[Sequence[Item]]) -> Iterator[Item]:
    """The first of each column, then the second of each, and so on."""
    missing = object()
    for row in zip_longest(*columns, fillvalue=missing):
        yield from (each for each in row if each is not missing)  # type: ignore[misc]


def _moments(
    made: Sequence[Span],
    times: Mapping[int, tuple[float, float]],
    frames: Sequence[FrameRanking],
    segments: Sequence[SegmentRanking],
    weights: Weights,
) -> list[Moment]:
    if not made:
        return []
    firsts = np.asarray([span.first for span in made], dtype=np.int64)
    ends = np.asarray([span.end for span in made], dtype=np.int64)
    bests = np.asarray([span.best for span in made], dtype=np.int64)
    is_fused = len(frames) + len(segments) > 1
    of_pictures = weights(bests)
    cosines = [_best_by_span(ranking, firsts, ends) for ranking in frames]
    matched = [best_by_span(ranking, firsts, ends) for ranking in segments]
    moments = []
    for number, span in enumerate(made):
        found = [
            ranking[by_span[number]]
            for ranking, by_span in zip(segments, matched, strict=True)
            if by_span[number] >= 0
        ]
        found.sort(key=lambda segment: -segment.confidence)
        weight = float(of_pictures[number]) + sum(_weight(segment) for segment in found)
        scores = {
            ranking.name: by_span[number]
            for ranking, by_span in zip(frames, cosines, strict=True)
            if number in by_span
        }
        scores |= {segment.kind.name: segment.score for segment in found}
        score = weight if is_fused else scores[frames[0].name]
        moments.append(Moment(span, score, weight, scores, tuple(found), times.get(number)))
    return moments


def _weight(segment: RankedSegment) -> float:
    return float(-np.log1p(-min(segment.confidence, 1 - 1e-9)))


def _best_by_span(ranking: FrameRanking, firsts: Int64, ends: Int64) -> dict[int, float]:
    """For each span, by its number, the score of the frame in it that the ranking puts first."""
    order = np.argsort(firsts)
    at = np.searchsorted(firsts[order], ranking.rows, side="right") - 1
    inside = (at >= 0) & (ranking.rows < ends[order][at])
    scores: dict[int, float] = {}
    for where, score in zip(order[at[inside]].tolist(), ranking.scores[inside].tolist(), strict=True):
        scores.setdefault(where, score)
    return scores


def best_by_span(ranking: SegmentRanking, firsts: Int64, ends: Int64) -> list[int]:
    """For each span, the number of the most telling segment that overlaps it; -1 where none does."""
    overlaps = (ranking.firsts[:, None] < ends) & (ranking.end_rows[:, None] > firsts)
    confidences = np.where(overlaps, ranking.confidences[:, None], -1.0)
    best: list[int] = np.where(overlaps.any(axis=0), confidences.argmax(axis=0), -1).tolist()
    return best
