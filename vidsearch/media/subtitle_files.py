"""Reads subtitle files as plain lines with times.

Real files are damaged, in old encodings and in mixtures of formats. Every cue is kept, repaired, or dropped
and counted with the reason. SubRip, WebVTT, SBV and ASS have parsers here because `pysubs2` 1.8 rejects a
whole file for one damaged field, reads a cue with a damaged time as text of the one before, and takes
quadratic time for repeated `{\\`. It reads the other formats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from types import MappingProxyType

from vidsearch.errors import MediaError, SubtitleError
from vidsearch.media.cue_parsing import RawCue, parse_blocks, parse_events
from vidsearch.media.cue_text import ass_words, has_inline_times, subrip_words, webvtt_words
from vidsearch.media.encodings import decode
from vidsearch.media.source import source_of
from vidsearch.types import TimedText

NO_TIME = "no readable time"
NO_WORDS = "no words"
NO_LENGTH = "no length"
TOO_EARLY = "before the video begins"
COMMENT = "comments"
REPEATED = "repeats of a line that stays on screen"

_ASS_SECTION = re.compile(r"^[ \t]*\[(?:script info|events)\]", re.IGNORECASE | re.MULTILINE)
_MAX_BYTES = 32 * 1024 * 1024
_MAX_BYTES_OF_OTHER_FORMATS = 1024 * 1024
_OTHER_FORMATS = ("ttml", "microdvd", "mpl2", "tmp")
_MAX_CHARACTERS = 10_000
"""A cue's text is truncated to this length."""
_GUESSED_SECONDS = 5.0
"""Longest duration of a cue of which only one time can be read."""
_ROLLING_GAP_SECONDS = 0.1
_MIN_ROLLING_CUES = 3
_MAX_ROLLING_LINES = 8


@dataclass(frozen=True, slots=True)
class SubtitleFile:
    """The cues of a subtitle file, and what was repaired or dropped."""

    cues: tuple[TimedText, ...]
    """By start time; plain text, one line each."""
    num_found: int
    """Cues in the file, kept or dropped."""
    num_mended: int
    """Cues kept with a guessed time, or with text truncated or replaced."""
    left_out: Mapping[str, int]
    """Number of dropped cues by reason."""
    format: str
    encoding: str
    is_encoding_guessed: bool


@dataclass(slots=True)
class _Line:
    """A cue being cleaned up."""

    start_seconds: float
    end_seconds: float
    words: list[str]
    """One entry per line on screen."""
    is_mended: bool
    num_plain: int
    """Number of leading lines without inline times."""

    @property
    def has_inline_times(self) -> bool:
        return self.num_plain < len(self.words)


def read_subtitles(path: Path, *, encoding: str | None = None) -> SubtitleFile:
    """Read a subtitle file; see `parse_subtitles`.

    Raises:
        SubtitleError: The file cannot be read, or no cue in it can be kept.
    """
    return parse_subtitles(_bytes_of(path), name=str(path), encoding=encoding)


def parse_subtitles(data: bytes, *, name: str, encoding: str | None = None) -> SubtitleFile:
    """Read SubRip, WebVTT, SBV, SSA, ASS, TTML, MicroDVD, MPL2 or TMPlayer subtitles, by content.

    Markup, drawings and comments are removed; line breaks become spaces. Lines of rolling captions, as
    YouTube writes them, are kept once each, at the time they appear.

    Args:
        data: The file's content.
        name: The file's name in errors.
        encoding: Python's name of its text encoding; by default it is detected.

    Raises:
        SubtitleError: No cue in it can be kept.
    """
    decoded = decode(data, encoding)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    format_name, raw, words_of = _parsed(text, name)
    left_out: Counter[str] = Counter()
    lines = _with_times(raw, words_of, left_out)
    lines.sort(key=lambda line: (line.start_seconds, line.end_seconds))
    lines = _unrolled(lines, left_out)
    cues = dict.fromkeys(
        TimedText(line.start_seconds, line.end_seconds, " ".join(line.words)[:_MAX_CHARACTERS])
        for line in lines
    )
    left_out[REPEATED] += len(lines) - len(cues)
    if not cues:
        found = f": of {len(raw):,} cues, none has words and a time" if raw else ""
        raise SubtitleError(f"{name} holds no subtitles that can be read{found}.")
    return SubtitleFile(
        cues=tuple(cues),
        num_found=len(raw),
        num_mended=sum(line.is_mended or "\ufffd" in "".join(line.words) for line in lines),
        left_out=MappingProxyType({reason: count for reason, count in left_out.items() if count}),
        format=format_name,
        encoding=decoded.encoding,
        is_encoding_guessed=decoded.is_guess,
    )


def _bytes_of(path: Path) -> bytes:
    try:
        with source_of(path).open() as file:
            data = file.read(_MAX_BYTES + 1)
    except MediaError as error:
        reason = error.reason.removeprefix("cannot be read: ")
        raise SubtitleError(f"Could not read {path}: {reason}.") from error
    except OSError as error:
        raise SubtitleError(f"Could not read {path}: {error.strerror or error}.") from error
    if len(data) > _MAX_BYTES:
        raise SubtitleError(f"{path} is too large for subtitles: more than {_MAX_BYTES:,} bytes.")
    return data


def _parsed(text: str, name: str) -> tuple[str, list[RawCue], Callable[[str], str]]:
    """Return the format's name, the cues, and a function that strips a line's markup."""
    is_webvtt = text.lstrip().startswith("WEBVTT")
    if is_webvtt or not _ASS_SECTION.search(text):
        blocks = parse_blocks(text, is_webvtt=is_webvtt)
        if blocks:
            return ("vtt", blocks, webvtt_words) if is_webvtt else ("srt", blocks, subrip_words)
    events = list(parse_events(text))
    if events:
        return "ass", events, ass_words
    other = _parsed_by_pysubs2(text)
    if other is None:
        raise SubtitleError(
            f"{name} holds no subtitles in a format known here: srt, vtt, ssa, ass or ttml. "
            "Where it does, give its --encoding."
        )
    return *other, ass_words


def _parsed_by_pysubs2(text: str) -> tuple[str, list[RawCue]] | None:
    """Return the format's name and cues if `pysubs2` parses it; else None."""
    if len(text) > _MAX_BYTES_OF_OTHER_FORMATS or not text.strip():
        return None
    import pysubs2
    from pysubs2.formats import get_format_class

    for name in _OTHER_FORMATS:
        try:
            if get_format_class(name).guess_format(text) != name:
                continue
            events = pysubs2.SSAFile.from_string(text, format_=name)
        except Exception:  # noqa: BLE001 (of a damaged file it raises what its parser happens to meet)
            continue
        return name, [RawCue(each.start / 1000, each.end / 1000, [each.text]) for each in events]
    return None


def _with_times(
    cues: Sequence[RawCue], words_of: Callable[[str], str], left_out: Counter[str]
) -> list[_Line]:
    """Give every cue its text and both times, repaired if necessary; count those without."""
    lines: list[_Line] = []
    next_starts = _next_starts(cues)
    for cue, next_start in zip(cues, next_starts, strict=True):
        shown = [(line, plain) for line in cue.lines if (plain := words_of(line))]
        words = [plain for _, plain in shown]
        reason = _reason_to_leave_out(cue, words)
        if reason is not None:
            left_out[reason] += 1
            continue
        start, end = _mended_times(cue, next_start, lines[-1].end_seconds if lines else 0.0)
        is_whole = start == cue.start_seconds and end == cue.end_seconds
        is_cut = sum(map(len, words)) + len(words) - 1 > _MAX_CHARACTERS
        num_plain = sum(1 for _ in takewhile(lambda pair: not has_inline_times(pair[0]), shown))
        lines.append(_Line(start, end, words, not is_whole or is_cut, num_plain))
    return lines


def _next_starts(cues: Sequence[RawCue]) -> list[float | None]:
    """For each cue, return the next readable start time."""
    starts: list[float | None] = []
    known: float | None = None
    for cue in reversed(cues):
        starts.append(known)
        known = known if cue.start_seconds is None else cue.start_seconds
    return starts[::-1]


def _reason_to_leave_out(cue: RawCue, words: list[str]) -> str | None:
    start, end = cue.start_seconds, cue.end_seconds
    if cue.is_comment:
        return COMMENT
    if not words:
        return NO_WORDS
    if start is None and end is None:
        return NO_TIME
    if end is not None and end <= 0 and (start is None or start < 0):
        return TOO_EARLY
    if start == end:
        return NO_LENGTH
    return None


def _mended_times(cue: RawCue, next_start: float | None, previous_end: float) -> tuple[float, float]:
    """Return a cue's times; a missing or reversed one is guessed from the neighbouring cues."""
    start, end = cue.start_seconds, cue.end_seconds
    if start is None:
        assert end is not None
        begins = previous_end if end - _GUESSED_SECONDS <= previous_end < end else end - _GUESSED_SECONDS
        return max(0.0, begins), end
    start = max(0.0, start)
    if end is None or end <= start:
        ends = start + _GUESSED_SECONDS
        return start, min(ends, next_start) if next_start is not None and next_start > start else ends
    return start, end


def _unrolled(lines: list[_Line], left_out: Counter[str]) -> list[_Line]:
    """Keep each line of rolling captions once, at the time it appears.

    Rolling captions push a line up when the next one comes, so that each is in several cues: `a`, `a / b`, `b
    / c`. They are recognised by inline times, or because most cues begin with the end of the previous one.
    """
    overlaps = [0, *(_overlap(*pair) for pair in pairwise(lines))]
    num_rolling = sum(overlap > 0 for overlap in overlaps)
    is_timed = any(line.has_inline_times for line in lines)
    if not is_timed and not (num_rolling >= _MIN_ROLLING_CUES and 2 * num_rolling >= len(lines) - 1):
        return lines
    kept = []
    for line, overlap in zip(lines, overlaps, strict=True):
        line.words = line.words[overlap:]
        if line.words:
            kept.append(line)
        else:
            left_out[REPEATED] += 1
    return kept


def _overlap(before: _Line, after: _Line) -> int:
    """Count how many of a cue's last lines are the next one's first.

    A line with inline times is new even if its text repeats.
    """
    if after.start_seconds - before.end_seconds > _ROLLING_GAP_SECONDS:
        return 0
    longest = min(len(before.words), after.num_plain, _MAX_ROLLING_LINES)
    return next(
        (num for num in range(longest, 0, -1) if before.words[-num:] == after.words[:num]),
        0,
    )
