"""From frames that match to moments: spans of a video around the peaks of its score curve.

The curve of a query over a video's frames is read as a landscape. Water falls from a peak's height to a
level between the peak and the library's mean; what stays dry around the peak is the moment, and never more
than its shot. This is one level of the watershed that Zhao et al., "Temporal Action Detection with
Structured Segment Networks" (ICCV 2017, section 4) group actions with, and that Lei, Berg and Bansal,
"QVHighlights" (NeurIPS 2021) use, within shots, as their zero-shot CLIP baseline.
It knows no query, no library and no model.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32, Shot

KEPT_HEIGHT = 0.5
"""The water falls to this share of a peak's height over the mean."""
LEAST_FALL = 0.5
"""The water falls at least this many standard deviations of the library's scores, so that a weak peak has
a span too."""
_REACH = 32
"""Frames looked at to either side of a peak at first; doubled while the span goes on."""

Curve: TypeAlias = "Callable[[int, int], Float32]"
"""Standard scores of the frames at places [first, end): 0 is the library's mean, 1 a standard deviation."""


@dataclass(frozen=True, slots=True)
class Span:
    """Places [first, end) of one video, around the place of its best frame."""

    first: int
    end: int
    best: int


def span_around(
    peak: int, curve: Curve, bounds: tuple[int, int], *, kept_height: float = KEPT_HEIGHT
) -> Span:
    """The span of a peak within `bounds`, places [first, end) that it must not leave."""
    low, high = bounds
    reach = _REACH
    while True:
        first, end = max(low, peak - reach), min(high, peak + reach + 1)
        heights = curve(first, end)
        height = float(heights[peak - first])
        level = height - max((1 - kept_height) * height, LEAST_FALL)
        wet = np.flatnonzero(heights < level)
        split = int(np.searchsorted(wet, peak - first))
        left = first + int(wet[split - 1]) + 1 if split > 0 else first
        right = first + int(wet[split]) if split < len(wet) else end
        if (left > first or first == low) and (right < end or end == high):
            best = left + int(np.argmax(heights[left - first : right - first]))
            return Span(left, right, best)
        reach *= 4


def spans(
    candidates: Iterable[int],
    curve: Curve,
    bounds_of: Callable[[int], tuple[int, int]],
    *,
    limit: int,
) -> list[Span]:
    """Spans around candidate places, the best first; a candidate inside an earlier span makes none.

    A later span stops where an earlier one begins: spans do not overlap. At most `limit` are made.
    """
    made: list[Span] = []
    starts: list[int] = []
    by_start: list[Span] = []
    for place in candidates:
        at = bisect.bisect_right(starts, place)
        if at > 0 and place < by_start[at - 1].end:
            continue
        low, high = bounds_of(place)
        if at > 0:
            low = max(low, by_start[at - 1].end)
        if at < len(by_start):
            high = min(high, by_start[at].first)
        span = span_around(place, curve, (low, high))
        made.append(span)
        starts.insert(at, span.first)
        by_start.insert(at, span)
        if len(made) == limit:
            break
    return made


def shot_bounds(
    times: Sequence[float] | np.ndarray, time_seconds: float, shots: Sequence[Shot]
) -> tuple[int, int]:
    """Which of a video's frames share the shot that is on screen at a time: indices [first, end).

    `times` are those of the video's frames, in order. Without shots, or outside all of them: every frame.
    """
    at = bisect.bisect_right(shots, time_seconds, key=lambda shot: shot.start_seconds) - 1
    if at < 0 or time_seconds >= shots[at].end_seconds:
        return 0, len(times)
    first, end = np.searchsorted(times, [shots[at].start_seconds, shots[at].end_seconds], side="left")
    return int(first), int(end)
