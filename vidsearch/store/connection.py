"""The interface of a database connection: SQL with `?` for values.

It is that of SQLite's own connections; other databases translate. SQL for it uses only what the databases
have in common: `ON CONFLICT (...) DO`, `RETURNING`, TRUE and FALSE, `max(a, b)` and `min(a, b)` of two
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """The resulting rows of a statement."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection to a catalog's database, inside a transaction that the catalog begins and ends."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor: ...

    def index_words(self, rows: Iterable[tuple[int, str]]) -> None:
        """Add the texts of new segments, (id, text), to the full-text index."""
        ...

    def num_fitting(self, expressions: Sequence[str], ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Return how many active segments with ids in the ranges [first, end) match each expression."""
        ...

    def lines_like(self, word: str, trigrams: Sequence[str], *, num_lines: int) -> list[str]:
        """Return lines of text on the screen that share trigrams with a word but do not contain it.

        Lines with the most trigrams come first. Trigrams consist of lower-case letters and digits, with a
        space at the start and end of the word.
        """
        ...


LISTED = "(SELECT value FROM json_each(?))"
"""A set of numbers, passed as one value: a JSON list."""

IDS_AS_TEXT = "json_group_array(id)"
"""The column `id` of all rows, as a JSON list."""

CLOCK = "((julianday('now') - 2440587.5) * 86400.0)"
"""Unix seconds by the database's clock."""


def by_name(cursor: Cursor) -> list[dict[str, Any]]:
    """All rows of a cursor, each by the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
