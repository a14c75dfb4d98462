"""Subtitle files that people have, read as plain lines with times. Knows no library."""

from __future__ import annotations

import codecs
import html
from pathlib import Path

from vidsearch.errors import SubtitleError
from vidsearch.store.records import Cue
from vidsearch.text import one_line

_MAX_BYTES = 32 * 1024 * 1024


def read_subtitles(path: Path) -> tuple[Cue, ...]:
    """Read SubRip, WebVTT, SSA or ASS subtitles, by content and not by suffix. Returns cues by start.

    Markup goes, line breaks become spaces, and cues without words or length are left out. Text that is not
    UTF-8 or UTF-16 is taken for Windows-1252. Raises SubtitleError.
    """
    import pysubs2

    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise SubtitleError(f"{path} is too large to be subtitles: {size:,} bytes.")
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise SubtitleError(f"Could not read {path}: {error.strerror or error}.") from error
    try:
        subtitles = pysubs2.SSAFile.from_string(text)
    except (pysubs2.Pysubs2Error, ValueError) as error:
        raise SubtitleError(
            f"{path} holds no subtitles in a format known here: srt, vtt, ssa or ass."
        ) from error
    cues = []
    for event in subtitles:
        words = one_line(html.unescape(event.plaintext) if subtitles.format == "vtt" else event.plaintext)
        if words and not event.is_comment and event.end > event.start >= 0:
            cues.append(Cue(event.start / 1000, event.end / 1000, words))
    if not cues:
        raise SubtitleError(f"{path} holds no subtitles: not one line has words and a time.")
    return tuple(sorted(cues, key=lambda cue: (cue.start_seconds, cue.end_seconds)))


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
