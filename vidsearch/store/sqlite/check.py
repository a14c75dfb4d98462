"""Checks a SQLite catalog: its pages, its indexes, and references between rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from vidsearch.errors import LibraryError
from vidsearch.store import track_rows, vector_rows
from vidsearch.store.records import Problem

if TYPE_CHECKING:
    from vidsearch.store.sqlite.catalog import SqliteCatalog

_FULL_TEXT_TABLES = ("segments_fts", "segments_trigrams")


def check(catalog: SqliteCatalog, *, repair: bool) -> Iterator[Problem]:
    """See `Catalog.check`."""
    is_sound = True
    for problem in _file(catalog, repair=repair):
        is_sound = is_sound and problem.repaired is not None
        yield problem
    if is_sound:  # further checks on a corrupt file mean nothing
        yield from _orphans(catalog, repair=repair)


def _file(catalog: SqliteCatalog, *, repair: bool) -> Iterator[Problem]:
    """The SQLite file: its pages, its indexes, and its full-text indexes."""
    if (what := _first_complaint(catalog.connection)) is not None:
        repaired = None
        if repair:
            with suppress(LibraryError), catalog.write() as connection:
                connection.execute("REINDEX")
            if _first_complaint(catalog.connection) is None:
                repaired = "rebuilt its indexes"
        yield Problem("catalog", f"{catalog.path}: {what}", repaired)
        if repaired is None:
            return
    if catalog.read_only:
        return
    for table in _FULL_TEXT_TABLES:
        try:
            with catalog.write() as connection:
                connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        except LibraryError as error:
            if repair:
                with catalog.write() as connection:
                    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
            what = f"The full-text index {table} does not fit the text it is of ({error.__cause__})."
            yield Problem("full-text", what, "rebuilt it" if repair else None)


def _first_complaint(connection: sqlite3.Connection) -> str | None:
    try:
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" else str(answer)


def _orphans(catalog: SqliteCatalog, *, repair: bool) -> Iterator[Problem]:
    """Rows that reference missing rows: vectors and thumbnails without a frame, frames without a video."""
    with catalog.read() as connection:
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    counts: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in orphans:
        counts[table, parent] = counts.get((table, parent), 0) + 1
    if not orphans:
        return
    if repair:
        with catalog.write() as connection:
            # Removing a row may orphan others. Tables without row ids report no row.
            while rows := connection.execute("PRAGMA foreign_key_check").fetchall():
                for table, row_id, parent, _ in rows:
                    if row_id is not None:
                        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row_id,))
                    else:
                        key = {"tracks": "track_id", "spaces": "space_id"}[parent]
                        connection.execute(
                            f"DELETE FROM {table} WHERE {key} NOT IN (SELECT id FROM {parent})"
                        )
            for (track_id,) in connection.execute("SELECT id FROM tracks").fetchall():
                track_rows.recount(connection, track_id)
            spaces = vector_rows.spaces(connection)
            vector_rows.note_change(connection, [row.id for row in spaces], rewrites=True)
    for (table, parent), count in sorted(counts.items()):
        what = f"{count} rows of {table} belong to {parent} that are not there."
        yield Problem(f"{table}-without-{parent}", what, "removed them" if repair else None)
