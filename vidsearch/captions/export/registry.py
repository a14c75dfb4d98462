"""The formats by name. To add one, write a module and add it here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from vidsearch.captions.export.document import CaptionedVideo
from vidsearch.captions.export.frame_files import write as write_frames
from vidsearch.captions.export.html import write as write_html
from vidsearch.captions.export.records import write_csv, write_json, write_jsonl
from vidsearch.captions.export.srt import write as write_srt
from vidsearch.captions.export.tables import write_npy, write_parquet
from vidsearch.captions.export.txt import write as write_txt
from vidsearch.captions.export.vtt import write as write_vtt
from vidsearch.captions.export.vtt import write_chapters
from vidsearch.captions.export.writing import FileFormat, FolderFormat, Need
from vidsearch.errors import ExportError

ALSO_VECTORS: frozenset[Need] = frozenset({"vectors"})
"""Added to a format's needs if vectors are to be included."""

Format: TypeAlias = FileFormat[CaptionedVideo] | FolderFormat[CaptionedVideo]

_ALL: tuple[Format, ...] = (
    FileFormat("txt", ".txt", "one line a frame: time, tab, caption", False, write_txt),
    FileFormat("srt", ".srt", "SubRip subtitles", False, write_srt),
    FileFormat("vtt", ".vtt", "WebVTT subtitles", False, write_vtt, frozenset({"summary"})),
    FileFormat(
        "chapters", ".chapters.vtt", "WebVTT chapters", False, write_chapters, frozenset({"sections"})
    ),
    FileFormat(
        "json",
        ".json",
        "everything, as one JSON document",
        True,
        write_json,
        frozenset({"summary", "sections"}),
    ),
    FileFormat("jsonl", ".jsonl", "one JSON object a frame and line", True, write_jsonl),
    FileFormat("csv", ".csv", "one row a frame, for spreadsheets", True, write_csv),
    FileFormat("parquet", ".parquet", "one row a frame, for data frames", True, write_parquet),
    FileFormat(
        "npy",
        ".npy",
        "the vectors alone, row by row as in jsonl",
        True,
        write_npy,
        frozenset({"vectors"}),
    ),
    FileFormat(
        "html",
        ".html",
        "one page with the pictures in it, to read or print",
        True,
        write_html,
        frozenset({"summary", "sections", "lines", "pictures"}),
    ),
    FolderFormat(
        "frames", "a folder: frame_01.jpg, frame_01.txt, ...", write_frames, frozenset({"pictures"})
    ),
)

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in _ALL})


def find_format(name: str) -> Format:
    """Return a format by its name. Raises ExportError, which lists them."""
    try:
        return FORMATS[name.lower()]
    except KeyError:
        raise ExportError(
            f"There is no export format {name!r}. Choose one of: {', '.join(FORMATS)}."
        ) from None
