"""A connection to a catalog on a PostgreSQL server, which accepts the SQL that is written for SQLite.

Differences are translated here, once for each statement: placeholders, lists of numbers, the clock, and
full-text expressions. Two-argument `max` and `min` are functions of the catalog's schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vidsearch.store import segment_ids
from vidsearch.store.connection import CLOCK, IDS_AS_TEXT, LISTED
from vidsearch.store.fts import LETTERS, tokens
from vidsearch.store.values import PathBytes

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import QueryNoTemplate

_WORDS = "segments_fts MATCH ?"
_IN_POSTGRES = (
    (f" IN {LISTED}", " = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(?::json)))"),
    (CLOCK, "extract(epoch FROM clock_timestamp())::float8"),
    (IDS_AS_TEXT, "'[' || coalesce(string_agg(id::text, ','), '') || ']'"),
)
_NO_WORD = "\x01"
"""A word that no text contains."""
_MAX_POSITION, _MAX_WORD_BYTES = 16383, 2000
"""The limits of a tsvector."""


class PostgresConnection:
    """A connection inside a transaction that its catalog began; see `vidsearch.store.connection`."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> PostgresCursor:
        statement = _translated(sql)
        return PostgresCursor(self._raw.execute(statement.text, statement.values(parameters) or None))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> PostgresCursor:
        statement = _translated(sql)
        cursor = self._raw.cursor()
        cursor.executemany(statement.text, [statement.values(row) for row in parameters])
        return PostgresCursor(cursor)

    def index_words(self, rows: Iterable[tuple[int, str]]) -> None:
        """Add texts to the full-text index, which is searched while their track is active."""
        made = indexed(rows)
        self.execute(
            """
            INSERT INTO segments_fts (rowid, words, letters, is_shown)
            SELECT i.id, i.words::tsvector, i.letters::tsvector, t.state = 'active'
            FROM unnest(?::bigint[], ?::text[], ?::text[]) AS i (id, words, letters)
                JOIN segments s ON s.id = i.id JOIN tracks t ON t.id = s.track_id
            """,
            (
                [each.segment_id for each in made],
                [each.words for each in made],
                [each.letters for each in made],
            ),
        )

    def num_fitting(self, expressions: Sequence[str], ranges: Sequence[tuple[int, int]]) -> list[int]:
        """See `Connection.num_fitting`. Counts for single words are maintained by triggers."""
        words = {expression: word for expression in expressions if (word := _only_word(expression))}
        query = """
            SELECT word, sum(num_segments) FROM segments_words
            WHERE word = ANY (?::text[]) AND first_id = ANY (?::bigint[]) GROUP BY word
        """
        firsts = [first for first, _ in ranges]
        known = dict(self.execute(query, (list(words.values()), firsts)).fetchall()) if words else {}
        query = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH ? AND rowid >= ? AND rowid < ?"
        return [
            known.get(words[expression], 0)
            if expression in words
            else sum(self.execute(query, (expression, *ids)).fetchone()[0] for ids in ranges)
            for expression in expressions
        ]

    def lines_like(self, word: str, trigrams: Sequence[str], *, num_lines: int) -> list[str]:
        """See `Connection.lines_like`. Lines with equally many trigrams are ordered by id."""
        query = """
            SELECT s.text FROM segments_fts f JOIN segments s ON s.id = f.rowid
            WHERE f.letters @@ ?::tsquery AND NOT f.words @@ ?::tsquery AND f.is_shown
            ORDER BY length(ts_delete(f.letters, ?::text[])) - length(f.letters), f.rowid LIMIT ?
        """
        shared = [letters for of_text in tokens(trigrams, LETTERS) for letters in of_text]
        any_of = " | ".join(map(_quoted, shared))
        itself = tsquery(f'"{word}"')
        return [text for (text,) in self.execute(query, (any_of, itself, shared, num_lines))]


class PostgresCursor:
    """The resulting rows of a statement."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def description(self) -> Any:
        return self._cursor.description

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


@dataclass(frozen=True, slots=True)
class Indexed:
    """A segment's entry in the full-text index."""

    segment_id: int
    words: str
    letters: str | None
    """The trigrams of a line on the screen; None for other segments. Spaces around the line make trigrams at
    its ends like those between words."""


def indexed(rows: Iterable[tuple[int, str]]) -> list[Indexed]:
    """The index entries of segments, (id, text)."""
    known = list(rows)
    words = tokens(text for _, text in known)
    lines = {segment_id: f" {text} " for segment_id, text in known if _is_on_screen(segment_id)}
    letters = dict(zip(lines, tokens(lines.values(), LETTERS), strict=True))
    return [
        Indexed(
            segment_id,
            tsvector(of_text),
            " ".join(map(_quoted, dict.fromkeys(letters[segment_id]))) if segment_id in letters else None,
        )
        for (segment_id, _), of_text in zip(known, words, strict=True)
    ]


def _is_on_screen(segment_id: int) -> bool:
    kind, _ = segment_ids.kind_of(segment_id)
    return kind == "ocr"


def tsvector(words: Sequence[str]) -> str:
    """A text's words, in order, as a tsvector."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, start=1):
        places.setdefault(word, []).append(str(min(place, _MAX_POSITION)))
    return " ".join(f"{_quoted(word)}:{','.join(at)}" for word, at in places.items())


def tsquery(expression: str) -> str:
    """An FTS5 expression of quoted terms, AND, OR and parentheses as a tsquery."""
    parts = re.findall(r'"([^"]*)"(\*?)|(AND|OR)|([()])', expression)
    of_terms = iter(tokens(term for term, _, operator, bracket in parts if not operator and not bracket))
    written = []
    for _, star, operator, bracket in parts:
        if operator or bracket:
            written.append({"AND": "&", "OR": "|"}.get(operator, bracket))
            continue
        words = [_quoted(word) for word in next(of_terms)] or [_quoted(_NO_WORD)]
        if star:
            words[-1] += ":*"
        written.append(f"({' <-> '.join(words)})")
    return " ".join(written)


def _only_word(expression: str) -> str | None:
    """The word that an expression consists of, as stored; None if it is anything else."""
    term = re.fullmatch(r'"([^"]*)"', expression)
    words = tokens([term[1]])[0] if term else []
    return _cut(words[0]) if len(words) == 1 else None


def _cut(word: str) -> str:
    return word.encode()[:_MAX_WORD_BYTES].decode(errors="ignore")


def _quoted(word: str) -> str:
    escaped = _cut(word).replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement, translated for PostgreSQL."""

    text: QueryNoTemplate
    words_at: frozenset[int]
    """Positions of the parameters that are full-text expressions."""

    def values(self, parameters: Sequence[Any]) -> list[Any]:
        return [
            tsquery(value) if place in self.words_at else _value(value)
            for place, value in enumerate(parameters)
        ]


def _value(value: Any) -> Any:
    if isinstance(value, PathBytes):
        return value.as_text()
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value


@lru_cache(maxsize=1024)
def _translated(sql: str) -> _Statement:
    words_at = frozenset(sql.count("?", 0, found.end()) - 1 for found in re.finditer(re.escape(_WORDS), sql))
    for of_sqlite, of_postgres in _IN_POSTGRES:
        sql = sql.replace(of_sqlite, of_postgres)
    sql = sql.replace(_WORDS, "segments_fts.words @@ ?::tsquery AND segments_fts.is_shown")
    before, *others = sql.split("?")
    text = before + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))
    return _Statement(text.encode(), words_at)
