"""Subtitle tracks that came with videos, and the full-text search over them, as rows.

All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START, Cue, CueMatch, SubtitleTrack
from vidsearch.store.words import any_word_expression


def put_track(connection: sqlite3.Connection, video_id: int, name: str, cues: Iterable[Cue]) -> int:
    """Add a track; one of the same name takes the known one's place. Returns its id."""
    delete_track(connection, video_id, name)
    cursor = connection.execute("INSERT INTO tracks (video_id, name) VALUES (?, ?)", (video_id, name))
    connection.executemany(
        "INSERT INTO cues (track_id, start_seconds, end_seconds, text) VALUES (?, ?, ?, ?)",
        [(cursor.lastrowid, cue.start_seconds, cue.end_seconds, cue.text) for cue in cues],
    )
    return int(cursor.lastrowid or 0)


def delete_track(connection: sqlite3.Connection, video_id: int, name: str) -> bool:
    """Remove a track. Returns whether there was one."""
    cursor = connection.execute("DELETE FROM tracks WHERE video_id = ? AND name = ?", (video_id, name))
    return cursor.rowcount > 0


def tracks_of(connection: sqlite3.Connection, video_id: int) -> list[SubtitleTrack]:
    """A video's tracks by name, with their cues by start."""
    tracks = connection.execute(
        "SELECT id, name FROM tracks WHERE video_id = ? ORDER BY name", (video_id,)
    ).fetchall()
    query = """
        SELECT start_seconds, end_seconds, text FROM cues WHERE track_id = ?
        ORDER BY start_seconds, end_seconds, id
    """
    return [
        SubtitleTrack(
            id=track_id,
            video_id=video_id,
            name=name,
            cues=tuple(Cue(*row) for row in connection.execute(query, (track_id,))),
        )
        for track_id, name in tracks
    ]


def matches(connection: sqlite3.Connection, words: str, k: int) -> list[CueMatch]:
    """The k cues that answer any of the words best, by BM25; ties by id."""
    expression = any_word_expression(words)
    if expression is None:
        return []
    rows = connection.execute(
        """
        SELECT t.video_id, t.name, c.start_seconds, c.end_seconds, c.text, m.score, m.highlighted FROM (
            SELECT rowid, rank AS score, highlight(cues_fts, 0, ?, ?) AS highlighted
            FROM cues_fts WHERE cues_fts MATCH ? ORDER BY rank, rowid LIMIT ?
        ) m JOIN cues c ON c.id = m.rowid JOIN tracks t ON t.id = c.track_id ORDER BY m.score, c.id
        """,
        (HIGHLIGHT_START, HIGHLIGHT_END, expression, max(0, k)),
    )
    return [
        CueMatch(video_id, name, Cue(start, end, text), -score, highlighted)
        for video_id, name, start, end, text, score, highlighted in rows
    ]
