"""Words and letters as SQLite's FTS5 sees them, for texts that are in no FTS5 table: a scratch one tells.

So whatever keeps the words of a library has the same tokens, stems, phrases and prefixes.
"""

from __future__ import annotations

import atexit
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from functools import cache

from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""Of every full-text index of words; `schema_3.py` says it too, for the libraries that are made by it."""
LETTERS = "trigram"
"""Of the index of three letters at a time; `schema_4.py` says it too."""

_INSERT = "INSERT INTO scratch (rowid, text) VALUES (?, ?)"
_lock = threading.Lock()


def tokens(texts: Iterable[str], tokenizer: str = TOKENIZER) -> list[list[str]]:
    """The stemmed words of each text in order, or what another tokenizer cuts it into."""
    rows = list(enumerate(texts))
    found: list[dict[int, str]] = [{} for _ in rows]
    with _lock:
        connection = _scratch(tokenizer)
        connection.executemany(_INSERT, rows)
        for number, term, offset in connection.execute("SELECT doc, term, offset FROM terms"):
            found[number][offset] = term
        connection.execute("DELETE FROM scratch")
    return [[of_text[offset] for offset in sorted(of_text)] for of_text in found]


def highlighted(expression: str, texts: Mapping[int, str]) -> dict[int, str]:
    """Those of the texts that an FTS5 expression fits, with what fits marked."""
    query = "SELECT rowid, highlight(scratch, 0, ?, ?) FROM scratch WHERE scratch MATCH ?"
    with _lock:
        connection = _scratch(TOKENIZER)
        connection.executemany(_INSERT, texts.items())
        found = dict(connection.execute(query, (HIGHLIGHT_START, HIGHLIGHT_END, expression)).fetchall())
        connection.execute("DELETE FROM scratch")
    return found


@cache
def _scratch(tokenizer: str) -> sqlite3.Connection:
    """A table that is empty but while the lock is held."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    atexit.register(connection.close)
    connection.execute(f"CREATE VIRTUAL TABLE scratch USING fts5 (text, tokenize = '{tokenizer}')")
    connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (scratch, instance)")
    return connection
