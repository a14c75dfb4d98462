"""srt: SubRip subtitles. A cue lasts until the caption changes.

SubRip has no escapes, and players interpret what looks like a tag (`<i>`, `{\\an8}`). So these four
characters are replaced by look-alikes, which also keeps `-->` out of the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan, clock, cues

_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})


def write(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one video's captions."""
    for video in videos:
        write_cues(cues(video.frames), out)


def write_cues(spans: Iterable[CaptionSpan], out: BinaryIO) -> None:
    """Write cues, numbered from 1. Line feeds in a text separate its lines."""
    for number, span in enumerate(spans, start=1):
        start, end = (clock(seconds, decimal_mark=",") for seconds in (span.start_seconds, span.end_seconds))
        out.write(f"{number}\n{start} --> {end}\n{span.text.translate(_LOOK_ALIKES)}\n\n".encode())
