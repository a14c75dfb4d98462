"""From places on a timeline to hits that a person can read: videos, times, captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import VideoNotFound
from vidsearch.search.timeline import NEAR_IDENTICAL_COSINE
from vidsearch.search.views import confidences
from vidsearch.store.similarity import similarities
from vidsearch.types import SearchHit, StepHit

if TYPE_CHECKING:
    from vidsearch.search.ranking import Moment
    from vidsearch.search.timeline import Timeline
    from vidsearch.search.views import View
    from vidsearch.store.library import Library
    from vidsearch.types import Float32, IndexedFrame, Int64, Shot, Video


class HitMaker:
    """Looks up what hits are made of, each video and each video's shots once per answer."""

    def __init__(self, library: Library, timeline: Timeline) -> None:
        self._library = library
        self._timeline = timeline
        self._videos: dict[int, Video] = {}
        self._shots: dict[int, list[Shot]] = {}

    def shots(self, video_id: int) -> list[Shot]:
        if video_id not in self._shots:
            self._shots[video_id] = self._library.shots(video_id)
        return self._shots[video_id]

    def moment_hits(
        self, moments: Sequence[Moment], views: Sequence[View], *, in_shots: bool
    ) -> list[SearchHit]:
        """Hits of moments, in their order; `views` give them their confidence."""
        frame_ids = self._timeline.frame_ids
        places = [(m.span.first, m.span.best, m.span.end - 1) for m in moments]
        frames = self._frames([place for three in places for place in three])
        best_ids = frame_ids[[best for _, best, _ in places]]
        hits = []
        for moment, (first, best, last), confidence in zip(
            moments, places, confidences(views, best_ids), strict=True
        ):
            start, end = frames[first].time_seconds, frames[last].end_seconds
            if in_shots:
                start, end = self._within_shot(first, start, end)
            hits.append(
                SearchHit(
                    video=self._video(frames[best].video_id),
                    frame_id=int(frame_ids[best]),
                    time_seconds=frames[best].time_seconds,
                    start_seconds=start,
                    end_seconds=end,
                    score=moment.score,
                    caption=_caption(frames[best]),
                    confidence=confidence,
                    scores=dict(moment.scores),
                )
            )
        return hits

    def sequence_hits(
        self,
        step_places: Int64,
        step_scores: Float32,
        texts: Sequence[str],
        step_views: Sequence[Sequence[View]],
    ) -> list[SearchHit]:
        """Hits of sequences; places and scores are (sequences, steps). The least sure step decides."""
        frames = self._frames(step_places.reshape(-1).tolist())
        frame_ids = self._timeline.frame_ids[step_places]
        sure = [confidences(views, frame_ids[:, number]) for number, views in enumerate(step_views)]
        hits = []
        for row, places in enumerate(step_places.tolist()):
            steps = tuple(
                StepHit(
                    text=text,
                    frame_id=frames[place].id,
                    time_seconds=frames[place].time_seconds,
                    score=float(step_scores[row, number]),
                    caption=_caption(frames[place]),
                    confidence=sure[number][row],
                )
                for number, (text, place) in enumerate(zip(texts, places, strict=True))
            )
            first, last = frames[places[0]], frames[places[-1]]
            hits.append(
                SearchHit(
                    video=self._video(first.video_id),
                    frame_id=first.id,
                    time_seconds=first.time_seconds,
                    start_seconds=first.time_seconds,
                    end_seconds=last.end_seconds,
                    score=float(step_scores[row].mean()),
                    caption=_caption(first),
                    confidence=min(
                        (step.confidence for step in steps if step.confidence is not None), default=None
                    ),
                    steps=steps,
                )
            )
        return hits

    def _frames(self, places: Sequence[int]) -> dict[int, IndexedFrame]:
        unique = list(dict.fromkeys(places))
        ids = [int(frame_id) for frame_id in self._timeline.frame_ids[unique]] if unique else []
        frames = self._library.frames_by_id(ids)
        if len(frames) != len(ids):
            raise VideoNotFound("A video was removed from the library while it was searched: search again.")
        return dict(zip(unique, frames, strict=True))

    def _video(self, video_id: int) -> Video:
        if video_id not in self._videos:
            self._videos[video_id] = self._library.video(f"#{video_id}")
        return self._videos[video_id]

    def _within_shot(self, first_place: int, start: float, end: float) -> tuple[float, float]:
        """A span kept inside its shot, and reaching back to the shot's start from the first frame in it."""
        video_id, times = int(self._timeline.video_ids[first_place]), self._timeline.times
        for shot in self.shots(video_id):
            if shot.start_seconds <= start < shot.end_seconds:
                video_first, _ = self._timeline.video_bounds(first_place)
                is_first = first_place == video_first or times[first_place - 1] < shot.start_seconds
                return (shot.start_seconds if is_first else start), min(end, shot.end_seconds)
        return start, end


def fold_duplicates(vectors: np.ndarray, video_ids: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """Fold near-identical things of different videos into the best of them.

    `vectors` is (n, steps, dim), unit rows, the best first. Two things are near-identical where all of their
    steps are. Returns the numbers of those kept, in order, and how many were folded into each.
    """
    alike = np.ones((len(vectors), len(vectors)), dtype=bool)
    for step in range(vectors.shape[1] if len(vectors) else 0):
        cosines = np.stack([similarities(vectors[:, step], vector) for vector in vectors[:, step]])
        alike &= cosines >= NEAR_IDENTICAL_COSINE
    videos = np.asarray(video_ids)
    alike &= videos[:, None] != videos[None]
    kept: list[int] = []
    folded: dict[int, int] = {}
    for number in range(len(vectors)):
        into = next((other for other in kept if alike[other, number]), None)
        if into is None:
            kept.append(number)
        else:
            folded[into] = folded.get(into, 0) + 1
    return kept, folded


def _caption(frame: IndexedFrame) -> str | None:
    return frame.caption.text if frame.caption else None
