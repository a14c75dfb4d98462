"""Times as people write them: 0:01:23.5, 83.5, 1:23."""

from __future__ import annotations

import re

from vidsearch.errors import QueryError

_CLOCK = re.compile(r"^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)$")


def format_time(seconds: float) -> str:
    """h:mm:ss.s, rounded to the nearest tenth of a second."""
    tenths = round(seconds * 10)
    sign, tenths = ("-", -tenths) if tenths < 0 else ("", tenths)
    return f"{sign}{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def format_duration(seconds: float) -> str:
    """m:ss, or h:mm:ss from an hour on: a length, to the nearest second."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def parse_time(text: str) -> float:
    """Seconds from "83.5", "1:23.5" or "0:01:23.5". Raises QueryError for anything else."""
    match = _CLOCK.match(text.strip())
    if match is None:
        raise QueryError(
            f"{text!r} is not a time: write seconds (83.5), m:ss (1:23.5) or h:mm:ss (0:01:23.5)."
        )
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
