"""The tables of a catalog, read from SQLite's schema. Other databases create theirs from this."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter

from vidsearch.store.sqlite import schema

_INTERNAL = ("sqlite_", "_sqlite")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    kind: str
    """SQLite's name of its type."""
    is_required: bool
    default: str | None

    @property
    def is_truth(self) -> bool:
        """Whether it is a boolean column."""
        return self.kind == "INTEGER" and self.name.startswith("is_")


@dataclass(frozen=True, slots=True)
class Table:
    """A table's definition. There are none for full-text tables."""

    name: str
    all_columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns of its primary key."""
    references: tuple[tuple[str, str, str, str], ...]
    """Foreign keys: column, the table and column that it references, and the action on deletion."""
    uniques: tuple[tuple[str, ...], ...]
    checks: tuple[str, ...]
    """CHECK constraints, without those that restrict boolean columns to 0 and 1."""
    indexes: tuple[str, ...]
    """The CREATE INDEX statements."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.all_columns)

    @property
    def truths(self) -> frozenset[str]:
        return frozenset(column.name for column in self.all_columns if column.is_truth)

    @property
    def is_numbered(self) -> bool:
        """Whether its key consists of numbers only, which all databases order alike."""
        kinds = {column.name: column.kind for column in self.all_columns}
        return all(kinds[name] in ("INTEGER", "REAL") for name in self.key)

    @property
    def counts_up(self) -> bool:
        """Whether the database assigns the ids of new rows."""
        kinds = {column.name: column.kind for column in self.all_columns}
        return len(self.key) == 1 and kinds[self.key[0]] == "INTEGER"


@cache
def tables() -> tuple[Table, ...]:
    """All tables of the current format, each after those that it references."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        listed = connection.execute("PRAGMA main.table_list").fetchall()
        names = sorted(row[1] for row in listed if row[2] == "table" and not row[1].startswith(_INTERNAL))
        found = {name: _table(connection, name) for name in names}
    referred = {name: {each[1] for each in found[name].references} - {name} for name in names}
    return tuple(found[name] for name in TopologicalSorter(referred).static_order())


def _table(connection: sqlite3.Connection, name: str) -> Table:
    rows = connection.execute(f"PRAGMA table_info({name})").fetchall()
    uniques, indexes = [], []
    for _, index, _, origin, *_ in connection.execute(f"PRAGMA index_list({name})").fetchall():
        if origin == "u":
            uniques.append(tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index})")))
        elif origin == "c":
            (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
            indexes.append(str(sql))
    columns = tuple(Column(row[1], row[2], bool(row[3]), row[4]) for row in rows)
    (made_by,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    of_truths = {f"{column.name} IN (0, 1)" for column in columns if column.is_truth}
    return Table(
        name=name,
        all_columns=columns,
        key=tuple(row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5])),
        references=tuple(
            (row[3], row[2], row[4], row[6]) for row in connection.execute(f"PRAGMA foreign_key_list({name})")
        ),
        uniques=tuple(uniques),
        checks=tuple(check for check in _checks(made_by) if check not in of_truths),
        indexes=tuple(indexes),
    )


def _checks(sql: str) -> list[str]:
    """The CHECK constraints of a CREATE TABLE statement, which no PRAGMA lists."""
    found = []
    for match in re.finditer(r"\bCHECK\s*\(", sql):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        found.append(sql[match.end() : end - 1])
    return found
