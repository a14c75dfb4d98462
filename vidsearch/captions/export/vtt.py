"""vtt and chapters: WebVTT (https://www.w3.org/TR/webvtt1/). A cue lasts until the caption changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan, clock, cues
from vidsearch.text import one_line


def write(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one video's captions, with the caption of the whole video as a note at the top."""
    for video in videos:
        write_cues(cues(video.frames), out, note=video.summary)


def write_chapters(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one video's sections as a chapters track, for `<track kind="chapters">`."""
    for video in videos:
        write_cues((span for span in video.sections if span.text), out)


def escape(text: str) -> str:
    """Return text as WebVTT cue text, on one line: character references for `&`, `<` and `>`."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write_cues(spans: Iterable[CaptionSpan], out: BinaryIO, *, note: str | None = None) -> None:
    """Write cues, with a note at the top. Line feeds in a text separate its lines."""
    out.write(b"WEBVTT\n\n")
    if note:
        out.write(f"NOTE {escape(note)}\n\n".encode())
    for span in spans:
        lines = "\n".join(map(escape, span.text.split("\n")))
        out.write(f"{clock(span.start_seconds)} --> {clock(span.end_seconds)}\n{lines}\n\n".encode())
