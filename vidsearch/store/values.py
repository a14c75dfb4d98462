"""Values of the catalog that are text in a row and more in the program: JSON, times, sampling plans.

A value that cannot be read is damage to the catalog. It is named by its table, so that one clear line tells
what to do about it, and `vidsearch verify --repair` finds and mends it.
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
"""30 years: no time in a video is later, and no video longer."""

MAX_DIM = 2**16

_NUMBERS = ("fps", "max_frames", "start_seconds", "end_seconds")
_MUST_BE_SET = ("fps", "start_seconds")


class PathBytes(bytes):
    """A path that is not valid Unicode: a BLOB for SQLite, its hex digits after \\x for other databases."""

    def as_text(self) -> str:
        return f"\\x{self.hex()}"


def json_object(text: str, what: str) -> dict[str, Any]:
    """Read a JSON object of a row. Raises LibraryDamaged, which says `what` it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(what, text) from error
    if not isinstance(value, dict):
        raise _damaged(what, text)
    return value


def time_of(text: str, what: str) -> datetime:
    """Read an ISO 8601 time of a row. Raises LibraryDamaged."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _damaged(what, text) from error


def seconds_of(value: float, what: str) -> float:
    """Take a time in a video from a row. Raises LibraryDamaged where no video has such a time."""
    if not abs(value) < MAX_SECONDS:
        raise _damaged(what, f"{value:g}")
    return value


def dim_of(value: int) -> int:
    """Take the size of a space's vectors from a row. Raises LibraryDamaged where none has it."""
    if not 0 < value <= MAX_DIM:
        raise _damaged("the size of a model's vectors", str(value))
    return value


def plan_of(params: Mapping[str, Any]) -> SamplingPlan:
    """Read the sampling plan that a frames track was made by. Raises LibraryDamaged."""
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
