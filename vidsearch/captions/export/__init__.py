"""Captions to files: `export` writes, `FORMATS` names the formats, `CaptionedVideo` is what they are given.

`vidsearch.captions.describe` reads a `CaptionedVideo` from a library. Other tracks of a video are exported by
`vidsearch.captions.export.tracks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan
from vidsearch.captions.export.files import safe_name
from vidsearch.captions.export.frame_files import write_frame_files
from vidsearch.captions.export.registry import FORMATS, Format, find_format
from vidsearch.captions.export.writing import FileFormat, FolderFormat, render_documents, write_documents
from vidsearch.outputs import DEFAULT_RULE, OutputRule

__all__ = [
    "FORMATS",
    "CaptionSpan",
    "CaptionedVideo",
    "FileFormat",
    "FolderFormat",
    "Format",
    "export",
    "find_format",
    "render",
    "safe_name",
    "write_frame_files",
]


def export(
    videos: Iterable[CaptionedVideo], output: Path, *, format_name: str, rule: OutputRule = DEFAULT_RULE
) -> list[Path]:
    """Write videos' captions to a file, or to a file for each video; see `write_documents`.

    Args:
        videos: Taken one at a time, so that a generator of them bounds the memory used.
        output: A file or a folder.
        format_name: One of `FORMATS`.
        rule: Which files may be written. The videos themselves never are.

    Returns:
        The files written, in the videos' order.

    Raises:
        ExportError: There is no video, the format is unknown, or a file may not or cannot be written.
    """
    return write_documents(videos, output, find_format(format_name), rule)


def render(videos: Iterable[CaptionedVideo], *, format_name: str) -> bytes:
    """Return what `export` would write, for formats that are one file. Raises ExportError."""
    return render_documents(videos, find_format(format_name))
