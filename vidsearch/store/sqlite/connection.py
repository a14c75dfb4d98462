"""A connection to a SQLite catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


class SqliteConnection(sqlite3.Connection):
    """SQLite's own, with what the protocol asks for besides; see `vidsearch.store.connection`."""

    def index_words(self, rows: Iterable[tuple[int, str]]) -> None:
        """Triggers do it."""
