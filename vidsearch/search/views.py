"""A query in one embedding space: its vector, and its score distribution over the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vidsearch.search.calibration import (
    ConfidenceMap,
    Reference,
    ScoreStatistics,
    calibration_for,
    library_scores,
)
from vidsearch.store.similarity import similarities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.search.composition import Direction
    from vidsearch.search.timeline import Timeline
    from vidsearch.types import EmbeddingSpace, Float32, Int64

    Float64: TypeAlias = NDArray[np.float64]

_UNCALIBRATED_LOG_ODDS = -4.0
"""Log-odds of a usual frame if no map was fitted for this kind of query, plus one per deviation above it.
Weighs pictures against words; never displayed."""


@dataclass(frozen=True, slots=True)
class View:
    """A query in one space."""

    space: EmbeddingSpace
    timeline: Timeline
    vector: Float32
    statistics: ScoreStatistics
    reference: Reference
    calibration: ConfidenceMap | None
    """None if no map was fitted for this kind of query: hits have no confidence."""

    @classmethod
    def of(cls, space: EmbeddingSpace, timeline: Timeline, direction: Direction) -> View:
        """A query's direction in a space."""
        vector, asked, calibration = direction.vector, direction.asked, calibration_for(space)
        statistics = library_scores(vector, timeline.sample)
        if direction.calibration is not None:  # a concept, which is calibrated on the library itself
            reference = Reference(statistics.mean, statistics.deviation)
            return cls(space, timeline, vector, statistics, reference, direction.calibration)
        reference = calibration.reference(vector, statistics)
        return cls(space, timeline, vector, statistics, reference, asked and calibration.map_for(asked))

    def cosines(self, frame_ids: Int64) -> Float32:
        """Cosines of frames by id; NaN for those without a vector in this space."""
        rows = self.timeline.rows(frame_ids)
        found = similarities(self.timeline.vectors(np.maximum(rows, 0)), self.vector)
        return np.where(rows >= 0, found, np.nan).astype(np.float32)

    def log_odds(self, cosines: Float32) -> Float64:
        """Log-odds that frames with these cosines are what was asked for; NaN stays NaN."""
        if self.calibration is None:
            return _UNCALIBRATED_LOG_ODDS + self.statistics.standard(cosines).astype(np.float64)
        return self.calibration.log_odds(
            self.reference.height(cosines.astype(np.float64)),
            self.reference.usual_height,
            self.timeline.num_distinct,
        )


def standard_scores(views: Sequence[View], first: int, end: int) -> Float32:
    """Standard scores of the frames at rows [first, end) of the first view's timeline.

    The mean over the views that have a vector of the frame.
    """
    leading = views[0]
    own = leading.statistics.standard(leading.timeline.scores(leading.vector, first, end))
    if len(views) == 1:
        own[np.isnan(own)] = 0.0
        return own
    frame_ids = leading.timeline.frame_ids[first:end]
    others = [view.statistics.standard(view.cosines(frame_ids)) for view in views[1:]]
    return _mean([own, *others], otherwise=0.0).astype(np.float32)


def mean_log_odds(views: Sequence[View], frame_ids: Int64) -> Float64:
    """For each frame, its mean log-odds over the views that have its vector; -inf if none does."""
    return _mean([view.log_odds(view.cosines(frame_ids)) for view in views], otherwise=-np.inf)


def all_log_odds(views: Sequence[View], timeline: Timeline) -> Float64:
    """Mean log-odds of each frame of a timeline; -inf if no view has its vector."""
    rows = np.arange(len(timeline))
    columns = []
    for view in views:
        at = rows if view.timeline is timeline else view.timeline.rows(timeline.frame_ids)
        cosines = view.timeline.scores_at(np.maximum(at, 0), view.vector[None])[0]
        cosines[at < 0] = np.nan
        columns.append(view.log_odds(cosines))
    return _mean(columns, otherwise=-np.inf)


def step_scores(step_views: Sequence[Sequence[View]], rows: Int64) -> Float32:
    """Standard scores of several steps, (steps, frames), of the frames at `rows`.

    `step_views` has the same spaces in the same order for each step; rows are on the first one's timeline. A
    score is the mean over the spaces that have a vector of the frame.
    """
    leading = step_views[0][0].timeline
    frame_ids = leading.frame_ids[rows]
    by_space = []
    for column in zip(*step_views, strict=True):
        timeline = column[0].timeline
        queries = np.stack([view.vector for view in column])
        at = rows if timeline is leading else timeline.rows(frame_ids)
        cosines = timeline.scores_at(np.maximum(at, 0), queries)
        cosines[:, at < 0] = np.nan
        for number, view in enumerate(column):
            cosines[number] = view.statistics.standard(cosines[number])
        by_space.append(cosines)
    return _mean(by_space, otherwise=0.0).astype(np.float32)


def confidences(views: Sequence[View], frame_ids: Int64) -> list[float | None]:
    """For each frame, the confidence by its pictures; None without a fitted map or a vector."""
    if not views or views[0].calibration is None:
        return [None] * len(frame_ids)
    log_odds = mean_log_odds(views, frame_ids)
    sure = np.exp(-np.logaddexp(0.0, -log_odds))
    return [float(p) if known else None for p, known in zip(sure, np.isfinite(log_odds), strict=True)]


def _mean(columns: Sequence[NDArray[np.floating]], *, otherwise: float) -> Float64:
    """Element-wise mean over columns, ignoring NaN."""
    if len(columns) == 1:
        return np.where(np.isnan(columns[0]), otherwise, columns[0])
    total = np.zeros(columns[0].shape)
    count = np.zeros(columns[0].shape)
    for column in columns:
        is_known = ~np.isnan(column)
        total += np.where(is_known, column, 0.0)
        count += is_known
    return np.where(count > 0, total / np.maximum(count, 1), otherwise)
