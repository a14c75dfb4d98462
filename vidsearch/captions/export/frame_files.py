"""frames: a folder with frame_01.jpg and frame_01.txt, frame_02.jpg and so on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidsearch.captions.export.document import CaptionedVideo, caption_text
from vidsearch.captions.export.files import written_whole
from vidsearch.errors import ExportError


def write_frame_files(folder: Path, frames: Iterable[tuple[bytes, str]], *, num_frames: int) -> list[Path]:
    """Write each (JPEG, caption) as frame_NN.jpg and frame_NN.txt, from 01 on. Returns the files written.

    `num_frames` says how many digits the numbers take: two, or more from a hundred frames on.
    """
    digits = max(2, len(str(num_frames)))
    written = []
    for number, (picture, text) in enumerate(frames, start=1):
        for suffix, content in ((".jpg", picture), (".txt", f"{text}\n".encode())):
            path = folder / f"frame_{number:0{digits}d}{suffix}"
            with written_whole(path) as out:
                out.write(content)
            written.append(path)
    return written


def write(video: CaptionedVideo, folder: Path) -> list[Path]:
    """Write a video's frames into a folder, one picture in memory at a time. Returns the files written."""
    picture = video.picture
    if picture is None:
        raise ExportError("The frames format needs the frames' pictures, and none are at hand.")
    frames = ((picture(frame.id), caption_text(frame)) for frame in video.frames)
    return write_frame_files(folder, frames, num_frames=len(video.frames))
