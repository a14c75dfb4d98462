"""What one space makes of a query: its vector there, and how high the library at large scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    from vidsearch.search.query import Asked
    from vidsearch.search.timeline import Timeline
    from vidsearch.types import EmbeddingSpace, Float32, Int64


@dataclass(frozen=True, slots=True)
class View:
    """A query in one space."""

    space: EmbeddingSpace
    timeline: Timeline
    vector: Float32
    statistics: ScoreStatistics
    reference: Reference
    calibration: ConfidenceMap | None
    """None for queries that no map was fitted for: their hits have no confidence."""

    @classmethod
    def of(cls, space: EmbeddingSpace, timeline: Timeline, vector: Float32, asked: Asked | None) -> View:
        """A query's unit vector in a space; `asked` is what the query is made of, None for a mixture."""
        calibration = calibration_for(space)
        statistics = library_scores(vector, timeline.sample)
        reference = calibration.reference(vector, statistics)
        return cls(space, timeline, vector, statistics, reference, asked and calibration.map_for(asked))

    def cosines(self, frame_ids: Int64) -> Float32:
        """Cosines of frames by id; NaN for those without a vector in this space."""
        places = self.timeline.places(frame_ids)
        found = similarities(self.timeline.vectors(np.maximum(places, 0)), self.vector)
        return np.where(places >= 0, found, np.nan).astype(np.float32)

    def confidence(self, cosine: float) -> float | None:
        """Probability in [0, 1] that the library holds what was asked for, by a frame with this cosine.

        None for a frame without a vector in this space (NaN), and without a map for such queries.
        """
        if self.calibration is None or np.isnan(cosine):
            return None
        return self.calibration.confidence(
            self.reference.height(cosine), self.reference.usual_height, self.timeline.num_distinct
        )


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


def step_scores(step_views: Sequence[Sequence[View]], places: Int64) -> Float32:
    """Mean standard scores of several steps, (steps, frames), of the frames at `places`.

    `step_views` has the same spaces in the same order for each step; places are on the first one's timeline.
    """
    leading = step_views[0][0].timeline
    frame_ids = leading.frame_ids[places]
    totals = np.zeros((len(step_views), len(frame_ids)), dtype=np.float32)
    for column in zip(*step_views, strict=True):
        timeline = column[0].timeline
        queries = np.stack([view.vector for view in column])
        at = places if timeline is leading else timeline.places(frame_ids)
        cosines = timeline.scores_at(np.maximum(at, 0), queries)
        cosines[:, at < 0] = np.nan
        for number, view in enumerate(column):
            totals[number] += np.nan_to_num(view.statistics.standard(cosines[number]), nan=0.0)
    return np.asarray(totals / len(step_views[0]), dtype=np.float32)


def confidences(views: Sequence[View], frame_ids: Int64) -> list[float | None]:
    """For each frame, its mean confidence over the views that know it; None where none does."""
    by_view = [[view.confidence(float(cosine)) for cosine in view.cosines(frame_ids)] for view in views]
    known = [[sure for sure in column if sure is not None] for column in zip(*by_view, strict=True)]
    return (
        [sum(column) / len(column) if column else None for column in known]
        if views
        else [None] * len(frame_ids)
    )
