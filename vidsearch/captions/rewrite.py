"""New captions for videos in a library: a person's for a moment, or another model's for all frames.

A library stores only thumbnails, so captioning again requires decoding the video again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.policy import DEFAULT_NOVELTY, NOVEL, LookPolicy
from vidsearch.ingest.run import add_tracks
from vidsearch.text import one_line

if TYPE_CHECKING:
    from vidsearch.ingest.report import IngestReport, ProgressState
    from vidsearch.models.protocols import Captioner
    from vidsearch.store.store import Store
    from vidsearch.types import IndexedFrame, Video

_SAME_TIME_SECONDS = 1e-3
_MAX_RUN_FRAMES = 1024
"""How many frames before and after a frame are compared with it by their vectors."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's words for a span of a video: [start, end)."""

    video: Video
    frame_ids: tuple[int, ...]
    """The frames in the span, in order."""
    start_seconds: float
    end_seconds: float
    text: str


def correct(
    library: Store, video: Video, time_seconds: float, text: str, *, only_here: bool = False
) -> Correction:
    """Correct the caption at a time. Searches find the words at once, and no model overwrites them.

    Args:
        library: The library.
        video: The video.
        time_seconds: A time in the span of the frame to correct.
        text: The new caption.
        only_here: Whether to correct only this frame, instead of all consecutive frames that look alike.

    Returns:
        The span that now has this caption.

    Raises:
        QueryError: The text is empty, or the library has no frame at this time.
    """
    words = one_line(text)
    if not words:
        raise QueryError("A caption needs words. To replace a wrong one, describe what is really visible.")
    from vidsearch.ingest.lines import read_lines  # imports what only embedding needs

    frames = library.frames(video.id)
    if not frames or time_seconds >= frames[-1].end_seconds + _SAME_TIME_SECONDS:
        end = frames[-1].end_seconds if frames else 0.0
        raise QueryError(
            f"{video.path.name} has no frame at {time_seconds:g} s; it is indexed up to {end:g} s."
        )
    on_screen = [
        n for n, frame in enumerate(frames) if frame.time_seconds <= time_seconds + _SAME_TIME_SECONDS
    ]
    at = on_screen[-1] if on_screen else 0
    run = frames[at : at + 1] if only_here else _look_alikes(library, frames, at)
    library.add_human_caption(video.id, run[0].time_seconds, run[-1].end_seconds, words)
    read_lines(library, by_models=False)
    return Correction(
        video=video,
        frame_ids=tuple(frame.id for frame in run),
        start_seconds=run[0].time_seconds,
        end_seconds=run[-1].end_seconds,
        text=words,
    )


def _look_alikes(library: Store, frames: Sequence[IndexedFrame], at: int) -> Sequence[IndexedFrame]:
    """Return the consecutive frames around one that share its caption or look alike."""
    alike = _alike_by_vector(library, frames, at)
    first = at
    while first > 0 and (_carries_over(frames[first]) or frames[first - 1].id in alike):
        first -= 1
    end = at + 1
    while end < len(frames) and (_carries_over(frames[end]) or frames[end].id in alike):
        end += 1
    return frames[first:end]


def _carries_over(frame: IndexedFrame) -> bool:
    return frame.caption is not None and frame.caption.carried_over


def _alike_by_vector(library: Store, frames: Sequence[IndexedFrame], at: int) -> frozenset[int]:
    """Return the ids of frames as similar to one, in the first space, as frames that share a caption."""
    for space in library.spaces()[:1]:
        _, mine = library.vectors(space, [frames[at].id])
        around = frames[max(0, at - _MAX_RUN_FRAMES) : at + _MAX_RUN_FRAMES]
        ids, vectors = library.vectors(space, [frame.id for frame in around])
        if len(mine):
            near = vectors @ mine[0] > 1.0 - DEFAULT_NOVELTY
            return frozenset(ids[near].tolist())
    return frozenset()


def recaption(
    library: Store,
    videos: Iterable[Video],
    captioner: Captioner,
    *,
    policy: LookPolicy = NOVEL,
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> IngestReport:
    """Caption videos again, with another model or prompt.

    A video's new captions are shown once all its frames are done. Old ones are kept as versions, and people's
    captions stay in effect. A run that was stopped continues where it stopped.

    Args:
        library: The library.
        videos: The videos.
        captioner: The model.
        on_progress: Called whenever the progress changes.
        stop: Set it to end the run after the current commit.

    Raises:
        LibraryError: The library cannot be written. What was committed before is kept.
        ModelUnavailable: The captioner cannot run.
    """
    analyzer = CaptionAnalyzer(captioner, policy)
    return add_tracks(library, videos, analyzers=[analyzer], redo="all", on_progress=on_progress, stop=stop)
