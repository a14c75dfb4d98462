"""Ids of frames and videos as they come in an address."""

from __future__ import annotations

_MAX_ID = 2**63 - 1
"""SQLite's integers are signed, of 64 bits."""


def parse_id(text: str) -> int | None:
    """The id that a text names; None where no row can have it."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_ID))):
        return None
    value = int(text)
    return value if 1 <= value <= _MAX_ID else None
