"""Export of captions: `FORMATS` has the formats, which write `CaptionedVideo`s.

`vidsearch.captions.describe` makes a `CaptionedVideo` from a library, and `vidsearch.captions.export.writing`
writes the files. Formats for other tracks are in `vidsearch.captions.export.tracks`.
"""

from __future__ import annotations

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan
from vidsearch.captions.export.files import safe_name
from vidsearch.captions.export.frame_files import write_frame_files
from vidsearch.captions.export.registry import FORMATS, Format, find_format
from vidsearch.captions.export.writing import FileFormat, FolderFormat

__all__ = [
    "FORMATS",
    "CaptionSpan",
    "CaptionedVideo",
    "FileFormat",
    "FolderFormat",
    "Format",
    "find_format",
    "safe_name",
    "write_frame_files",
]
