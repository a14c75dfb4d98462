"""frames: a folder with frame_01.jpg and frame_01.txt, frame_02.jpg and so on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidsearch.captions.export.document import CaptionedVideo, caption_text
from vidsearch.errors import ExportError
from vidsearch.outputs import DEFAULT_RULE, OutputRule

_SUFFIXES = (".jpg", ".txt")


def write_frame_files(
    folder: Path,
    frames: Iterable[tuple[bytes, str]],
    *,
    num_frames: int,
    rule: OutputRule = DEFAULT_RULE,
) -> list[Path]:
    """Write pictures and captions as frame_01.jpg, frame_01.txt and so on.

    Args:
        folder: The folder, which is created if necessary.
        frames: JPEGs with their captions. One pair is in memory at a time.
        num_frames: The number of frames. File numbers have as many digits, but at least two.
        rule: Which files may be written.

    Returns:
        The files written.

    Raises:
        ExportError: A file exists, in which case none is written, or cannot be written.
    """
    digits = max(2, len(str(num_frames)))
    for number in range(1, num_frames + 1):
        for suffix in _SUFFIXES:
            rule.check(folder / f"frame_{number:0{digits}d}{suffix}")
    written = []
    for number, (picture, text) in enumerate(frames, start=1):
        for suffix, content in zip(_SUFFIXES, (picture, f"{text}\n".encode()), strict=True):
            path = folder / f"frame_{number:0{digits}d}{suffix}"
            rule.write(path, content)
            written.append(path)
    return written


def write(video: CaptionedVideo, folder: Path, rule: OutputRule) -> list[Path]:
    """Write a video's frames into a folder, one picture in memory at a time. Returns the files written."""
    picture = video.picture
    if picture is None:
        raise ExportError("The frames format needs the frames' pictures, but there are none.")
    frames = ((picture(frame.id), caption_text(frame)) for frame in video.frames)
    return write_frame_files(folder, frames, num_frames=len(video.frames), rule=rule)
