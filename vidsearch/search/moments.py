"""Turns matching frames into moments: spans of a video around the peaks of its score curve.

A moment is the span around a peak in which the curve stays above a level between the peak and the library's
mean, within the peak's shot. This is one level of the watershed by which Zhao et al., "Temporal Action
Detection with Structured Segment Networks" (ICCV 2017, section 4) group actions, and which Lei, Berg and
Bansal, "QVHighlights" (NeurIPS 2021) use, within shots, as their zero-shot CLIP baseline.
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
"""The level, as a share of the peak's height over the mean."""
LEAST_FALL = 0.5
"""The level is at least this many standard deviations below the peak, so that a weak peak has a span, too."""
_REACH = 32
"""Frames examined on either side of a peak at first; doubled while the span continues."""

Curve: TypeAlias = "Callable[[int, int], Float32]"
"""Standard scores of the frames at rows [first, end): 0 is the library's mean, 1 a standard deviation."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows [first, end) of one video, around the row of its best frame."""

    first: int
    end: int
    best: int


def span_around(
    peak: int, curve: Curve, bounds: tuple[int, int], *, kept_height: float = KEPT_HEIGHT
) -> Span:
    """The span of a peak, within `bounds`, rows [first, end)."""
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


class SpanSet:
    """Spans that do not overlap, in the order in which they were added."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._starts: list[int] = []
        self._by_start: list[Span] = []

    def __len__(self) -> int:
        return len(self.spans)

    def add(self, span: Span) -> None:
        """Add a span, which must not overlap any other."""
        self.spans.append(span)
        at = bisect.bisect_right(self._starts, span.first)
        self._starts.insert(at, span.first)
        self._by_start.insert(at, span)

    def overlaps(self, first: int, end: int) -> bool:
        """Whether a span shares rows with [first, end)."""
        at = bisect.bisect_left(self._starts, end)
        return at > 0 and self._by_start[at - 1].end > first

    def grown(self, peak: int, curve: Curve, bounds: tuple[int, int]) -> Span:
        """The span around a peak that is in no other span; it ends at its neighbours and at `bounds`."""
        low, high = bounds
        at = bisect.bisect_right(self._starts, peak)
        if at > 0:
            low = max(low, self._by_start[at - 1].end)
        if at < len(self._by_start):
            high = min(high, self._by_start[at].first)
        return span_around(peak, curve, (low, high))


def spans(
    candidates: Iterable[int],
    curve: Curve,
    bounds_of: Callable[[int], tuple[int, int]],
    *,
    limit: int,
) -> list[Span]:
    """At most `limit` spans around candidate rows, in their order; one inside an earlier span makes none."""
    made = SpanSet()
    for row in candidates:
        if len(made) == limit:
            break
        if not made.overlaps(row, row + 1):
            made.add(made.grown(row, curve, bounds_of(row)))
    return made.spans


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
