"""Tokenizes texts with SQLite's FTS5, for texts that are in no FTS5 table, by way of a scratch table.

So full-text search has the same tokens, stems, phrases and prefixes, whichever database holds a library.
"""

from __future__ import annotations

import atexit
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from functools import cache

from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""The tokenizer of all full-text indexes of words. `schema_3.py` repeats it, as migrations never change."""
LETTERS = "trigram"
"""The tokenizer of the trigram index. `schema_4.py` repeats it."""

_INSERT = "INSERT INTO scratch (rowid, text) VALUES (?, ?)"
_lock = threading.Lock()


def tokens(texts: Iterable[str], tokenizer: str = TOKENIZER) -> list[list[str]]:
    """Return the tokens of each text, in order: stemmed words, unless another tokenizer is given."""
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
    """Return the texts that match an FTS5 expression, with the matches highlighted."""
    query = "SELECT rowid, highlight(scratch, 0, ?, ?) FROM scratch WHERE scratch MATCH ?"
    with _lock:
        connection = _scratch(TOKENIZER)
        connection.executemany(_INSERT, texts.items())
        found = dict(connection.execute(query, (HIGHLIGHT_START, HIGHLIGHT_END, expression)).fetchall())
        connection.execute("DELETE FROM scratch")
    return found


@cache
def _scratch(tokenizer: str) -> sqlite3.Connection:
    """Return the scratch table, which is empty unless the lock is held."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    atexit.register(connection.close)
    connection.execute(f"CREATE VIRTUAL TABLE scratch USING fts5 (text, tokenize = '{tokenizer}')")
    connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (scratch, instance)")
    return connection
