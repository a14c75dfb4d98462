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


def activate_version(connection: sqlite3.Connection, frame_id: int, version: int) -> None:
    """Make a version the active one."""
    connection.execute("UPDATE captions SET is_active = 0 WHERE frame_id = ? AND is_active", (frame_id,))
    connection.execute(
        "UPDATE captions SET is_active = 1 WHERE frame_id = ? AND version = ?", (frame_id, version)
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
    """The k frames whose active captions answer any of the words best, by BM25; ties by id.

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
    """Ids (n,) and BM25 scores (n,) of the k frames that `matches` finds, without their highlighted text."""
    expression = any_word_expression(words)
    if expression is None or k <= 0:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    query = "SELECT rowid, -rank FROM captions_fts WHERE captions_fts MATCH ? ORDER BY rank, rowid"
    if among is None:
        rows = connection.execute(f"{query} LIMIT ?", (expression, k)).fetchall()
    else:
        rows = connection.execute(query, (expression,)).fetchall()
    frame_ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    scores = np.fromiter((row[1] for row in rows), np.float64, len(rows))
    if among is not None:
        kept = np.flatnonzero(np.isin(frame_ids, among, assume_unique=True))[:k]
        frame_ids, scores = frame_ids[kept], scores[kept]
    return frame_ids, scores


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
    terms = _terms(words)
    telling = [quoted for term, quoted in terms if term.lower() not in _STOP_WORDS]
    return " OR ".join(telling or [quoted for _, quoted in terms]) or None


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
