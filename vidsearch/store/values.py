"""Parses values that the catalog stores as text: JSON, times, sampling plans.

A value that cannot be parsed means that the catalog is damaged. The error names the value and what to do;
`vidsearch verify --repair` finds and repairs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from vidsearch.errors import LibraryDamaged
from vidsearch.types import Sampling, SamplingPlan

MAX_SECONDS = 1e9
"""30 years: an upper limit for times in a video."""

MAX_DIM = 2**16

_NUMBERS = ("fps", "max_frames", "start_seconds", "end_seconds")
_MUST_BE_SET = ("fps", "start_seconds")


class PathBytes(bytes):
    """A path that is not valid Unicode: a BLOB in SQLite, hex digits after \\x in other databases."""

    def as_text(self) -> str:
        return f"\\x{self.hex()}"


def json_object(text: str, what: str) -> dict[str, Any]:
    """Parse a JSON object. Raises LibraryDamaged, which names it by `what`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(what, text) from error
    if not isinstance(value, dict):
        raise _damaged(what, text)
    return value


def time_of(text: str, what: str) -> datetime:
    """Parse an ISO 8601 time. Raises LibraryDamaged."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _damaged(what, text) from error


def seconds_of(value: float, what: str) -> float:
    """Check a time in a video. Raises LibraryDamaged if it is out of range."""
    if not abs(value) < MAX_SECONDS:
        raise _damaged(what, f"{value:g}")
    return value


def dim_of(value: int) -> int:
    """Check a space's number of dimensions. Raises LibraryDamaged if it is out of range."""
    if not 0 < value <= MAX_DIM:
        raise _damaged("the size of a model's vectors", str(value))
    return value


def plan_of(params: Mapping[str, Any]) -> SamplingPlan:
    """Parse the sampling plan of a frames track. Raises LibraryDamaged."""
    known = {field.name for field in fields(SamplingPlan)}
    is_sound = (
        known.issuperset(params)
        and params.get("sampling", "uniform") in get_args(Sampling)
        and all(
            _is_number(params[name]) or (params[name] is None and name not in _MUST_BE_SET)
            for name in _NUMBERS
            if name in params
        )
    )
    if not is_sound:
        raise _damaged("the sampling plan of a track", json.dumps(dict(params)))
    return SamplingPlan(**params)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _damaged(what: str, text: str) -> LibraryDamaged:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return LibraryDamaged(
        f"The catalog holds {shown!r} for {what}, which cannot be read. `vidsearch verify --repair` mends it."
    )
