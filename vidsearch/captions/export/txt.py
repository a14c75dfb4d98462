"""txt: one line per frame: its time, a tab, its caption."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, caption_text, clock


def write(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write `h:mm:ss.mmm<TAB>caption` for each frame that has a caption."""
    for video in videos:
        for frame in video.frames:
            text = caption_text(frame)
            if text:
                out.write(f"{clock(frame.time_seconds)}\t{text}\n".encode())
