"""The data of an export: a video with its captions and other texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.text import one_line

if TYPE_CHECKING:
    from vidsearch.store.records import SubtitleTrack
    from vidsearch.types import EmbeddingSpace, Float32, IndexedFrame, Int64, Video


@dataclass(frozen=True, slots=True)
class CaptionSpan:
    """A text for a part [start, end) of a video."""

    start_seconds: float
    end_seconds: float
    text: str
    words: tuple[tuple[float, float, str], ...] = ()
    """Times of the spoken words, (start, end, word), if they are known."""


@dataclass(frozen=True, slots=True)
class CaptionedVideo:
    """A video with its captions and other texts."""

    video: Video
    frames: tuple[IndexedFrame, ...]
    """In order of time."""
    summary: str | None = None
    """The aggregated caption."""
    sections: tuple[CaptionSpan, ...] = ()
    """Shots or chapters, each with its own aggregated caption."""
    subtitles: tuple[SubtitleTrack, ...] = ()
    """The active subtitle tracks."""
    transcript: tuple[CaptionSpan, ...] = ()
    """The transcript, in which people's lines replace a model's."""
    screen_text: tuple[CaptionSpan, ...] = ()
    """The lines of text on the screen."""
    picture: Callable[[int], bytes] | None = None
    """Returns a frame's JPEG by its id; None if there are no pictures."""
    vectors: Mapping[EmbeddingSpace, tuple[Int64, Float32]] = field(default_factory=dict)
    """Per space: frame ids (n,) and unit rows (n, dim)."""


def path_text(path: Path) -> str:
    """Return a path as valid Unicode. Bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def caption_text(frame: IndexedFrame) -> str:
    """Return a frame's caption on one line, or ""."""
    return one_line(frame.caption.text) if frame.caption is not None else ""


def cues(frames: tuple[IndexedFrame, ...]) -> Iterator[CaptionSpan]:
    """Yield each caption with the time until it changes; frames without one are gaps.

    Times are whole milliseconds, and every cue lasts at least one.
    """
    open_cue: CaptionSpan | None = None
    for frame in frames:
        text = caption_text(frame)
        end_seconds = max(frame.end_seconds, frame.time_seconds)
        if open_cue is not None and text == open_cue.text:
            open_cue = CaptionSpan(open_cue.start_seconds, end_seconds, text)
            continue
        if open_cue is not None:
            yield _in_milliseconds(open_cue)
        open_cue = CaptionSpan(frame.time_seconds, end_seconds, text) if text else None
    if open_cue is not None:
        yield _in_milliseconds(open_cue)


def _in_milliseconds(span: CaptionSpan) -> CaptionSpan:
    start = max(0, round(span.start_seconds * 1000))
    end = max(start + 1, round(span.end_seconds * 1000))
    return CaptionSpan(start / 1000, end / 1000, span.text)


def clock(seconds: float, *, decimal_mark: str = ".") -> str:
    """Return hh:mm:ss.mmm, as in subtitle formats, with more digits of hours if necessary."""
    milliseconds = max(0, round(seconds * 1000))
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{decimal_mark}{rest:03d}"
