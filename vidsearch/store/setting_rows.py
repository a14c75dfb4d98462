"""SQL for a library's settings, and for its numbers of rows. All functions take a connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vidsearch.errors import LibraryDamaged
from vidsearch.store.connection import Connection, by_name
from vidsearch.store.values import json_object
from vidsearch.types import LibraryModels

MODELS = "models"
EXCLUDE = "exclude"
LIBRARY_ID = "library_id"
"""Created with the catalog. Vector files state which library they belong to by it."""
COPY_OF = "copy_of"
"""In an incomplete copy: what it is a copy of, as JSON."""
FORMAT_VERSION = "format_version"
"""The format, on a server. SQLite has `PRAGMA user_version` for it."""


def get(connection: Connection, key: str) -> str | None:
    """A setting's value."""
    row = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def put(connection: Connection, key: str, value: str) -> None:
    """Set a setting."""
    query = """
        INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
    """
    connection.execute(query, (key, value))


def delete(connection: Connection, key: str) -> None:
    """Delete a setting."""
    connection.execute("DELETE FROM settings WHERE key = ?", (key,))


def models(connection: Connection) -> LibraryModels | None:
    """The models that a library uses; None before the first run."""
    text = get(connection, MODELS)
    if text is None:
        return None
    value = json_object(text, "the library's models")
    lists = [value.get("embedders"), value.get("moving", []), value.get("sounds", [])]
    captioner = value.get("captioner")
    is_sound = all(isinstance(each, list) and all(isinstance(name, str) for name in each) for each in lists)
    if not is_sound or not isinstance(captioner, str | None):
        raise LibraryDamaged(
            f"The catalog holds {text[:60]!r} as the library's models, which is invalid. "
            "`vidsearch verify --repair` removes it; the next `vidsearch index` chooses models again."
        )
    embedders, moving, sounds = (tuple(each or ()) for each in lists)
    return LibraryModels(embedders, captioner, moving, sounds)


def put_models(connection: Connection, models: LibraryModels) -> None:
    """Set the models that a library uses."""
    put(connection, MODELS, json.dumps(asdict(models)))


def exclude(connection: Connection) -> tuple[str, ...]:
    """The patterns of files that indexing skips; none if the stored value is corrupt."""
    try:
        patterns = json.loads(get(connection, EXCLUDE) or "[]")
    except (ValueError, RecursionError):
        return ()
    return tuple(each for each in patterns if isinstance(each, str)) if isinstance(patterns, list) else ()


def put_exclude(connection: Connection, patterns: Sequence[str]) -> None:
    """Set the patterns of files that indexing skips."""
    put(connection, EXCLUDE, json.dumps(list(patterns)))


def numbers(connection: Connection) -> dict[str, Any]:
    """The counts and sums of `LibraryInfo`, by field name."""
    cursor = connection.execute(
        """
        SELECT
            (SELECT count(*) FROM videos) AS num_videos,
            (SELECT count(*) FROM tracks WHERE kind = 'frames' AND state = 'active' AND is_complete)
                AS num_complete,
            (SELECT coalesce(sum(num_segments), 0) FROM tracks WHERE kind = 'frames' AND state = 'active')
                AS num_frames,
            (SELECT coalesce(sum(num_segments), 0) FROM tracks WHERE kind = 'caption' AND state = 'active')
                AS num_captions,
            (SELECT count(*) FROM failures) AS num_failures,
            (SELECT coalesce(sum(duration_seconds), 0.0) FROM videos) AS duration_seconds
        """
    )
    (row,) = by_name(cursor)
    return row
