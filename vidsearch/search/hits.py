"""Turns moments into hits for people: videos, times, captions, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import VideoNotFound
from vidsearch.search.kinds import PICTURES, WINDOWS
from vidsearch.search.moments import shot_bounds
from vidsearch.search.timeline import NEAR_IDENTICAL_COSINE
from vidsearch.search.views import confidences
from vidsearch.store.similarity import similarities
from vidsearch.types import Evidence, SearchHit, StepHit

if TYPE_CHECKING:
    from vidsearch.search.fusion import Moment
    from vidsearch.search.retrievers import Float64, RankedSegment
    from vidsearch.search.timeline import Timeline
    from vidsearch.search.together import Step
    from vidsearch.search.views import View
    from vidsearch.store.store import Store
    from vidsearch.tracks import SegmentMatch
    from vidsearch.types import Float32, FrameFilter, IndexedFrame, Int64, Shot, Video

_WORTH_SAYING = 0.2
"""From this confidence, looks and sounds are named as evidence beside more confident words."""


class HitMaker:
    """Looks up the parts of hits; each video and its shots once per answer."""

    def __init__(self, library: Store, timeline: Timeline) -> None:
        self._library = library
        self._timeline = timeline
        self._videos: dict[int, Video] = {}
        self._shots: dict[int, list[Shot]] = {}

    def shots(self, video_id: int) -> list[Shot]:
        """A video's shots, by start."""
        if video_id not in self._shots:
            self._shots[video_id] = self._library.shots(video_id)
        return self._shots[video_id]

    def bounds(self, row: int, frames: FrameFilter) -> tuple[int, int]:
        """The rows [first, end) that a moment around a row may reach: its shot, within the filter's times."""
        video_id = int(self._timeline.video_ids[row])
        first, end = self._timeline.video_bounds(video_id)
        times = self._timeline.times[first:end]
        low, high = shot_bounds(times, float(self._timeline.times[row]), self.shots(video_id))
        if frames.after_seconds is not None:
            low = max(low, int(np.searchsorted(times, frames.after_seconds, side="left")))
        if frames.before_seconds is not None:
            high = min(high, int(np.searchsorted(times, frames.before_seconds, side="left")))
        return first + low, first + high

    def moment_hits(
        self,
        moments: Sequence[Moment],
        views: Sequence[View],
        words: str,
        *,
        in_shots: bool,
        has_confidence: bool,
    ) -> list[SearchHit]:
        """Hits of moments, in their order.

        Args:
            moments: What was found.
            views: What gives pictures their confidence.
            words: The query's, to be marked in what segments say.
            in_shots: Whether spans of frames are kept within their shots.
            has_confidence: Whether hits of this query get a confidence.
        """
        spans = [moment.span for moment in moments if moment.span is not None]
        frames = self._frames([row for span in spans for row in (span.first, span.best, span.end - 1)])
        best_ids = self._timeline.frame_ids[[span.best for span in spans]] if spans else np.empty(0, np.int64)
        by_pictures = dict(zip((span.best for span in spans), confidences(views, best_ids), strict=True))
        said = self._said(words, (each for moment in moments for each in moment.segments))
        hits = []
        for moment in moments:
            span = moment.span
            if span is None:
                best = self._frame_at(moment.segments[0])
                start, end = best.time_seconds, best.end_seconds
            else:
                best = frames[span.best]
                start, end = frames[span.first].time_seconds, frames[span.end - 1].end_seconds
                if in_shots and moment.times is None:
                    start, end = self._within_shot(span.first, start, end)
            if moment.times is not None:
                start, end = moment.times
            sure = by_pictures[span.best] if span is not None else None
            shown = best
            if span is not None and moment.times and moment.segments[0].confidence >= (sure or 0.0):
                shown = frames[span.first]  # found by its words: start there
            hits.append(
                SearchHit(
                    video=self._video(shown.video_id),
                    frame_id=shown.id,
                    time_seconds=min(max(shown.time_seconds, start), max(start, end)),
                    start_seconds=start,
                    end_seconds=end,
                    score=moment.score,
                    caption=_caption(shown),
                    confidence=-float(np.expm1(-moment.weight)) if has_confidence else None,
                    scores=dict(moment.scores),
                    evidence=_evidence(
                        moment.segments, said, best if views and span is not None else None, sure
                    ),
                )
            )
        return hits

    def sequence_hits(
        self, step_rows: Int64, step_scores: Float32 | Float64, steps: Sequence[Step]
    ) -> list[SearchHit]:
        """Hits of sequences; rows and scores are (sequences, steps). The least sure step decides."""
        frames = self._frames(step_rows.reshape(-1).tolist())
        columns = [
            self._step_hits(step, [(row, frames[row]) for row in rows], scores)
            for step, rows, scores in zip(steps, step_rows.T.tolist(), step_scores.T.tolist(), strict=True)
        ]
        hits = []
        for rows, found in zip(step_rows.tolist(), zip(*columns, strict=True), strict=True):
            first, last = frames[rows[0]], frames[rows[-1]]
            end = max((each.end_seconds for each in found[-1].evidence), default=last.end_seconds)
            hits.append(
                SearchHit(
                    video=self._video(first.video_id),
                    frame_id=first.id,
                    time_seconds=found[0].time_seconds,
                    start_seconds=found[0].time_seconds,
                    end_seconds=max(end, found[-1].time_seconds),
                    score=float(np.mean([step.score for step in found])),
                    caption=_caption(first),
                    confidence=min(
                        (step.confidence for step in found if step.confidence is not None), default=None
                    ),
                    steps=found,
                )
            )
        return hits

    def _step_hits(
        self, step: Step, frames: Sequence[tuple[int, IndexedFrame]], scores: Sequence[float]
    ) -> list[StepHit]:
        """One step of every sequence: at the frame that it was found at, or where its words begin."""
        at_rows = [step.segments_at(row) for row, _ in frames]
        said = self._said(step.words, [segment for segments in at_rows for segment in segments])
        ids = np.asarray([frame.id for _, frame in frames], dtype=np.int64)
        by_pictures = confidences(step.views, ids) if step.views else [None] * len(frames)
        hits = []
        for (_, frame), segments, sure, score in zip(frames, at_rows, by_pictures, scores, strict=True):
            evidence = _evidence(segments, said, frame if step.views else None, sure)
            is_said = bool(evidence and evidence[0].text)
            hits.append(
                StepHit(
                    text=step.text,
                    frame_id=frame.id,
                    time_seconds=evidence[0].start_seconds if is_said else frame.time_seconds,
                    score=score,
                    caption=_caption(frame),
                    confidence=float(np.exp(score)) if step.is_by_words else sure,
                    evidence=evidence,
                )
            )
        return hits

    def _said(self, words: str, segments: Iterable[RankedSegment]) -> dict[int, SegmentMatch]:
        """Texts of segments by id, with matching words marked."""
        scores = {each.id: each.score for each in segments if each.kind.name not in WINDOWS}
        return {each.segment_id: each for each in self._library.marked(words, scores)} if scores else {}

    def _frames(self, rows: Sequence[int]) -> dict[int, IndexedFrame]:
        unique = list(dict.fromkeys(rows))
        ids = [int(frame_id) for frame_id in self._timeline.frame_ids[unique]] if unique else []
        frames = self._library.frames_by_id(ids)
        if len(frames) != len(ids):
            raise _removed()
        return dict(zip(unique, frames, strict=True))

    def _frame_at(self, segment: RankedSegment) -> IndexedFrame:
        """The frame on screen where a segment begins, whose video has no vectors."""
        frames = self._library.frames(segment.video_id)
        if not frames:
            raise _removed()
        before = [frame for frame in frames if frame.time_seconds <= segment.start_seconds]
        return before[-1] if before else frames[0]

    def _video(self, video_id: int) -> Video:
        if video_id not in self._videos:
            self._videos[video_id] = self._library.video(video_id)
        return self._videos[video_id]

    def _within_shot(self, first_row: int, start: float, end: float) -> tuple[float, float]:
        """A span kept inside its shot, and reaching back to the shot's start from the first frame in it."""
        video_id, times = int(self._timeline.video_ids[first_row]), self._timeline.times
        for shot in self.shots(video_id):
            if shot.start_seconds <= start < shot.end_seconds:
                video_first, _ = self._timeline.video_bounds(video_id)
                is_first = first_row == video_first or times[first_row - 1] < shot.start_seconds
                return (shot.start_seconds if is_first else start), min(end, shot.end_seconds)
        return start, end


def fold_duplicates(vectors: Float32, video_ids: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """Fold near-identical items of different videos into the best of them.

    `vectors` is (n, steps, dim), unit rows, best first. Two items are near-identical if all their steps are.
    Returns the indices of the items kept, in order, and how many were folded into each.
    """
    kept: list[int] = []
    folded: dict[int, int] = {}
    videos = np.asarray(video_ids)
    for number in range(len(vectors)):
        alike = videos[kept] != videos[number] if kept else np.zeros(0, dtype=bool)
        for step in range(vectors.shape[1]):
            cosines = similarities(vectors[kept, step], vectors[number, step])
            alike = alike & (cosines >= NEAR_IDENTICAL_COSINE)
        if alike.any():
            into = kept[int(np.argmax(alike))]
            folded[into] = folded.get(into, 0) + 1
        else:
            kept.append(number)
    return kept, folded


def _evidence(
    segments: Sequence[RankedSegment],
    said: Mapping[int, SegmentMatch],
    best: IndexedFrame | None,
    sure: float | None,
) -> tuple[Evidence, ...]:
    """Why a moment is a hit, what tells most first; `best` is its frame where pictures were compared.

    Beside words that are surer, pictures and sounds are a reason from `_WORTH_SAYING` on.
    """
    found = [
        Evidence(
            kind=segment.kind.name,
            text=said[segment.id].text,
            start_seconds=said[segment.id].start_seconds,
            end_seconds=said[segment.id].end_seconds,
            confidence=segment.confidence,
            highlighted=said[segment.id].highlighted,
        )
        for segment in segments
        if segment.id in said
    ]
    least = min(_WORTH_SAYING, max((segment.confidence or 0.0 for segment in found), default=0.0))
    alike = [
        Evidence(segment.kind.name, "", segment.start_seconds, segment.end_seconds, segment.confidence)
        for segment in segments
        if segment.kind.name in WINDOWS
    ]
    if best is not None:
        alike.append(Evidence(PICTURES, "", best.time_seconds, best.end_seconds, sure))
    found += [each for each in alike if each.confidence is None or each.confidence >= least]
    return tuple(sorted(found, key=lambda each: -(each.confidence or 0.0)))


def _removed() -> VideoNotFound:
    return VideoNotFound("A video was removed from the library while it was searched: search again.")


def _caption(frame: IndexedFrame) -> str | None:
    return frame.caption.text if frame.caption else None
