"""Checks a catalog on a server: its full-text index. The server itself enforces references between rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vidsearch.store.postgres.connection import indexed
from vidsearch.store.postgres.schema import WORD_COUNTS
from vidsearch.store.records import Problem

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.store.postgres.catalog import PostgresCatalog

_BATCH_ROWS = 2000


def check(catalog: PostgresCatalog, *, repair: bool) -> Iterator[Problem]:
    """See `Catalog.check`."""
    with catalog.read() as connection:
        unsound = _without_their_words(connection)
    if unsound:
        if repair:
            with catalog.write() as connection:
                connection.executemany(
                    "DELETE FROM segments_fts WHERE rowid = ?", [(segment_id,) for segment_id, _ in unsound]
                )
                connection.index_words(unsound)
        what = f"The full-text index does not fit the text of {len(unsound)} segments."
        yield Problem("full-text", what, "rebuilt it" if repair else None)
    with catalog.read() as connection:
        num_wrong = connection.execute(f"SELECT count(*) FROM ({_WRONG_COUNTS}) AS wrong").fetchone()[0]
    if num_wrong:
        if repair:
            with catalog.write() as connection:
                connection.execute("DELETE FROM segments_words")
                connection.execute(f"INSERT INTO segments_words (first_id, word, num_segments) {WORD_COUNTS}")
        what = f"How many segments have a word is wrong for {num_wrong} words."
        yield Problem("full-text", what, "counted them again" if repair else None)


_WRONG_COUNTS = f"""
    SELECT word, first_id FROM segments_words k FULL JOIN ({WORD_COUNTS}) c USING (word, first_id)
    WHERE coalesce(k.num_segments, 0) <> coalesce(c.num_segments, 0)
"""


def _without_their_words(connection: Connection) -> list[tuple[int, str]]:
    """Segments, (id, text), whose entry in the full-text index does not match their text or state."""
    query = """
        SELECT s.text, f.words = ?::tsvector, f.letters IS NOT DISTINCT FROM ?::tsvector,
            f.is_shown = (t.state = 'active')
        FROM segments s JOIN tracks t ON t.id = s.track_id LEFT JOIN segments_fts f ON f.rowid = s.id
        WHERE s.id = ?
    """
    found = []
    after = -1
    while rows := connection.execute(
        "SELECT id, text FROM segments WHERE id > ? AND text IS NOT NULL ORDER BY id LIMIT ?",
        (after, _BATCH_ROWS),
    ).fetchall():
        after = rows[-1][0]
        for each in indexed(rows):
            values = (each.words, each.letters, each.segment_id)
            text, *are_right = connection.execute(query, values).fetchone()
            if not all(are_right):
                found.append((each.segment_id, text))
    return found
