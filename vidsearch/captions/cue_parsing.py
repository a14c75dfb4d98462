"""Parses SubRip, WebVTT, SBV and ASS as they are found: damaged, mixed up, with times in any spelling.

Each parser makes one pass and takes time linear in the text. It returns every cue that it sees, with None for
a time that cannot be read; what becomes of those is decided in `vidsearch.captions.subtitles`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_MAX_SECONDS = 100_000 * 3600

_NUMBER = r"\d{1,9}"
_TIME_PATTERN = rf"[-−]?{_NUMBER}(?:\s?[:.,;]\s?{_NUMBER}){{1,3}}"
_TIME = re.compile(rf"{_TIME_PATTERN}(?!\w|[:.,;]\w)")
_ARROW = re.compile(r"-{1,3}\s?-?\s?>|[–—]\s?>|→")
_TWO_TIMES = re.compile(
    rf"\s*({_NUMBER}:{_NUMBER}:{_NUMBER}(?:[.,]\d{{1,9}})?)[\s,;]+({_NUMBER}:{_NUMBER}:{_NUMBER}(?:[.,]\d{{1,9}})?)\s*"
)
"""Times without an arrow: SBV, or an arrow that was lost."""
_MAY_HOLD_TIMES = re.compile(r"[:>→]")
"""A quick test that most lines of words fail."""
_INDEX = re.compile(r"\s*\d{1,9}\s*")
_SKIPPED_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")

_EVENT_FIELDS = (
    "marked", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text",
)  # fmt: skip
"""Where no Format line names them."""


@dataclass(slots=True)
class RawCue:
    """A cue as it stands in a file."""

    start_seconds: float | None
    """None where it cannot be read. Negative before the video begins."""
    end_seconds: float | None
    lines: list[str] = field(default_factory=list)
    """With their markup."""
    is_comment: bool = False
    """A line that the format itself hides from viewers."""


def parse_time(text: str) -> float | None:
    """Return seconds from `00:00:01,500`, `0:01.5`, `00.00.01,5` or `-00:00:01.500`; None for anything else.

    With four numbers the last one is the fraction. With fewer it is one after a point or a comma, but for
    three numbers with points alone, which are hours, minutes and seconds.
    """
    text = text.strip()
    if not _TIME.fullmatch(text):
        return None
    is_negative = text[0] in "-−"
    numbers = re.findall(r"\d+", text)
    marks = re.findall(r"[:.,;]", text)
    has_fraction = len(numbers) == 4 or (marks[-1] != ":" and not (len(numbers) == 3 and set(marks) == {"."}))
    fraction = float(f"0.{numbers.pop()}") if has_fraction else 0.0
    hours, minutes, seconds = (int(number) for number in [*["0"] * (3 - len(numbers)), *numbers])
    total = round(hours * 3600 + minutes * 60 + seconds + fraction, 3)
    if total > _MAX_SECONDS:
        return None
    return -total if is_negative else total


def parse_blocks(text: str, *, is_webvtt: bool) -> list[RawCue]:
    """Parse SubRip, WebVTT or SBV: a line with times, then lines of words up to the next one.

    Blank lines within a cue's words do not end it: files have them, and its words would be lost.
    """
    cues: list[RawCue] = []
    is_after_blank = True
    is_skipped = False
    for line in text.split("\n"):
        is_blank = not line if is_webvtt else not line.strip()
        if is_blank:
            is_after_blank, is_skipped = True, False
            if cues:
                cues[-1].lines.append("")
            continue
        times = _times_in(line, is_header=_is_header_place(cues, is_after_blank=is_after_blank))
        if times is not None:
            if cues:
                _remove_name_of_next(cues[-1].lines, is_webvtt=is_webvtt)
            cues.append(RawCue(*times))
            is_skipped = False
        elif is_skipped or (is_webvtt and is_after_blank and _SKIPPED_BLOCK.match(line)):
            is_skipped = True
        elif cues:
            cues[-1].lines.append(line)
        is_after_blank = False
    return cues


def parse_events(text: str) -> Iterator[RawCue]:
    """Yield the events of an SSA or ASS file, in its order; comments too."""
    names = list(_EVENT_FIELDS)
    is_in_events = False
    for line in text.split("\n"):
        kind, colon, rest = line.partition(":")
        kind = kind.strip().lower()
        if kind.startswith("["):
            is_in_events = kind.startswith("[events]")
        elif kind == "format" and is_in_events and colon:
            declared = [name.strip().lower() for name in rest.split(",")]
            if {"start", "end", "text"} <= set(declared) and declared[-1] == "text":
                names = declared
        elif kind in ("dialogue", "comment") and colon:
            fields = dict(zip(names, rest.split(",", len(names) - 1), strict=False))
            yield RawCue(
                parse_time(fields.get("start", "")),
                parse_time(fields.get("end", "")),
                [fields.get("text", "")],
                is_comment=kind == "comment",
            )


def _times_in(line: str, *, is_header: bool) -> tuple[float | None, float | None] | None:
    """The times of a line that begins a cue, None for one that cannot be read; None for any other line."""
    if not _MAY_HOLD_TIMES.search(line):
        return None
    bare = _TWO_TIMES.fullmatch(line)
    if bare is not None:
        return parse_time(bare[1]), parse_time(bare[2])
    arrow = _ARROW.search(line)
    if arrow is None:
        return None
    left, right = line[: arrow.start()].strip(), line[arrow.end() :].lstrip()
    at_right = _TIME.match(right)
    start, end = parse_time(left), parse_time(at_right[0]) if at_right is not None else None
    word = right.split(None, 1)[0] if right.strip() else ""
    if start is not None and (end is not None or _is_like_a_time(word) or not word):
        return start, end
    if end is not None and (_is_like_a_time(left) or not left):
        return start, end
    if is_header and _is_like_a_time(left) and _is_like_a_time(word):
        return None, None
    return None


def _is_like_a_time(text: str) -> bool:
    """Whether text may have been a time before it was damaged: mostly digits and their marks."""
    num_fitting = sum(char.isdigit() or char in ":.,;-− " for char in text[:100])
    return any(char.isdigit() for char in text[:100]) and 2 * num_fitting >= len(text)


def _is_header_place(cues: list[RawCue], *, is_after_blank: bool) -> bool:
    """Whether a cue may begin here: after a blank line, or after one that holds nothing but a number."""
    if is_after_blank or not cues:
        return True
    return bool(cues[-1].lines) and _INDEX.fullmatch(cues[-1].lines[-1]) is not None


def _remove_name_of_next(lines: list[str], *, is_webvtt: bool) -> None:
    """Remove from a cue's lines the number or name of the cue that follows it."""
    if not lines:
        return
    stands_alone = len(lines) > 1 and not lines[-2].strip()
    if _INDEX.fullmatch(lines[-1]) or (is_webvtt and stands_alone and lines[-1]):
        lines.pop()
