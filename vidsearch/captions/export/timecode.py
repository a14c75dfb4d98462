"""SMPTE timecodes: from seconds to frames to hh:mm:ss:ff, at integer and fractional rates, with drop-frame.

Frame numbers are integers and rates exact fractions, so that there is no drift. By SMPTE ST 12-1, drop-frame
timecode at 29.97 skips the labels ;00 and ;01 of each minute except every tenth, and at 59.94 the labels ;00
to ;03, so that labels follow the clock.
"""

from __future__ import annotations

import math
from fractions import Fraction

NTSC = Fraction(1000, 1001)
FALLBACK_RATE = Fraction(25)

_STANDARD_RATES = tuple(
    rate
    for whole in (24, 25, 30, 48, 50, 60, 120)
    for rate in ([Fraction(whole), whole * NTSC] if whole not in (25, 50) else [Fraction(whole)])
)
_TOLERANCE = 0.0004
"""Relative tolerance of a rate. Containers state 23.976; 23.98 is too imprecise; 23.976 and 24 differ by
0.001."""


def standard_rate(frames_per_second: float | None) -> Fraction:
    """Return the exact rate for a container's average rate: 24000/1001 for 23.976.

    A rate that editing programs do not support (12.5, or none) becomes 25: times are rounded to 1/25 s.
    """
    if frames_per_second is None or not math.isfinite(frames_per_second):
        return FALLBACK_RATE
    nearest = min(_STANDARD_RATES, key=lambda rate: abs(float(rate) - frames_per_second))
    return nearest if abs(float(nearest) / frames_per_second - 1) <= _TOLERANCE else FALLBACK_RATE


def frame_number(seconds: float, rate: Fraction) -> int:
    """Return the number of the frame that starts nearest to a time. Frame 0 starts at 0."""
    return max(0, math.floor(Fraction(seconds) * rate + Fraction(1, 2)))


def has_drop_frames(rate: Fraction) -> bool:
    """Return whether timecodes at this rate are usually drop-frame: at 29.97 and 59.94."""
    return rate in (30 * NTSC, 60 * NTSC)


def timecode(frame: int, rate: Fraction) -> str:
    """Return a frame's label, `hh:mm:ss:ff`, or `hh:mm:ss;ff` if it is drop-frame. Wraps after 24 hours."""
    base = math.ceil(rate)
    mark = ":"
    if has_drop_frames(rate):
        mark = ";"
        dropped = base // 15
        per_minute = 60 * base - dropped
        per_ten_minutes = 10 * per_minute + dropped
        tens, rest = divmod(frame, per_ten_minutes)
        frame += 9 * dropped * tens + dropped * max(0, (rest - dropped) // per_minute)
    seconds, frames = divmod(frame, base)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{frames:02d}"


def first_hour(rate: Fraction) -> int:
    """Return the frame whose label is 01:00:00:00."""
    base = math.ceil(rate)
    return 3600 * base - (54 * (base // 15) if has_drop_frames(rate) else 0)
