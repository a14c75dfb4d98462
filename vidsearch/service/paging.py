"""Pages of long lists, with cursors that identify the list and where the next page starts."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from vidsearch.errors import QueryError

Item = TypeVar("Item")


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    after: int
    """Where the page starts: an index in the list, or the key of the last item before it."""
    scope: str
    """A digest that identifies the list."""


def write_cursor(after: int, *scope: object) -> str:
    """Return an opaque cursor.

    Args:
        after: Where the next page starts.
        *scope: Identifies the list: its name, its filters.
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(after, _digest(scope)))).decode().rstrip("=")


def read_cursor(cursor: str | None, *scope: object) -> int:
    """Return where a page starts; 0 without a cursor.

    Raises:
        QueryError: The cursor is invalid, or of another list.
    """
    if cursor is None:
        return 0
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(data, type=_Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        found = None
    if found is None or found.scope != _digest(scope) or found.after < 0:
        raise QueryError(
            f"{cursor[:40]!r} is not a cursor of this list. Use the next_cursor of the previous page with "
            "otherwise the same request; or leave the cursor out to start from the beginning."
        )
    return found.after


def page(
    items: Sequence[Item], cursor: str | None, limit: int, *scope: object
) -> tuple[Sequence[Item], str | None]:
    """Return one page of a list, and the cursor of the next page; None at the end.

    Raises:
        QueryError: The cursor is invalid, or of another list.
    """
    first = read_cursor(cursor, *scope)
    end = first + limit
    return items[first:end], write_cursor(end, *scope) if end < len(items) else None


def _digest(scope: tuple[object, ...]) -> str:
    return hashlib.blake2b(repr(scope).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
