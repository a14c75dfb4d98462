"""Several parts of a query in one moment, and steps of several kinds: how likely each frame is all of it.

Each part gives every frame a probability, by all kinds of evidence that the part is looked for in: pictures
by their calibrated confidence, words by the segments that are on then. Parts that belong together all have to
hold, so their probabilities are multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vidsearch.search.fusion import SAYS_IT, Moment, best_by_span
from vidsearch.search.kinds import PICTURES
from vidsearch.search.moments import Span, SpanSet
from vidsearch.search.retrievers import RETRIEVERS, Question, RankedSegment, SegmentRanking
from vidsearch.search.views import all_log_odds, step_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.search.views import View
    from vidsearch.types import Float32, Int64

    Float64: TypeAlias = NDArray[np.float64]

DEPTH = 1 << 17
"""How far down the rankings of words are followed."""
UNLIKELY = 0.02
"""What a part is given where nothing speaks for it: a moment with most of the parts is still found."""
_FEW = 64
"""How far down rankings are followed to see whether there is anything."""
_KEPT_SHARE = 0.5
"""A moment reaches as far as all of it is at least this share as likely as at its best frame."""


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """What speaks for one part of a query, frame by frame."""

    question: Question
    weights: Float64
    """-log(1 - p) of each row of the timeline, by all kinds of evidence together."""
    segments: tuple[SegmentRanking, ...]
    """The words that were found, by kind."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: the parts that a frame has to fit, and what was found for each."""

    text: str
    questions: tuple[Question, ...]
    parts: tuple[FrameEvidence, ...] = ()
    """Empty where pictures alone are compared."""

    @property
    def is_by_words(self) -> bool:
        """Whether words of tracks are looked at."""
        return bool(self.parts)

    @property
    def views(self) -> Sequence[View]:
        """The step in each space in which pictures are compared."""
        return next((question.views for question in self.questions if question.views), ())

    @property
    def words(self) -> str:
        """All its words, exact ones in quotes."""
        return " ".join(question.query.words for question in self.questions)

    def segments_at(self, row: int) -> list[RankedSegment]:
        """The most telling words of each kind at a frame, the best first."""
        return _best_segments(self.parts, row, row + 1)


def needs_words(question: Question) -> bool:
    """Whether a step cannot be found by its pictures alone, or some words say most of it."""
    looked_at = question.query.looked_at
    if PICTURES not in looked_at:
        return True
    retrievers = (make for kind in looked_at if kind != PICTURES for make in RETRIEVERS[kind](question))
    return any(
        isinstance(ranking, SegmentRanking) and (ranking.confidences >= SAYS_IT).any()
        for ranking in (retriever.rank(_FEW) for retriever in retrievers)
    )


def frame_evidence(question: Question) -> FrameEvidence:
    """Return what speaks for a question's query at each frame of its timeline."""
    weights = np.zeros(len(question.timeline))
    if question.views and PICTURES in question.query.looked_at:
        weights += np.logaddexp(0.0, all_log_odds(question.views, question.timeline))
    rows = slice(None) if question.among is None else question.timeline.known_rows(question.among)
    surest = float(weights[rows].max(initial=0.0))
    rankings = []
    for kind in question.query.looked_at:
        for retriever in RETRIEVERS[kind](question) if kind != PICTURES else ():
            ranking = retriever.rank(DEPTH)
            if isinstance(ranking, SegmentRanking):
                ranking = ranking.beside_pictures(surest)
                rankings.append(ranking)
                weights += _on_timeline(ranking, len(weights))
    return FrameEvidence(question, weights, tuple(rankings))


def log_probabilities(parts: Sequence[FrameEvidence]) -> Float64:
    """Log-probabilities that frames are what all of the parts ask for; of one part, -inf for never."""
    with np.errstate(divide="ignore"):
        by_part = [np.log(-np.expm1(-part.weights)) for part in parts]
    if len(by_part) > 1:
        by_part = [np.maximum(each, np.log(UNLIKELY)) for each in by_part]
    return np.asarray(np.sum(by_part, axis=0))


def scores_of_steps(steps: Sequence[Step], rows: Int64) -> Float64:
    """What each frame at `rows` scores for each step, (steps, frames).

    Standard scores of the pictures; where words are looked at as well, log-probabilities.
    """
    if not steps[0].is_by_words:
        return step_scores([step.views for step in steps], rows).astype(np.float64)
    return np.stack([log_probabilities(step.parts)[rows] for step in steps])


def rank_together(
    parts: Sequence[FrameEvidence],
    *,
    among_rows: Int64 | None,
    join: bool,
    bounds_of: Callable[[int], tuple[int, int]],
    limit: int,
) -> list[Moment]:
    """The moments that are most likely what all of the parts ask for, best first.

    Args:
        parts: Evidence for each part, on one timeline.
        among_rows: The rows that alone are looked at; None for all.
        join: Whether neighbouring frames make one moment.
        bounds_of: The rows [first, end) that a moment around a row must not leave.
        limit: How many moments, at most.
    """
    if not any(part.weights.any() for part in parts):
        return []
    joint = log_probabilities(parts)
    if among_rows is not None:
        left_out = np.ones(len(joint), dtype=bool)
        left_out[among_rows] = False
        joint[left_out] = -np.inf
    made = SpanSet()
    for row in _falling(joint):
        if len(made) == limit:
            break
        if not made.overlaps(row, row + 1):
            likely = joint >= joint[row] + np.log(_KEPT_SHARE)
            reach = made.grown(row, partial(_heights, likely), bounds_of(row) if join else (row, row + 1))
            made.add(Span(reach.first, reach.end, row))
    return [_moment(span, float(joint[span.best]), parts) for span in made.spans]


def _heights(likely: NDArray[np.bool_], first: int, end: int) -> Float32:
    return likely[first:end].astype(np.float32)


def _on_timeline(ranking: SegmentRanking, num_rows: int) -> Float64:
    """-log(1 - p) of each row by the most telling segment that is on then."""
    weights = np.zeros(num_rows)
    of_segments = -np.log1p(-np.minimum(ranking.confidences, 1 - 1e-9))
    for number in np.argsort(of_segments, kind="stable").tolist():  # the most telling last
        weights[ranking.firsts[number] : ranking.end_rows[number]] = of_segments[number]
    return weights


def _moment(span: Span, log_probability: float, parts: Sequence[FrameEvidence]) -> Moment:
    found = _best_segments(parts, span.first, span.end)
    own = next((segment for segment in found if segment.kind.has_own_span), None)
    weight = float(-np.log1p(-min(np.exp(log_probability), 1 - 1e-9)))
    return Moment(
        span,
        weight,
        weight,
        {segment.kind.name: segment.score for segment in reversed(found)},
        tuple(found),
        None if own is None else (own.start_seconds, own.end_seconds),
    )


def _best_segments(parts: Sequence[FrameEvidence], first: int, end: int) -> list[RankedSegment]:
    """The most telling segment of each ranking that is on in rows [first, end), the best first."""
    firsts, ends = np.asarray([first]), np.asarray([end])
    rankings = [ranking for part in parts for ranking in part.segments if len(ranking)]
    best = [(ranking, best_by_span(ranking, firsts, ends)[0]) for ranking in rankings]
    by_id = {ranking[number].id: ranking[number] for ranking, number in best if number >= 0}
    return sorted(by_id.values(), key=lambda segment: -segment.confidence)


def _falling(values: Float64) -> Iterator[int]:
    """Places of finite values, best first; ties by place."""
    order = np.argsort(-values, kind="stable")
    yield from order[: int(np.isfinite(values).sum())].tolist()
