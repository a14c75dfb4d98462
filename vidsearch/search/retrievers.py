"""Retrievers: one for each kind of evidence, ranking frames or segments for a question.

Pictures rank frames, words rank segments of tracks. All rankings refer to one timeline of frames, so that
`fusion` can tell which of them concern the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from vidsearch.search.kinds import PICTURES, TEXT_KINDS, WINDOWS, EvidenceKind
from vidsearch.search.meaning import judge
from vidsearch.store.words import exact_phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidsearch.search.meaning import LineView
    from vidsearch.search.query import Query
    from vidsearch.search.timeline import Timeline
    from vidsearch.search.views import View
    from vidsearch.store.store import Store
    from vidsearch.tracks import TrackKind
    from vidsearch.types import Float32, Int64

    Float64: TypeAlias = NDArray[np.float64]


_FRAMES_PER_SEGMENT = 8
"""A segment covers several frames, so fewer of them are read."""
_LEAST_SHARE = 0.05
"""Windows with a lower confidence than this are ignored."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query, prepared for retrievers."""

    library: Store
    query: Query
    views: Sequence[View]
    """The query in each space whose model is available; empty if pictures are not searched."""
    timeline: Timeline
    """The frames that rankings refer to; those of the first view."""
    among: Int64 | None
    """Ids of the frames that pass the query's filter, ascending; None for all."""
    windows: Sequence[View] = ()
    """The query in each space of windows whose model is available."""
    lines: Mapping[TrackKind, LineView] = field(default_factory=dict)
    """The query in the space of each kind of lines that have vectors."""


@dataclass(frozen=True, slots=True)
class FrameRanking:
    """Frames by the similarity of their pictures, best first."""

    name: str
    """The model's."""
    rows: Int64
    """Rows of the timeline."""
    scores: Float32
    """Cosines."""
    is_exhausted: bool
    """Whether all frames are ranked."""


@dataclass(frozen=True, slots=True)
class RankedSegment:
    """A segment with words of the query, and its place on the timeline."""

    kind: EvidenceKind
    id: int
    video_id: int
    start_seconds: float
    end_seconds: float
    first: int
    """Its frames are rows [first, end); empty if its video has no frames on the timeline."""
    end: int
    score: float
    confidence: float
    """Probability in [0, 1], by its words alone, that it is what was asked for."""


@dataclass(frozen=True, slots=True)
class SegmentRanking:
    """Segments of one kind by how well their words match, best first: (n,) each."""

    kind: EvidenceKind
    ids: Int64
    video_ids: Int64
    starts: Float64
    """Seconds, clipped to the times that pass the query's filter."""
    ends: Float64
    firsts: Int64
    end_rows: Int64
    scores: Float64
    confidences: Float64
    by_words: Float64
    """Confidences by the words shared with the query alone."""
    is_exhausted: bool

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, numbers: Int64) -> SegmentRanking:
        """A selection of the segments, in this order."""
        columns: dict[str, Any] = {
            item.name: column[numbers]
            for item in fields(self)
            if isinstance(column := getattr(self, item.name), np.ndarray)
        }
        return replace(self, **columns)

    def beside_pictures(self, weight: float) -> SegmentRanking:
        """The same segments, as sure as they are where pictures may be what was asked for as well.

        One thing was asked for. A line that means something like it is it as far as no picture is: its odds
        are multiplied by the probability of that. A line is never less sure than its words alone make it.

        Args:
            weight: -log(1 - p), p being the probability by its pictures of the likeliest frame.
        """
        sure = np.minimum(self.confidences, 1 - 1e-9)
        odds = sure / (1 - sure) * np.exp(-weight)
        beside = np.where(self.confidences > self.by_words, odds / (1 + odds), 0.0)
        beside = np.maximum(beside, self.by_words)
        return replace(self, confidences=beside).take(np.argsort(-beside, kind="stable"))

    def __getitem__(self, number: int) -> RankedSegment:
        return RankedSegment(
            self.kind,
            int(self.ids[number]),
            int(self.video_ids[number]),
            float(self.starts[number]),
            float(self.ends[number]),
            int(self.firsts[number]),
            int(self.end_rows[number]),
            float(self.scores[number]),
            float(self.confidences[number]),
        )


class Retriever(Protocol):
    """Ranks one kind of evidence for its question."""

    def rank(self, depth: int) -> FrameRanking | SegmentRanking:
        """The best of them, enough to cover the `depth` best frames."""
        ...


@dataclass(frozen=True, slots=True)
class PictureRetriever:
    """Ranks frames by their vectors in one space."""

    question: Question
    view: View

    def rank(self, depth: int) -> FrameRanking:
        ids, scores = self.question.library.nearest(
            self.view.space, self.view.vector[None], depth, among=self.question.among
        )
        is_there = (ids[0] >= 0) & np.isfinite(scores[0])  # a damaged vector matches nothing
        rows = self.question.timeline.rows(ids[0][is_there])
        is_known = rows >= 0
        return FrameRanking(
            self.view.space.model,
            rows[is_known],
            scores[0][is_there][is_known],
            is_exhausted=bool((ids[0] < 0).any()),
        )


@dataclass(frozen=True, slots=True)
class WordRetriever:
    """Ranks segments of one kind by their words, and by their vectors where they have any."""

    question: Question
    kind: EvidenceKind

    def rank(self, depth: int) -> SegmentRanking:
        asked, count = self.question.query, depth // _FRAMES_PER_SEGMENT
        library = self.question.library
        ids, scores, shares = library.match_scores(
            asked.words, count, kinds=self.kind.tracks, where=asked.filter
        )
        as_quoted = bool(exact_phrases(asked.words))
        sure, is_exhausted = self.kind.confidences(shares, as_quoted=as_quoted), len(ids) < count
        by_words = sure
        lines = self.question.lines if self.kind.has_vectors else {}
        views = [
            lines[kind] for kind in dict.fromkeys(each.kind for each in self.kind.tracks) if kind in lines
        ]
        if views:
            found = dict(zip(ids.tolist(), zip(shares.tolist(), sure.tolist(), strict=True), strict=True))
            judged = judge(library, views, found, count, asked.filter)
            ids, sure, by_words = judged.ids, judged.confidences, judged.by_words
            scores, is_exhausted = -np.log1p(-sure), is_exhausted and judged.is_exhausted
        return _laid_out(self.question, self.kind, ids, scores, sure, by_words, is_exhausted=is_exhausted)


@dataclass(frozen=True, slots=True)
class WindowRetriever:
    """Ranks windows of frames or sound by their vectors in one space."""

    question: Question
    kind: EvidenceKind
    view: View

    def rank(self, depth: int) -> SegmentRanking:
        library, count = self.question.library, depth // _FRAMES_PER_SEGMENT
        among = library.segment_ids(self.question.query.filter, self.view.space.kind)
        ids, scores = library.nearest(self.view.space, self.view.vector[None], count, among=among)
        is_there = (ids[0] >= 0) & np.isfinite(scores[0])
        shares = np.exp(-np.logaddexp(0.0, -self.view.log_odds(scores[0][is_there])))
        telling = int(np.searchsorted(-shares, -_LEAST_SHARE, side="right"))  # the best come first
        sure = self.kind.confidences(shares[:telling])
        return _laid_out(
            self.question,
            self.kind,
            ids[0][is_there][:telling],
            scores[0][is_there][:telling].astype(np.float64),
            sure,
            sure,
            is_exhausted=telling < count,
        )


def _laid_out(
    question: Question,
    kind: EvidenceKind,
    ids: Int64,
    scores: Float64,
    sure: Float64,
    by_words: Float64,
    *,
    is_exhausted: bool,
) -> SegmentRanking:
    """Place segments on the timeline, within the times that pass the query's filter."""
    where, timeline = question.query.filter, question.timeline
    video_ids, starts, ends = question.library.positions(ids)
    starts = np.maximum(starts, where.after_seconds or 0.0)
    if where.before_seconds is not None:
        ends = np.minimum(ends, where.before_seconds)
    firsts, end_rows = timeline.rows_between(video_ids, starts, ends)
    if where.after_seconds is not None:  # the picture on screen then may have begun before
        began = timeline.times[np.minimum(firsts, len(timeline) - 1)] if len(timeline) else starts
        firsts = np.minimum(firsts + (began < where.after_seconds), end_rows)
    return SegmentRanking(
        kind,
        ids,
        video_ids,
        starts,
        ends,
        firsts,
        end_rows,
        scores,
        sure,
        by_words,
        is_exhausted=is_exhausted,
    )


def _pictures(question: Question) -> Iterable[Retriever]:
    return [PictureRetriever(question, view) for view in question.views]


def _words(kind: EvidenceKind, question: Question) -> Iterable[Retriever]:
    return [WordRetriever(question, kind)] if question.query.has_words else []


def _windows(kind: EvidenceKind, question: Question) -> Iterable[Retriever]:
    of_kind = [view for view in question.windows if view.space.kind == kind.tracks[0].kind]
    return [WindowRetriever(question, kind, view) for view in of_kind]


RETRIEVERS: Mapping[str, Callable[[Question], Iterable[Retriever]]] = MappingProxyType(
    {
        PICTURES: _pictures,
        **{name: partial(_windows, kind) for name, kind in WINDOWS.items()},
        **{name: partial(_words, kind) for name, kind in TEXT_KINDS.items()},
    }
)
"""Retriever factories by kind of evidence."""
