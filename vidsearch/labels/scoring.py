"""Finds where labels match: compares every frame with every label, in blocks of bounded size.

Confidences are those of a search (`search.calibration`). Their log-odds are linear in the cosine, so that
each label is a scaled direction, an offset and a threshold, and each block of frames is one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import ModelUnavailable, QueryError
from vidsearch.search.views import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.search.engine import Searcher
    from vidsearch.search.timeline import Timeline
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, Int64

JOIN_SECONDS = 2.5
"""Spans of a label with smaller gaps are joined: at one frame per second, two frames may fail to match."""
_BLOCK_FRAMES = 4096
_BLOCK_LABELS = 1024
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Span:
    """A span [start, end) of a video that matches a label."""

    label: int
    """The label's index."""
    video_id: int
    start_seconds: float
    end_seconds: float
    best_frame_id: int
    best_seconds: float
    confidence: float
    """That of the best frame."""


@dataclass(frozen=True, slots=True)
class _Weights:
    """Labels in one space: log-odds are `rows @ vectors + offsets`."""

    timeline: Timeline
    rows: Float32
    offsets: Float32


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of matching rows [first, end) of the first timeline. Each array is (n,)."""

    labels: Int64
    firsts: Int64
    ends: Int64
    bests: Int64
    log_odds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, order: Int64) -> _Runs:
        return _Runs(
            self.labels[order], self.firsts[order], self.ends[order], self.bests[order], self.log_odds[order]
        )


class LabelScorer:
    """Compares frames with labels.

    Args:
        searcher: The library, with its models.
        labels: Words, or names of concepts.
        min_confidence: The minimum confidence of a frame; None for each label's calibrated threshold.

    Raises:
        QueryError: A label mixes a concept with words, for which there is no threshold.
        ConceptNotFound: A label names a concept that the library was not taught.
        ModelUnavailable: No available model can encode the labels.
    """

    def __init__(
        self, searcher: Searcher, labels: Sequence[str], *, min_confidence: float | None = None
    ) -> None:
        self._store: Store = searcher.library
        searcher.composer.concepts.look()
        self._spaces: list[_Weights] = []
        thresholds: list[Float32] = []
        problems: list[ModelUnavailable] = []
        for space, timeline in searcher.timelines().items():
            try:
                weights, found = _weights(searcher, labels, space, timeline)
            except ModelUnavailable as error:
                problems.append(error)
                continue
            self._spaces.append(weights)
            thresholds.append(found)
        if problems and not self._spaces:
            raise problems[0]
        self.models: tuple[str, ...] = tuple(space.model for space in searcher.timelines())
        least = np.mean(thresholds, axis=0) if thresholds else np.empty(0, np.float32)
        if min_confidence is not None:
            least = np.full(len(least), _logit(min_confidence))
        self._thresholds: Float32 = least.astype(np.float32)

    @property
    def timeline(self) -> Timeline | None:
        """The frames that are compared, in order; None if the library has none."""
        return self._spaces[0].timeline if self._spaces else None

    def spans(
        self,
        rows: tuple[int, int] | None = None,
        *,
        join_seconds: float = JOIN_SECONDS,
        on_frames: Callable[[int], None] = lambda num_frames: None,
    ) -> list[Span]:
        """Find the spans that match, by label, then by video and time.

        Args:
            rows: Compare only these rows [first, end) of `timeline`; None for all.
            join_seconds: Spans of a label with smaller gaps are joined.
            on_frames: Called from time to time with the number of frames compared.
        """
        timeline = self.timeline
        if timeline is None:
            return []
        first, end = rows or (0, len(timeline))
        parts: list[_Runs] = []
        for start in range(first, end, _BLOCK_FRAMES):
            on_frames(start - first)
            parts += self._block(timeline, start, min(start + _BLOCK_FRAMES, end))
        on_frames(end - first)
        return self._as_spans(timeline, _joined(timeline, parts, join_seconds)) if parts else []

    def _block(self, timeline: Timeline, first: int, end: int) -> Iterator[_Runs]:
        """Yield the runs in rows [first, end), for some labels at a time."""
        rows = np.arange(first, end)
        vectors = [self._spaces[0].timeline.vectors(rows)]
        known = [np.ones(len(rows), dtype=bool)]
        for other in self._spaces[1:]:
            at = other.timeline.rows(timeline.frame_ids[first:end])
            vectors.append(other.timeline.vectors(np.maximum(at, 0)))
            known.append(at >= 0)
        count = np.sum(known, axis=0)
        is_new_video = np.ones(len(rows), dtype=bool)
        is_new_video[1:] = timeline.video_ids[first + 1 : end] != timeline.video_ids[first : end - 1]
        for start in range(0, len(self._thresholds), _BLOCK_LABELS):
            part = slice(start, start + _BLOCK_LABELS)
            total = self._spaces[0].rows[part] @ vectors[0].T
            offsets = self._spaces[0].offsets[part]
            if len(self._spaces) > 1:
                total += offsets[:, None]
                offsets = np.zeros_like(offsets)
            for space, own, is_known in zip(self._spaces[1:], vectors[1:], known[1:], strict=True):
                total += (space.rows[part] @ own.T + space.offsets[part, None]) * is_known
            if len(self._spaces) > 1:
                total /= count
            # A corrupt vector gives NaN, which does not exceed any threshold.
            fits = np.flatnonzero(total >= (self._thresholds[part] - offsets)[:, None])
            if len(fits):
                scores = total.ravel()[fits].astype(np.float64) + offsets[fits // total.shape[1]]
                yield _runs(
                    fits, scores, is_new_video, num_rows=total.shape[1], first_row=first, first_label=start
                )

    def _as_spans(self, timeline: Timeline, runs: _Runs) -> list[Span]:
        ends = _end_seconds(self._store, timeline.frame_ids[runs.ends - 1])
        starts, best_seconds = timeline.times[runs.firsts], timeline.times[runs.bests]
        sure = 1 / (1 + np.exp(-runs.log_odds))
        columns = (
            runs.labels,
            timeline.video_ids[runs.firsts],
            starts,
            np.maximum(ends, starts),
            timeline.frame_ids[runs.bests],
            best_seconds,
            sure,
        )
        return [Span(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]


def _weights(
    searcher: Searcher, labels: Sequence[str], space: EmbeddingSpace, timeline: Timeline
) -> tuple[_Weights, Float32]:
    """Encode labels in one space. Returns them, and the log-odds from which each matches."""
    rows = np.empty((len(labels), space.dim), np.float32)
    offsets, found = np.empty(len(labels), np.float32), np.empty(len(labels), np.float32)
    directions = searcher.composer.text_directions(labels, space, timeline)
    for number, (label, direction) in enumerate(zip(labels, directions, strict=True)):
        view = View.of(space, timeline, direction)
        fitted, reference = view.calibration, view.reference
        if fitted is None:
            raise QueryError(
                f"The label {label!r} names a concept among other words, and no threshold is known for a "
                "mixture. Label the concept alone, or teach what you mean by examples."
            )
        slope = fitted.per_height / reference.deviation
        rows[number] = direction.vector * np.float32(slope)
        at_mean = float(fitted.log_odds(np.zeros(()), reference.usual_height, timeline.num_distinct))
        offsets[number] = at_mean - slope * reference.mean
        found[number] = _logit(fitted.found)
    return _Weights(timeline, rows, offsets), found


def _runs(
    fits: Int64,
    scores: NDArray[np.float64],
    is_new_video: NDArray[np.bool_],
    *,
    num_rows: int,
    first_row: int,
    first_label: int,
) -> _Runs:
    """Find runs of matching rows, given the matching entries of a (labels, rows) table, ascending."""
    labels, rows = np.divmod(fits, num_rows)
    begins = np.ones(len(fits), dtype=bool)
    begins[1:] = (np.diff(fits) != 1) | (rows[1:] == 0) | is_new_video[rows[1:]]
    starts = np.flatnonzero(begins)
    tops = np.maximum.reduceat(scores, starts)
    run_of = np.cumsum(begins) - 1
    is_top = np.flatnonzero(scores == tops[run_of])
    _, first_top = np.unique(run_of[is_top], return_index=True)
    lasts = np.append(starts[1:], len(fits)) - 1
    return _Runs(
        labels[starts] + first_label,
        rows[starts] + first_row,
        rows[lasts] + first_row + 1,
        rows[is_top[first_top]] + first_row,
        tops,
    )


def _joined(timeline: Timeline, parts: Sequence[_Runs], join_seconds: float) -> _Runs:
    """Merge all runs, in order of label and row, and join those of one video with small gaps."""
    names = ("labels", "firsts", "ends", "bests", "log_odds")
    runs = _Runs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    runs = runs[np.lexsort((runs.firsts, runs.labels))]
    # From the first frame that does not match to the next one that does; 0 at the boundary of a block.
    after = np.minimum(runs.ends[:-1], len(timeline) - 1)
    gaps = timeline.times[runs.firsts[1:]] - timeline.times[after]
    is_next = (
        (runs.labels[1:] == runs.labels[:-1])
        & (timeline.video_ids[runs.firsts[1:]] == timeline.video_ids[runs.firsts[:-1]])
        & (gaps < max(join_seconds, _LEAST))
    )
    starts = np.flatnonzero(np.append(True, ~is_next))
    group = np.cumsum(np.append(True, ~is_next)) - 1
    best = np.lexsort((-runs.log_odds, group))[starts]
    lasts = np.append(starts[1:], len(runs)) - 1
    return _Runs(
        runs.labels[starts], runs.firsts[starts], runs.ends[lasts], runs.bests[best], runs.log_odds[best]
    )


def _end_seconds(store: Store, frame_ids: Int64) -> NDArray[np.float64]:
    """When frames end: a timeline does not know it for the last frame of a video."""
    unique, places = np.unique(frame_ids, return_inverse=True)
    return np.asarray(store.positions(unique)[2][places])


def _logit(probability: float) -> float:
    inside = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))


def by_video(spans: Sequence[Span]) -> Mapping[int, list[Span]]:
    """Group spans by video."""
    found: dict[int, list[Span]] = {}
    for span in spans:
        found.setdefault(span.video_id, []).append(span)
    return found
