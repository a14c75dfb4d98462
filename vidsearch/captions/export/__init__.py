"""Captions to files: `export` writes, `FORMATS` names the formats, `CaptionedVideo` is what they are given.

The formats know no library. `vidsearch.captions.describe` reads a `CaptionedVideo` from one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan
from vidsearch.captions.export.files import Names, safe_name
from vidsearch.captions.export.frame_files import write_frame_files
from vidsearch.captions.export.registry import FORMATS, FileFormat, FolderFormat, Format, find_format
from vidsearch.errors import ExportError
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
    """Write videos' captions to `output`.

    Where `output` is a folder, or several videos meet a format whose files hold one, each video gets a file
    (or folder) in it, named for the video. Otherwise `output` is the file, or for `frames` the folder itself.
    Every file appears whole or not at all.

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
    chosen = find_format(format_name)
    stream = iter(videos)
    first = list(islice(stream, 2))
    is_single = len(first) < 2
    videos = chain(first, stream)
    if not first:
        raise ExportError("There is no video to export.")
    if isinstance(chosen, FolderFormat):
        if is_single:
            return chosen.write(first[0], output, _sparing(rule, first[0]))
        return [
            path
            for video, name in _named(videos)
            for path in chosen.write(video, output / name, _sparing(rule, video))
        ]
    if not output.is_dir() and (is_single or chosen.holds_many):
        with _sparing(rule, *first).open(output) as out:
            chosen.write(videos, out)
        return [output]
    if output.exists() and not output.is_dir():
        raise ExportError(
            f"{output} is a file, and a {chosen.name} file holds one video. Give a folder as --output."
        )
    written = []
    for video, name in _named(videos):
        path = output / f"{name}{chosen.suffix}"
        with _sparing(rule, video).open(path) as out:
            chosen.write([video], out)
        written.append(path)
    return written


def render(videos: Iterable[CaptionedVideo], *, format_name: str) -> bytes:
    """Return what `export` would write, for formats that are one file. Raises ExportError."""
    chosen = find_format(format_name)
    if isinstance(chosen, FolderFormat):
        raise ExportError(f"{chosen.name} is a folder of files: give one as --output.")
    several = list(islice(stream := iter(videos), 2))
    if len(several) > 1 and not chosen.holds_many:
        raise ExportError(f"A {chosen.name} file holds one video. Give a folder as --output.")
    out = io.BytesIO()
    chosen.write(chain(several, stream), out)
    return out.getvalue()


def _sparing(rule: OutputRule, *videos: CaptionedVideo) -> OutputRule:
    """Return a rule that keeps these videos' files from being written to."""
    return replace(rule, inputs=(*rule.inputs, *(path for each in videos for path in each.video.paths)))


def _named(videos: Iterable[CaptionedVideo]) -> Iterator[tuple[CaptionedVideo, str]]:
    names = Names()
    for video in videos:
        yield video, names.name_for(video.video.path.stem)
