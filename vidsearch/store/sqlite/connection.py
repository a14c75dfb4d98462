"""A connection to a SQLite catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence


class SqliteConnection(sqlite3.Connection):
    """SQLite's own connection, with the protocol's other methods; see `vidsearch.store.connection`."""

    def index_words(self, rows: Iterable[tuple[int, str]]) -> None:
        """Do nothing: triggers update the index."""

    def num_fitting(self, expressions: Sequence[str], ranges: Sequence[tuple[int, int]]) -> list[int]:
        """See `Connection.num_fitting`."""
        query = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH ? AND rowid >= ? AND rowid < ?"
        return [
            sum(self.execute(query, (expression, *ids)).fetchone()[0] for ids in ranges)
            for expression in expressions
        ]

    def lines_like(self, word: str, trigrams: Sequence[str], *, num_lines: int) -> list[str]:
        """See `Connection.lines_like`. Lines are ordered by FTS5's rank."""
        query = """
            SELECT s.text FROM segments_trigrams t JOIN segments s ON s.id = t.rowid
            WHERE segments_trigrams MATCH ?
                AND t.rowid NOT IN (SELECT rowid FROM segments_fts WHERE segments_fts MATCH ?)
            ORDER BY t.rank LIMIT ?
        """
        expression = " OR ".join(f'"{trigram}"' for trigram in trigrams)
        return [text for (text,) in self.execute(query, (expression, f'"{word}"', num_lines))]
