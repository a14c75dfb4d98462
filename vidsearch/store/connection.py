"""What the modules of rows need of a database: SQL with `?` for values, one row after the other.

SQLite's own connections are such; others translate. SQL that is written for it keeps to what databases agree
on: `ON CONFLICT (...) DO`, `RETURNING`, TRUE and FALSE, `max(a, b)` and `min(a, b)` of two numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """The rows that a statement answers with."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection to a catalog's database, with a transaction that somebody else begins and ends."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor: ...

    def index_words(self, rows: Iterable[tuple[int, str]]) -> None:
        """Make the texts of segments that were just added findable by their words: (id, text)."""
        ...

    def num_fitting(self, expressions: Sequence[str], ranges: Sequence[tuple[int, int]]) -> list[int]:
        """How many shown segments, of kinds with these ids [first, end), each FTS5 expression fits."""
        ...

    def lines_like(self, word: str, trigrams: Sequence[str], *, num_lines: int) -> list[str]:
        """Lines on the screen that have some of a word's runs of three letters, but not the word itself.

        Those with most of them come first. A trigram is of letters and digits, in small letters, with a space
        where the word begins or ends.
        """
        ...


LISTED = "(SELECT value FROM json_each(?))"
"""The numbers of a JSON list that is one value."""

IDS_AS_TEXT = "json_group_array(id)"
"""The column `id` of all rows, as a JSON list."""

CLOCK = "((julianday('now') - 2440587.5) * 86400.0)"
"""Unix seconds by the database's clock."""


def by_name(cursor: Cursor) -> list[dict[str, Any]]:
    """All rows of a cursor, each by the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
