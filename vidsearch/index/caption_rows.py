"""Captions, their versions and human corrections, and the full-text search over them, as rows.

Of a frame's captions one is active: shown and searched. A human's stays active when models caption anew.
All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.index.records import HIGHLIGHT_END, HIGHLIGHT_START, CaptionMatch, CaptionVersion
from vidsearch.index.video_rows import now
from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Int64

    Float64 = NDArray[np.float64]

CAPTION_COLUMNS = "c.text, c.raw_text, c.origin, c.model, c.prompt, c.mean_logprob, c.carried_over"

_TERM = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')
_STOP_WORDS = frozenset(
    (
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "he", "her", "his", "in", "is",
        "it", "its", "of", "on", "or", "she", "some", "that", "the", "their", "there", "they", "this", "to",
        "was", "were", "which", "who", "with",
    )
)  # fmt: skip
"""Words that nearly every caption has: they rank nothing, and scoring their matches takes long."""
_MOST_CAPTIONS = 20_000
"""A word that more captions have tells little, and reading all of them takes long."""


# --- writing ----------------------------------------------------------------------------------------


def put_caption(connection: sqlite3.Connection, frame_id: int, caption: Caption) -> None:
    """Add a caption as a frame's newest version.

    It becomes the active one, but for a model's where a human's is active.
    """
    active = connection.execute(
        "SELECT origin FROM captions WHERE frame_id = ? AND is_active", (frame_id,)
    ).fetchone()
    takes_over = active is None or active[0] == CaptionOrigin.MODEL or caption.origin is CaptionOrigin.HUMAN
    if active is not None and takes_over:
        connection.execute("UPDATE captions SET is_active = 0 WHERE frame_id = ? AND is_active", (frame_id,))
    connection.execute(
        """
        INSERT INTO captions (
            frame_id, version, is_active, text, raw_text, origin, model, prompt, mean_logprob, carried_over,
            created_at
        ) VALUES (
            ?1, (SELECT coalesce(max(version), 0) + 1 FROM captions WHERE frame_id = ?1),
            ?, ?, ?, ?, ?, ?, ?, ?, ?
        )
        """,
        (
            frame_id,
            takes_over,
            caption.text,
            caption.raw_text,
            caption.origin.value,
            caption.model,
            caption.prompt,
            caption.mean_logprob,
            caption.carried_over,
            now(),
        ),
    )


def put_correction(connection: sqlite3.Connection, frame_id: int, text: str) -> None:
    """Note a human's caption by its time, too, so that it outlives the frame."""
    connection.execute(
        """
        INSERT INTO corrections (video_id, time_seconds, text, created_at)
        SELECT video_id, time_seconds, ?, ? FROM frames WHERE id = ?
        ON CONFLICT DO UPDATE SET text = excluded.text, created_at = excluded.created_at
        """,
        (text, now(), frame_id),
    )


def corrections(connection: sqlite3.Connection, video_id: int) -> dict[float, str]:
    """Human captions of a video by time in seconds."""
    rows = connection.execute("SELECT time_seconds, text FROM corrections WHERE video_id = ?", (video_id,))
    return dict(rows.fetchall())


# --- reading ----------------------------------------------------------------------------------------


def caption_of(columns: Sequence[Any]) -> Caption | None:
    """The caption in CAPTION_COLUMNS; None where they are of no caption."""
    text, raw_text, origin, model, prompt, mean_logprob, carried_over = columns
    if text is None:
        return None
    return Caption(
        text=text,
        raw_text=raw_text,
        origin=CaptionOrigin(origin),
        model=model,
        prompt=prompt,
        mean_logprob=mean_logprob,
        carried_over=bool(carried_over),
    )


def corrected_frames(connection: sqlite3.Connection) -> Int64:
    """Ids, int64 (n,) ascending, of the frames whose caption a person wrote."""
    query = """
        SELECT f.id FROM corrections r
        JOIN frames f ON f.video_id = r.video_id AND f.time_seconds = r.time_seconds ORDER BY f.id
    """
    return np.asarray([row[0] for row in connection.execute(query)], dtype=np.int64)


def versions(connection: sqlite3.Connection, frame_id: int) -> list[CaptionVersion]:
    """All captions that a frame has had, the first one first."""
    query = f"""
        SELECT c.version, c.is_active, c.created_at, {CAPTION_COLUMNS}
        FROM captions c WHERE c.frame_id = ? ORDER BY c.version
    """
    found = []
    for version, is_active, created_at, *columns in connection.execute(query, (int(frame_id),)):
        caption = caption_of(columns)
        if caption is not None:
            found.append(
                CaptionVersion(caption, version, bool(is_active), datetime.fromisoformat(created_at))
            )
    return found


def matches(
    connection: sqlite3.Connection, words: str, k: int, *, among: Int64 | None = None
) -> list[CaptionMatch]:
    """The k frames whose active captions answer any of the words best; see `best_scores`.

    `among`: frame ids, ascending, that alone may match.
    """
    frame_ids, scores = best_scores(connection, words, k, among=among)
    expression = any_word_expression(words)
    if expression is None or not len(frame_ids):
        return []
    highlighted = _highlighted(connection, expression, frame_ids.tolist())
    return [
        CaptionMatch(frame_id, score, highlighted[frame_id])
        for frame_id, score in zip(frame_ids.tolist(), scores.tolist(), strict=True)
    ]


def best_scores(
    connection: sqlite3.Connection, words: str, k: int, *, among: Int64 | None = None
) -> tuple[Int64, Float64]:
    """The k frames whose active captions have the most telling of the words: ids (n,) and scores (n,).

    BM25 without a length term (b = 0): captions are one short sentence, and say no word twice, so what is
    left is the sum of the words' inverse document frequencies. FTS5's own ranking reads each match's length
    from disk, which takes a tenth of a second for words that one caption in twenty has. A word in more than
    `_MOST_CAPTIONS` counts only beside a rarer one, where there is any. Ties by id.
    """
    terms = _telling_terms(words)
    if not terms or k <= 0:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    (num_frames,) = connection.execute("SELECT coalesce(max(id), 0) FROM frames").fetchone()
    postings = [_rows_matching(connection, term, among) for term in terms]
    rare = [term for term, rows in zip(terms, postings, strict=True) if len(rows) < _MOST_CAPTIONS]
    if rare:
        beside = " OR ".join(rare)
        postings = [
            rows if term in rare else _rows_matching(connection, f"({beside}) AND {term}", among)
            for term, rows in zip(terms, postings, strict=True)
        ]
    elif len(terms) > 1:
        # Captions with all of the words come before all others, wherever in the library they are.
        with_all = _rows_matching(connection, " AND ".join(terms), among)
        postings = [np.union1d(rows, with_all) for rows in postings]
    counts = [
        len(rows) if term in rare else _MOST_CAPTIONS for term, rows in zip(terms, postings, strict=True)
    ]
    weights = [np.log1p((num_frames - min(n, num_frames) + 0.5) / (n + 0.5)) for n in counts]
    frame_ids, places = np.unique(np.concatenate(postings), return_inverse=True)
    each = np.repeat(np.asarray(weights, dtype=np.float64), [len(rows) for rows in postings])
    scores = np.bincount(places, each).astype(np.float64)
    if len(scores) > k:
        good = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        frame_ids, scores = frame_ids[good], scores[good]
    order = np.argsort(-scores, kind="stable")[:k]
    return frame_ids[order], scores[order]


def _rows_matching(connection: sqlite3.Connection, expression: str, among: Int64 | None) -> Int64:
    """Frames that an FTS5 expression fits, ascending: the first `_MOST_CAPTIONS`, or all among these."""
    if among is not None and not len(among):
        return np.empty(0, np.int64)
    first, last = (0, 2**63 - 1) if among is None else (int(among[0]), int(among[-1]))
    # As one text: ten times quicker than as many rows.
    (ids,) = connection.execute(
        """
        SELECT json_group_array(rowid) FROM (
            SELECT rowid FROM captions_fts WHERE captions_fts MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?
        )
        """,
        (expression, first, last, _MOST_CAPTIONS if among is None else -1),
    ).fetchone()
    rows = np.fromstring(ids[1:-1], dtype=np.int64, sep=",")
    return rows if among is None else rows[np.isin(rows, among, assume_unique=True)]


def _highlighted(connection: sqlite3.Connection, expression: str, frame_ids: Iterable[int]) -> dict[int, str]:
    query = """
        SELECT rowid, highlight(captions_fts, 0, ?, ?) FROM captions_fts
        WHERE captions_fts MATCH ? AND rowid IN (SELECT value FROM json_each(?))
    """
    ids = json.dumps(list(frame_ids))
    return dict(connection.execute(query, (HIGHLIGHT_START, HIGHLIGHT_END, expression, ids)).fetchall())


# --- a user's words, as FTS5 takes them -------------------------------------------------------------


def any_word_expression(words: str) -> str | None:
    """An FTS5 expression for captions with any of the words, or None where there are none.

    Words are stemmed; `sun*` stands for all that begin so; "red car" in quotes must occur as it is. Words
    such as "the" count only where there are no others. No input is a syntax error.
    """
    return " OR ".join(_telling_terms(words)) or None


def _telling_terms(words: str) -> list[str]:
    """The words that tell captions apart, quoted; all of them where none does."""
    terms = _terms(words)
    telling = [quoted for term, quoted in terms if term.lower() not in _STOP_WORDS]
    return list(dict.fromkeys(telling or [quoted for _, quoted in terms]))


def all_words_expression(words: str) -> str:
    """An FTS5 expression for captions with all of the words; without words, one that fits nothing."""
    return " AND ".join(quoted for _, quoted in _terms(words)) or '""'


def _terms(words: str) -> list[tuple[str, str]]:
    terms = []
    for phrase, star, word in _TERM.findall(words.replace("\0", " ")):
        is_prefix = bool(star) or word.endswith("*")
        term = phrase or word.rstrip("*")
        if any(character.isalnum() for character in term):
            terms.append((term, f'"{term}"' + ("*" if is_prefix else "")))
    return terms
