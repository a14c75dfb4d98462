"""Ids of frames and videos as they come in an address."""

from __future__ import annotations

from vidsearch.types import LARGEST_ID


def parse_id(text: str) -> int | None:
    """The id that a text names; None where no row can have it."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID))):
        return None
    value = int(text)
    return value if 1 <= value <= LARGEST_ID else None
