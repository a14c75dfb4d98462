"""What one space makes of a query: its vector there, and how high the library at large scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.search.calibration import Calibration, ScoreStatistics, calibration_for, score_statistics

if TYPE_CHECKING:
    from vidsearch.search.timeline import Timeline
    from vidsearch.types import Float32, Int64, Space


@dataclass(frozen=True, slots=True)
class View:
    """A query in one space."""

    space: Space
    timeline: Timeline
    vector: Float32
    statistics: ScoreStatistics
    calibration: Calibration

    @classmethod
    def of(cls, space: Space, timeline: Timeline, vector: Float32) -> View:
        calibration = calibration_for(space)
        statistics = score_statistics(timeline.sample @ vector, calibration)
        return cls(space, timeline, vector, statistics, calibration)

    def cosines(self, frame_ids: Int64) -> Float32:
        """Cosines of frames by id; NaN for those without a vector in this space."""
        places = self.timeline.places(frame_ids)
        found = self.timeline.vectors(np.maximum(places, 0)) @ self.vector
        return np.where(places >= 0, found, np.nan).astype(np.float32)

    def confidence(self, cosine: float) -> float:
        """Probability in [0, 1] that a frame with this cosine is what was asked for."""
        standard = (cosine - self.statistics.mean) / self.statistics.deviation
        return self.calibration.confidence(standard, self.timeline.num_distinct)


def standard_scores(views: Sequence[View], first: int, end: int) -> Float32:
    """Mean standard scores over the views of the frames at places [first, end) of the first one's timeline.

    A frame without a vector in another view counts as usual there.
    """
    leading = views[0]
    total = leading.statistics.standard(leading.timeline.scores(leading.vector, first, end))
    if len(views) > 1:
        frame_ids = leading.timeline.frame_ids[first:end]
        for view in views[1:]:
            total = total + np.nan_to_num(view.statistics.standard(view.cosines(frame_ids)), nan=0.0)
    return np.asarray(total / len(views), dtype=np.float32)


def confidences(views: Sequence[View], frame_ids: Int64) -> list[float | None]:
    """For each frame, its mean confidence over the views that know it; None where none does."""
    by_view = [
        [None if np.isnan(cosine) else view.confidence(float(cosine)) for cosine in view.cosines(frame_ids)]
        for view in views
    ]
    known = [[sure for sure in column if sure is not None] for column in zip(*by_view, strict=True)]
    return (
        [sum(column) / len(column) if column else None for column in known]
        if views
        else [None] * len(frame_ids)
    )
