"""Alerts: checks whether new frames match rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.labels.scoring import JOIN_SECONDS, LabelScorer, Span
from vidsearch.store.alerts import FoundMoment

if TYPE_CHECKING:
    from vidsearch.search.engine import Searcher
    from vidsearch.search.timeline import Timeline


def look_for_alerts(
    searcher: Searcher, rules: Sequence[str], *, targets: Sequence[str], min_confidence: float | None
) -> int:
    """Check the frames that are new to each rule, and put matching moments into the outbox.

    Args:
        searcher: The library, with its models.
        rules: What to look for: words or concepts, like labels.
        targets: Keys of the targets to deliver to.
        min_confidence: The minimum confidence of a frame; None for the threshold at which a search reports a
            match.

    Returns:
        The number of new moments.

    Raises:
        QueryError, ConceptNotFound, ModelUnavailable: As `LabelScorer` does.
    """
    store = searcher.library
    num_new = 0
    for rule in rules:
        scorer = LabelScorer(searcher, [rule], min_confidence=min_confidence)
        timeline = scorer.timeline
        seen = store.alerts.seen_frame_id(rule)
        if timeline is None or not (timeline.frame_ids > seen).any():
            continue
        spans = [span for rows in _new_rows(timeline, seen) for span in scorer.spans(rows)]
        videos = {video.id: video for video in store.videos()} if spans else {}
        moments = [
            FoundMoment(
                videos[span.video_id].content_hash,
                span.start_seconds,
                span.end_seconds,
                _event(rule, span, str(videos[span.video_id].path)),
            )
            for span in spans
            if span.video_id in videos
        ]
        num_new += store.alerts.record(
            rule,
            moments,
            seen_frame_id=int(timeline.frame_ids.max()),
            targets=targets,
            join_seconds=JOIN_SECONDS,
        )
    return num_new


def _event(rule: str, span: Span, path: str) -> dict[str, object]:
    return {
        "alert": rule,
        "path": path,
        "video_id": span.video_id,
        "frame_id": span.best_frame_id,
        "time_seconds": span.best_seconds,
        "start_seconds": span.start_seconds,
        "end_seconds": span.end_seconds,
        "confidence": round(span.confidence, 4),
    }


def _new_rows(timeline: Timeline, seen_frame_id: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows [first, end) of frames with larger ids."""
    rows = np.flatnonzero(timeline.frame_ids > seen_frame_id)
    for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        yield int(run[0]), int(run[-1]) + 1
