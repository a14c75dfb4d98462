"""New captions for frames that are in a library: a person's word for one, or another model's for all.

Decodes the video again, since a library keeps small pictures only. Knows no SQL, and no model but through
the captioner it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from vidsearch.captions.export.document import one_line
from vidsearch.errors import QueryError
from vidsearch.ingest.steps import caption
from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.models.protocols import Captioner
    from vidsearch.store.library import Library
    from vidsearch.types import Frame, IndexedFrame, Video

_BATCH_FRAMES = 16
_SAME_TIME_SECONDS = 1e-3


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


def correct(library: Library, video: Video, time_seconds: float, text: str) -> IndexedFrame:
    """Set the caption of the frame on screen at a time to a person's words. Returns the frame as it now is.

    No model overwrites it, and search finds it at once. Raises QueryError for no words, or a time at which
    the library has no frame.
    """
    words = one_line(text)
    if not words:
        raise QueryError("A caption needs words. To hide a wrong one, say what is to be seen instead.")
    frames = library.frames(video.id)
    on_screen = [frame for frame in frames if frame.time_seconds <= time_seconds + _SAME_TIME_SECONDS]
    if not frames or time_seconds >= frames[-1].end_seconds + _SAME_TIME_SECONDS:
        end = frames[-1].end_seconds if frames else 0.0
        raise QueryError(
            f"{video.path.name} has no frame at {time_seconds:g} s; it is indexed up to {end:g} s."
        )
    frame = on_screen[-1] if on_screen else frames[0]
    library.set_caption(frame.id, Caption(text=words, raw_text=text, origin=CaptionOrigin.HUMAN))
    return library.frames_by_id([frame.id])[0]


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

    waiting = iter(wanted)
    frame = next(waiting, None)
    for picture in frames(video.path, video.plan, short_side_pixels=short_side_pixels):
        while frame is not None and frame.time_seconds < picture.time_seconds - _SAME_TIME_SECONDS:
            frame = next(waiting, None)
        if frame is None:
            return
        if abs(frame.time_seconds - picture.time_seconds) <= _SAME_TIME_SECONDS:
            yield frame, picture
            frame = next(waiting, None)
