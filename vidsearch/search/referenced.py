"""Resolves references to frames, such as "holiday.mp4@12.5"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from vidsearch.search.query import FrameReference
    from vidsearch.store.store import Store
    from vidsearch.types import IndexedFrame

_PAST_END_SECONDS = 1.0
"""A reference up to this far past a video's end means its last frame."""


def frames_by_nearness(library: Store, reference: FrameReference) -> list[IndexedFrame]:
    """A video's frames that are not blank, the one on screen at the reference's time first.

    Raises QueryError for a time at which the video has no frame, VideoNotFound.
    """
    video = library.video(reference.video)
    frames = library.frames(video.id)
    if frames and reference.time_seconds > frames[-1].end_seconds + _PAST_END_SECONDS:
        raise QueryError(
            f"{video.path.name} is known up to {format_moment(frames[-1].end_seconds)}; there is no frame "
            f"at {format_moment(reference.time_seconds)}."
        )
    shown = [frame for frame in frames if not frame.is_blank]
    return sorted(
        shown,
        key=lambda frame: (_distance(frame, reference.time_seconds), -frame.time_seconds),
    )


def _distance(frame: IndexedFrame, time_seconds: float) -> float:
    """How far a time lies from a frame's span; 0 inside, and where it ends, which is the next one's."""
    return max(frame.time_seconds - time_seconds, time_seconds - frame.end_seconds, 0.0)


def referenced_frame(library: Store, reference: FrameReference) -> IndexedFrame:
    """The frame on screen at a reference's time, or the nearest one that is not blank.

    Raises QueryError where the video has none there, VideoNotFound.
    """
    frames = frames_by_nearness(library, reference)
    if not frames:
        raise QueryError(f"{library.video(reference.video).path.name} has no frame that is not blank.")
    return frames[0]
