"""Copies a library row by row, between folders and servers.

Rows keep their ids. Each page of rows is one transaction, and a copy that was stopped continues after the
last page. At the end both libraries are read again and compared; until then the copy is marked as incomplete.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from vidsearch.errors import LibraryError
from vidsearch.store import setting_rows
from vidsearch.store.tables import Table, tables
from vidsearch.store.video_rows import path_value, value_path

if TYPE_CHECKING:
    from vidsearch.store.catalog import Catalog
    from vidsearch.store.connection import Connection

_PAGE_ROWS = 1000
_OWN_SETTINGS = (setting_rows.LIBRARY_ID, setting_rows.COPY_OF, setting_rows.FORMAT_VERSION)
"""Settings that are not copied."""
_NOT_COPIED = ("leases",)
_PATHS = ("path", "last_path")


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """The progress of a copy."""

    num_rows: int
    """Rows that have been copied, or, if `is_comparing`, compared."""
    num_rows_total: int
    is_comparing: bool = False


class _Steps:
    """Counts rows and reports progress."""

    def __init__(self, num_rows_total: int, on_progress: Callable[[CopyProgress], None] | None) -> None:
        self.is_comparing = False
        self._num_rows, self._num_rows_total = 0, num_rows_total
        self._on_progress = on_progress

    def advance(self, num_rows: int) -> None:
        self._num_rows += num_rows
        if self._on_progress is not None:
            self._on_progress(CopyProgress(self._num_rows, self._num_rows_total, self.is_comparing))


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The result of a copy."""

    num_rows: int
    num_rows_copied: int
    """Of these, the rows that this run copied."""
    num_videos: int
    digest: str
    """A digest of all rows, which is the same for both libraries."""


def copy(
    source: Catalog, target: Catalog, *, on_progress: Callable[[CopyProgress], None] | None = None
) -> CopyReport:
    """See `Store.copy_to`."""
    copied = [table for table in tables() if table.name not in _NOT_COPIED]
    with source.read() as original:
        counts = {table.name: _count(original, table) for table in copied}
        _begin(original, target, counts, copied)
        steps = _Steps(2 * sum(counts.values()), on_progress)
        num_copied = 0
        for table in copied:
            with target.read() as connection:
                after = _last_key(connection, table)
                num_there = _count(connection, table) if after else 0
            steps.advance(num_there)
            for page in _pages(original, table, after=after):
                with target.write() as connection:
                    num_copied += _put(connection, table, page)
                steps.advance(len(page))
        with target.write() as connection:
            target.set_counters(connection, source.counters(original))
        steps.is_comparing = True
        digest = hashlib.blake2b(digest_size=16)
        with target.read() as connection:
            for table in copied:
                for page, copied_page in zip_longest(_pages(original, table), _pages(connection, table)):
                    if page != copied_page:
                        raise LibraryError(
                            f"The copy at {target.address} differs from {source.address} in {table.name}: "
                            "it was written to meanwhile. Copy to a place where there is no library yet."
                        )
                    digest.update(b"".join(_bytes_of(value) for row in page for value in row))
                    steps.advance(len(page))
    with target.write() as connection:
        setting_rows.delete(connection, setting_rows.COPY_OF)
    return CopyReport(
        num_rows=sum(counts.values()),
        num_rows_copied=num_copied,
        num_videos=counts["videos"],
        digest=digest.hexdigest(),
    )


def _begin(original: Connection, target: Catalog, counts: dict[str, int], copied: Sequence[Table]) -> None:
    """Mark the target as an incomplete copy. Raises LibraryError if it holds something else."""
    state = {
        "library": setting_rows.get(original, setting_rows.LIBRARY_ID),
        "rows": counts,
        "revisions": [list(row) for row in original.execute("SELECT id, revision FROM spaces ORDER BY id")],
        "last_write": original.execute("SELECT max(indexed_at) FROM videos").fetchone()[0],
    }
    with target.write() as connection:
        text = setting_rows.get(connection, setting_rows.COPY_OF)
        known = None if text is None else json.loads(text)
        if known == state:
            return
        if known is None and _has_rows(connection):
            raise LibraryError(
                f"There is a library at {target.address} already. Copy to a place where there is none."
            )
        if known is not None and known["library"] != state["library"]:
            raise LibraryError(f"The library at {target.address} is an unfinished copy of another one.")
        for table in reversed(copied):  # the original has changed since the copy began
            connection.execute(f"DELETE FROM {table.name}{_own_rows(table, 'NOT IN')}", _own_values(table))
        setting_rows.put(connection, setting_rows.COPY_OF, json.dumps(state))


def _has_rows(connection: Connection) -> bool:
    return any(
        connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0]
        for name in ("videos", "spaces", "failures")
    )


def _own_rows(table: Table, comparison: str) -> str:
    if table.name != "settings":
        return ""
    return f" WHERE key {comparison} ({', '.join('?' * len(_OWN_SETTINGS))})"


def _own_values(table: Table) -> Sequence[str]:
    return _OWN_SETTINGS if table.name == "settings" else ()


def _count(connection: Connection, table: Table) -> int:
    query = f"SELECT count(*) FROM {table.name}{_own_rows(table, 'NOT IN')}"
    return int(connection.execute(query, _own_values(table)).fetchone()[0])


def _last_key(connection: Connection, table: Table) -> tuple[Any, ...] | None:
    """The key of the last copied row; None if databases may order the keys differently."""
    if not table.is_numbered:
        return None
    order = ", ".join(f"{name} DESC" for name in table.key)
    query = f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {order} LIMIT 1"
    row = connection.execute(query).fetchone()
    return None if row is None else tuple(row)


def _pages(
    connection: Connection, table: Table, *, after: tuple[Any, ...] | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table after a key, by key, in pages."""
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    places = [table.columns.index(name) for name in table.key]
    if not table.is_numbered:
        query = f"SELECT {columns} FROM {table.name}{_own_rows(table, 'NOT IN')}"
        rows = connection.execute(query, _own_values(table)).fetchall()
        plain = [_plain(table, row) for row in rows]
        # Databases order text differently.
        yield sorted(plain, key=lambda row: b"".join(_bytes_of(row[place]) for place in places))
        return
    while True:
        condition = f"WHERE ({key}) > ({', '.join('?' * len(places))})" if after is not None else ""
        rows = connection.execute(
            f"SELECT {columns} FROM {table.name} {condition} ORDER BY {key} LIMIT ?",
            (*(after or ()), _PAGE_ROWS),
        ).fetchall()
        if not rows:
            return
        after = tuple(rows[-1][place] for place in places)
        yield [_plain(table, row) for row in rows]


def _plain(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    """A row with values that do not depend on the database that they come from."""
    return tuple(
        _plain_value(name, value, is_truth=name in table.truths)
        for name, value in zip(table.columns, row, strict=True)
    )


def _plain_value(name: str, value: Any, *, is_truth: bool) -> Any:
    if value is None:
        return None
    if is_truth:
        return bool(value)
    if name in _PATHS:
        return path_value(value_path(value))
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL rejects NUL
    return value


def _put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> int:
    marks = ", ".join("?" * len(table.columns))
    added = connection.executemany(
        f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", rows
    ).rowcount
    if table.name == "segments":
        at, text = table.columns.index("id"), table.columns.index("text")
        connection.index_words([(row[at], row[text]) for row in rows if row[text] is not None])
    return added


def _bytes_of(value: Any) -> bytes:
    """A value as bytes, different for different values."""
    match value:
        case None:
            kind, data = b"0", b""
        case bool():
            kind, data = b"b", bytes([value])
        case int():
            kind, data = b"i", str(value).encode()
        case float():
            kind, data = b"f", struct.pack("<d", value)
        case str():
            kind, data = b"s", value.encode()
        case _:
            kind, data = b"x", bytes(value)
    return kind + len(data).to_bytes(8, "little") + data
