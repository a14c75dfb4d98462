"""New captions for videos that are in a library: a person's for a moment, or another model's for all of it.

A library keeps small pictures only, so captioning again decodes the video again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.ingest.policy import DEFAULT_NOVELTY
from vidsearch.ingest.steps import caption
from vidsearch.store.fingerprint import path_of
from vidsearch.text import one_line
from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.models.protocols import Captioner
    from vidsearch.store.library import Library
    from vidsearch.types import Frame, IndexedFrame, Video

_BATCH_FRAMES = 16
_SAME_TIME_SECONDS = 1e-3
_MAX_RUN_FRAMES = 1024
"""How far to each side of a frame its look-alikes are sought by their vectors."""


@dataclass(frozen=True, slots=True)
class Recaptioned:
    """What became of a video's frames."""

    num_captioned: int
    num_carried_over: int
    """Frames that look like the one before and took its new caption."""
    num_kept: int
    """Frames whose caption a person wrote: the model's is kept as a version, the person's is shown."""
    num_not_found: int
    """Frames that the file no longer has at their times; their captions stay."""


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
    library: Library, video: Video, time_seconds: float, text: str, *, only_here: bool = False
) -> Correction:
    """Put the caption at a time right. Search finds the words at once, and no model overwrites them.

    Args:
        library: Where the video is.
        video: The video.
        time_seconds: A time in it; the frame on screen then is meant.
        text: A person's words.
        only_here: Correct this one frame; otherwise the run of look-alike frames that it stands in.

    Raises:
        QueryError: No words, or a time at which the library has no frame.
    """
    words = one_line(text)
    if not words:
        raise QueryError("A caption needs words. To hide a wrong one, say what is to be seen instead.")
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
    caption = Caption(text=words, raw_text=text, origin=CaptionOrigin.HUMAN)
    library.set_captions(
        {frame.id: replace(caption, carried_over=number > 0) for number, frame in enumerate(run)}
    )
    return Correction(
        video=video,
        frame_ids=tuple(frame.id for frame in run),
        start_seconds=run[0].time_seconds,
        end_seconds=run[-1].end_seconds,
        text=words,
    )


def _look_alikes(library: Library, frames: Sequence[IndexedFrame], at: int) -> Sequence[IndexedFrame]:
    """Return the run of frames around one that share its caption, or look too alike for one of their own."""
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


def _alike_by_vector(library: Library, frames: Sequence[IndexedFrame], at: int) -> frozenset[int]:
    """Return the ids of the frames as near to one as frames that share a caption are, in the first space."""
    for space in library.spaces()[:1]:
        _, mine = library.vectors(space, [frames[at].id])
        around = frames[max(0, at - _MAX_RUN_FRAMES) : at + _MAX_RUN_FRAMES]
        ids, vectors = library.vectors(space, [frame.id for frame in around])
        if len(mine):
            near = vectors @ mine[0] > 1.0 - DEFAULT_NOVELTY
            return frozenset(ids[near].tolist())
    return frozenset()


def recaption(library: Library, video: Video, captioner: Captioner) -> Recaptioned:
    """Caption a video's frames anew and keep the old captions as versions: all in one transaction.

    Frames that took over the caption of the one before take over its new one. Raises MediaError where the
    file does not decode, LibraryError; nothing has changed then.
    """
    frames = [frame for frame in library.frames(video.id) if not frame.is_blank]
    own = [frame for frame in frames if frame.caption is None or not frame.caption.carried_over]
    captions: dict[int, Caption] = {}
    pictures = _pictures(video, own, captioner.short_side_pixels)
    while batch := list(islice(pictures, _BATCH_FRAMES)):
        new = caption([picture.image for _, picture in batch], captioner)
        captions.update((frame.id, one) for (frame, _), one in zip(batch, new, strict=True))
    num_captioned = len(captions)
    latest: Caption | None = None
    for frame in frames:
        if frame.id in captions:
            latest = captions[frame.id]
        elif latest is not None and frame.caption is not None and frame.caption.carried_over:
            captions[frame.id] = replace(latest, carried_over=True)
        else:
            latest = None
    library.set_captions(captions)
    return Recaptioned(
        num_captioned=num_captioned,
        num_carried_over=len(captions) - num_captioned,
        num_kept=sum(
            frame.id in captions and frame.caption is not None and frame.caption.origin is CaptionOrigin.HUMAN
            for frame in frames
        ),
        num_not_found=len(frames) - len(captions),
    )


def _pictures(
    video: Video, wanted: Sequence[IndexedFrame], short_side_pixels: int
) -> Iterator[tuple[IndexedFrame, Frame]]:
    """Decode a video as it was indexed, and yield the pictures of the wanted frames, in order."""
    from vidsearch.media.decode import frames

    path = path_of(video)
    waiting = iter(wanted)
    frame = next(waiting, None)
    for picture in frames(path, video.plan, short_side_pixels=short_side_pixels):
        while frame is not None and frame.time_seconds < picture.time_seconds - _SAME_TIME_SECONDS:
            frame = next(waiting, None)
        if frame is None:
            return
        if abs(frame.time_seconds - picture.time_seconds) <= _SAME_TIME_SECONDS:
            yield frame, picture
            frame = next(waiting, None)
