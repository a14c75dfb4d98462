"""Parses SubRip, WebVTT, SBV and ASS as found in practice: damaged, mixed, with times in any notation.

Each parser makes one pass and takes time linear in the text. It returns every cue, with None for
a time that cannot be read; `vidsearch.media.subtitle_files` decides what to do with those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from vidsearch.text import one_line

_MAX_SECONDS = 100_000 * 3600

_NUMBER = r"\d{1,9}"
_TIME_PATTERN = rf"[-−]?{_NUMBER}(?:\s?[:.,;]\s?{_NUMBER}){{1,3}}"
_TIME = re.compile(rf"{_TIME_PATTERN}(?!\w|[:.,;]\w)")
_ARROW = re.compile(r"(?:[-\u2010-\u2015\u2212]{1,3}\s?-?\s?(?:>|＞|›|&gt;)|→)")
_FULL_TIME = rf"{_NUMBER}:{_NUMBER}:{_NUMBER}(?:[.,]\d{{1,9}})?"
_TWO_TIMES = re.compile(rf"\s*({_FULL_TIME})\D{{1,8}}({_FULL_TIME})\s*")
"""Times without an arrow: SBV, or an arrow that was damaged."""
_SETTING = re.compile(r"[\w-]{1,20}:\S{1,100}")
"""Settings after the times: `align:start` in WebVTT, `X1:100` in SubRip."""
_MAY_HOLD_TIMES = re.compile(r"[:>→]")
"""A cheap test that rules out most lines of text."""
_INDEX = re.compile(r"\s*\d{1,9}\s*")
_SKIPPED_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")

_EVENT_FIELDS = (
    "marked", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text",
)  # fmt: skip
"""The columns where no Format line names them."""


@dataclass(slots=True)
class RawCue:
    """A cue as written in a file."""

    start_seconds: float | None
    """None where unreadable; negative before the video begins."""
    end_seconds: float | None
    lines: list[str] = field(default_factory=list)
    """Including markup."""
    is_comment: bool = False
    """Whether the format hides this line from viewers."""


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
    """Parse SubRip, WebVTT or SBV: a line with times, then lines of text up to the next such line.

    Blank lines do not end a cue: real files contain them within cues.
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
        begins_skipped = is_webvtt and is_after_blank and _SKIPPED_BLOCK.match(line) is not None
        cue = None
        if not begins_skipped:
            cue = _cue_begun(line, is_place=_is_place_for_cue(cues, is_after_blank=is_after_blank))
        if cue is not None:
            if cues:
                _remove_name_of_next(cues[-1].lines, is_webvtt=is_webvtt)
            cues.append(cue)
            is_skipped = False
        elif begins_skipped or is_skipped:
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


def _cue_begun(line: str, *, is_place: bool) -> RawCue | None:
    """Return the cue that a line of times begins, without its words; None for any other line.

    A time that cannot be read is None in it. Where neither can, the line counts only where `is_place` says
    that a cue may begin.
    """
    if not _MAY_HOLD_TIMES.search(line):
        return None
    if not line.isascii():
        line = one_line(line)  # Arabic and Hebrew files have direction marks around the times
    bare = _TWO_TIMES.fullmatch(line)
    if bare is not None:
        return RawCue(parse_time(bare[1]), parse_time(bare[2]))
    arrow = _ARROW.search(line)
    if arrow is None:
        return None
    left, right = line[: arrow.start()].strip(), line[arrow.end() :].strip()
    at_right = _TIME.match(right)
    start = parse_time(left)
    end = None if at_right is None else parse_time(at_right[0])
    word = right.split(None, 1)[0] if right else ""
    is_left_damaged = not left or _is_like_a_time(left)
    is_right_damaged = not word or _is_like_a_time(word)
    if start is not None or end is not None:
        begins = (start is not None or is_left_damaged) and (end is not None or is_right_damaged)
    else:
        begins = is_place and bool(left and word) and is_left_damaged and is_right_damaged
    if not begins:
        return None
    rest = right[at_right.end() :] if at_right is not None else right[len(word) :]
    settings = rest.split()
    is_settings = all(_SETTING.fullmatch(each) for each in settings)
    return RawCue(start, end, [] if is_settings else [rest])


def _is_like_a_time(text: str) -> bool:
    """Whether text may be a damaged time: mostly digits and separators."""
    num_fitting = sum(char.isdigit() or char in ":.,;-− " for char in text[:100])
    return any(char.isdigit() for char in text[:100]) and 2 * num_fitting >= len(text)


def _is_place_for_cue(cues: list[RawCue], *, is_after_blank: bool) -> bool:
    """Whether a cue may begin here: after a blank line, or after a line with only a number."""
    if is_after_blank or not cues:
        return True
    return bool(cues[-1].lines) and _INDEX.fullmatch(cues[-1].lines[-1]) is not None


def _remove_name_of_next(lines: list[str], *, is_webvtt: bool) -> None:
    """Remove the next cue's number or name from the end of a cue's lines."""
    if not lines:
        return
    stands_alone = len(lines) > 1 and not lines[-2].strip()
    if _INDEX.fullmatch(lines[-1]) or (is_webvtt and stands_alone and lines[-1]):
        lines.pop()
