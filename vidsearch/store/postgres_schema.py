"""The catalog's tables on a PostgreSQL server: made from SQLite's own, so that each is defined once.

A table that a migration adds to SQLite's schema is here by itself. What only one of the two has, the
full-text index, is written out below.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from graphlib import TopologicalSorter

from vidsearch.store import schema

FORMAT_VERSION_KEY = "format_version"
"""The setting that says the format, as SQLite's `user_version` does."""

_TYPES = {"INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION", "BLOB": "BYTEA", "TEXT": "TEXT", "ANY": "TEXT"}
_INTERNAL = ("sqlite_", "_sqlite")
_PAGE_BYTES = 8160

_BEFORE = """
CREATE SEQUENCE writes;
CREATE FUNCTION max(DOUBLE PRECISION, DOUBLE PRECISION) RETURNS DOUBLE PRECISION
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT greatest($1, $2)';
CREATE FUNCTION min(DOUBLE PRECISION, DOUBLE PRECISION) RETURNS DOUBLE PRECISION
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT least($1, $2)';
"""

_AFTER = f"""
-- Vectors and pictures do not get smaller, and belong beside their keys.
ALTER TABLE vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
ALTER TABLE vectors SET (toast_tuple_target = {_PAGE_BYTES});
ALTER TABLE thumbnails ALTER COLUMN jpeg SET STORAGE EXTERNAL;

CREATE TABLE segments_fts (
    rowid BIGINT PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    words TSVECTOR NOT NULL,
    is_shown BOOLEAN NOT NULL
);
CREATE INDEX segments_fts_words ON segments_fts USING gin (words) WHERE is_shown;
CREATE FUNCTION show_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE segments_fts SET is_shown = (NEW.state = 'active')
    FROM segments s WHERE s.track_id = NEW.id AND s.id = segments_fts.rowid;
    RETURN NULL;
END $$;
CREATE TRIGGER tracks_words AFTER UPDATE OF state ON tracks FOR EACH ROW
    WHEN ((OLD.state = 'active') <> (NEW.state = 'active')) EXECUTE FUNCTION show_words();
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that both databases have."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of its primary key."""
    definition: str
    has_numbers: bool
    """Whether its key is a number that the database counts up."""


def tables() -> list[Table]:
    """All tables that both have, each after those that it refers to."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        listed = connection.execute("PRAGMA main.table_list").fetchall()
        names = sorted(row[1] for row in listed if row[2] == "table" and not row[1].startswith(_INTERNAL))
        referred = {
            name: {row[2] for row in connection.execute(f"PRAGMA foreign_key_list({name})")} - {name}
            for name in names
        }
        return [_table(connection, name) for name in TopologicalSorter(referred).static_order()]


def create(schema_name: str) -> str:
    """SQL that makes a catalog of today's format in a schema that is there and empty."""
    made = "\n".join(table.definition for table in tables())
    version = f"INSERT INTO settings (key, value) VALUES ('{FORMAT_VERSION_KEY}', '{schema.FORMAT_VERSION}');"
    return f"SET LOCAL search_path TO {schema_name};\n{_BEFORE}\n{made}\n{_AFTER}\n{version}"


def _table(connection: sqlite3.Connection, name: str) -> Table:
    columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
    key = tuple(row[1] for row in sorted((row for row in columns if row[5]), key=lambda row: row[5]))
    is_numbered = len(key) == 1 and any(row[1] == key[0] and row[2] == "INTEGER" for row in columns)
    lines = [_column(row, is_numbered=is_numbered and row[1] in key) for row in columns]
    lines.append(f"PRIMARY KEY ({', '.join(key)})")
    lines += [
        f"FOREIGN KEY ({row[3]}) REFERENCES {row[2]} ({row[4]}) ON DELETE {row[6]}"
        for row in connection.execute(f"PRAGMA foreign_key_list({name})")
    ]
    indexes = []
    for _, index, _, origin, *_ in connection.execute(f"PRAGMA index_list({name})").fetchall():
        if origin == "u":
            of_index = [row[2] for row in connection.execute(f"PRAGMA index_info({index})")]
            lines.append(f"UNIQUE ({', '.join(of_index)})")
        elif origin == "c":
            (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
            indexes.append(f"{sql};")
    definition = f"CREATE TABLE {name} (\n    " + ",\n    ".join(lines) + "\n);"
    names = tuple(row[1] for row in columns)
    return Table(name, names, key, "\n".join([definition, *indexes]), is_numbered)


def _column(row: tuple[int, str, str, int, str | None, int], *, is_numbered: bool) -> str:
    _, name, kind, is_required, default, _ = row
    if kind == "INTEGER" and name.startswith("is_"):
        of_postgres = "BOOLEAN"
        default = {"0": "FALSE", "1": "TRUE"}.get(default or "", default)
    else:
        of_postgres = _TYPES[kind]
    if of_postgres == "TEXT":
        of_postgres = 'TEXT COLLATE "C"'
    if is_numbered:
        return f"{name} BIGINT GENERATED BY DEFAULT AS IDENTITY"
    required = " NOT NULL" if is_required else ""
    return f"{name} {of_postgres}{required}" + (f" DEFAULT {default}" if default is not None else "")
