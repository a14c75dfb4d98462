"""Computes the times at which a video is sampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from vidsearch.types import SamplingPlan

Item = TypeVar("Item")

_FOR_EVER = 2**62


def instants(plan: SamplingPlan, duration_seconds: float | None) -> Sequence[float]:
    """Return the sampled times of a `uniform` plan, in seconds, ascending, in [start, end).

    They are the multiples of 1 / fps from the start of the video, not of the span, so that overlapping spans
    sample the same pictures. If `max_frames` allows fewer, the span is divided into that many equal parts and
    the middle of each is sampled, which avoids black first pictures and faded last ones. Without a known end
    (`duration_seconds` and `plan.end_seconds` None) the sequence is infinite; times are computed as they are
    read.

    Raises:
        ValueError: The plan is invalid, or `max_frames` is set and no end is known.
    """
    check_plan(plan)
    end_seconds = _earlier(plan.end_seconds, duration_seconds)
    if end_seconds is None:
        if plan.max_frames is not None:
            raise ValueError("max_frames needs a known end to spread the instants over")
        return _Grid(range(_first_number(plan), _FOR_EVER), _exact(plan.fps))
    if plan.max_frames is not None and num_grid_instants(plan, end_seconds) > plan.max_frames:
        span_seconds = end_seconds - plan.start_seconds
        return [
            plan.start_seconds + span_seconds * (part + 0.5) / plan.max_frames
            for part in range(plan.max_frames)
        ]
    return _Grid(_grid_numbers(plan, end_seconds), _exact(plan.fps))


class _Grid(Sequence[float]):
    """k / fps for each k in a range."""

    def __init__(self, numbers: range, fps: Fraction) -> None:
        self._numbers = numbers
        self._fps = fps

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> _Grid: ...
    def __getitem__(self, place: int | slice) -> float | _Grid:
        if isinstance(place, slice):
            return _Grid(self._numbers[place], self._fps)
        # Dividing two integers rounds only once.
        return self._numbers[place] * self._fps.denominator / self._fps.numerator


def num_grid_instants(plan: SamplingPlan, end_seconds: float) -> int:
    """Count the multiples of 1 / fps in [plan.start_seconds, end_seconds)."""
    return len(_grid_numbers(plan, end_seconds))


def spread(items: Sequence[Item], max_items: int) -> list[Item]:
    """Pick at most `max_items` of `items`, evenly: the middle one of each of that many equal parts."""
    if len(items) <= max_items:
        return list(items)
    return [items[int(len(items) * (part + 0.5) / max_items)] for part in range(max_items)]


def check_plan(plan: SamplingPlan) -> None:
    """Raise ValueError, naming the value, if a plan is invalid."""
    if not (math.isfinite(plan.fps) and plan.fps > 0):
        raise ValueError(f"fps must be above 0, not {plan.fps}")
    if plan.max_frames is not None and plan.max_frames < 1:
        raise ValueError(f"max_frames must be 1 or more, not {plan.max_frames}")
    if not (math.isfinite(plan.start_seconds) and plan.start_seconds >= 0):
        raise ValueError(f"start must be 0 or later, not {plan.start_seconds}")
    if plan.end_seconds is not None and not plan.end_seconds > plan.start_seconds:
        raise ValueError(f"end ({plan.end_seconds}) must be after start ({plan.start_seconds})")


def _grid_numbers(plan: SamplingPlan, end_seconds: float) -> range:
    """The k of all k / fps in [start, end)."""
    return range(_first_number(plan), math.ceil(Fraction(end_seconds) * _exact(plan.fps)))


def _first_number(plan: SamplingPlan) -> int:
    return math.ceil(_exact(plan.start_seconds) * _exact(plan.fps))


def _exact(value: float) -> Fraction:
    """The fraction the user meant: 0.1 is 1/10, 29.97 is 2997/100."""
    return Fraction(value).limit_denominator(1_000_000)


def _earlier(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)
