"""A library's settings and its numbers, as rows. All functions take a connection."""

from __future__ import annotations

import sqlite3
from typing import Any

MODELS = "models"
LIBRARY_ID = "library_id"
"""Made once with the catalog: what a cache belongs to."""


def get(connection: sqlite3.Connection, key: str) -> str | None:
    """A setting's value."""
    row = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def put(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Give a setting a value."""
    connection.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))


def numbers(connection: sqlite3.Connection) -> dict[str, Any]:
    """The counts and sums that `LibraryInfo` has, by its names."""
    cursor = connection.execute(
        """
        SELECT
            (SELECT count(*) FROM videos) AS num_videos,
            (SELECT count(*) FROM videos WHERE is_complete) AS num_complete,
            (SELECT count(*) FROM frames) AS num_frames,
            (SELECT count(*) FROM captions WHERE is_active) AS num_captions,
            (SELECT count(*) FROM failures) AS num_failures,
            (SELECT coalesce(sum(duration_seconds), 0.0) FROM videos) AS duration_seconds
        """
    )
    cursor.row_factory = sqlite3.Row
    return dict(cursor.fetchone())
