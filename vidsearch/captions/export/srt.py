"""srt: SubRip subtitles. A cue lasts until the caption changes.

SubRip has no escape, and players take what looks like a tag (`<i>`, `{\\an8}`) for one. The four marks are
therefore written as their look-alikes, which also keeps `-->` out of the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, clock, cues

_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")"})


def write(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one video's cues, numbered from 1."""
    for video in videos:
        for number, cue in enumerate(cues(video.frames), start=1):
            start, end = (
                clock(seconds, decimal_mark=",") for seconds in (cue.start_seconds, cue.end_seconds)
            )
            out.write(f"{number}\n{start} --> {end}\n{cue.text.translate(_LOOK_ALIKES)}\n\n".encode())
