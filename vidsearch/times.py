"""Times as people write them: 83.5, 1:23.5, 0:01:23.5, 1m23.5s."""

from __future__ import annotations

import re

from vidsearch.errors import QueryError

_NUMBER = r"\d{1,9}"
_CLOCK = re.compile(rf"(?:(?:({_NUMBER}):)?({_NUMBER}):)?({_NUMBER}(?:\.\d*)?|\.\d+)")
_UNITS = re.compile(
    rf"(?:({_NUMBER})\s*h)?\s*(?:({_NUMBER})\s*m(?:in)?)?\s*(?:({_NUMBER}(?:\.\d*)?|\.\d+)\s*s(?:ec)?)?",
    re.IGNORECASE,
)


def format_time(seconds: float) -> str:
    """Return h:mm:ss.s, rounded to the nearest tenth of a second: for file names."""
    tenths = round(seconds * 10)
    sign, tenths = ("-", -tenths) if tenths < 0 else ("", tenths)
    return f"{sign}{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def format_moment(seconds: float) -> str:
    """Return m:ss or h:mm:ss, with a tenth of a second where it is not 0: for people."""
    tenths = round(seconds * 10)
    sign, tenths = ("-", -tenths) if tenths < 0 else ("", tenths)
    fraction = f".{tenths % 10}" if tenths % 10 else ""
    return f"{sign}{format_duration(tenths // 10)}{fraction}"


def format_duration(seconds: float) -> str:
    """Return m:ss, or h:mm:ss from an hour on, to the nearest second: for lengths."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def parse_time(text: str) -> float:
    """Return the seconds of "83.5", "1:23.5", "0:01:23.5", "1m23.5s" or "1h2m".

    Raises:
        QueryError: It is none of these.
    """
    plain = text.strip()
    match = _CLOCK.fullmatch(plain) or (_UNITS.fullmatch(plain) if plain else None)
    if match is None:
        raise QueryError(f"{text!r} is not a time. Write seconds (83.5), m:ss (1:23.5) or 1m23s.")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
