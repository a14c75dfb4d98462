"""The catalog's tables, as migrations.

Each migration and the record that it ran (`sqlite_utils.Migrations`) are one transaction, so that a crash
leaves the catalog in the old format or in the new one. `PRAGMA user_version` holds the number of migrations
applied: it shows, without importing sqlite-utils, whether there is nothing to do, or whether a newer program
wrote the file. Migrations are only ever added, at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from vidsearch.store.sqlite.statements import execute_all

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

FORMAT_VERSION = 5
"""The number of migrations."""

PAGE_BYTES = 16384
"""Holds seven vectors of 512 dimensions. SQLite's default of 4096 bytes would hold one, and be half empty."""

_CATALOG = """
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    weights_digest TEXT NOT NULL,
    preprocessing TEXT NOT NULL,
    dim INTEGER NOT NULL CHECK (dim > 0),
    revision INTEGER NOT NULL DEFAULT 0,
    rewritten_at_revision INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE videos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    content_hash TEXT NOT NULL UNIQUE,
    quick_key TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    container TEXT NOT NULL,
    codec TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    rotation_degrees INTEGER NOT NULL,
    frame_rate REAL,
    duration_seconds REAL,
    num_audio_tracks INTEGER NOT NULL,
    created_at TEXT,
    recorded_unix_seconds REAL NOT NULL,
    plan TEXT NOT NULL,
    is_complete INTEGER NOT NULL DEFAULT 0 CHECK (is_complete IN (0, 1)),
    indexed_until_seconds REAL NOT NULL DEFAULT 0,
    indexed_at TEXT NOT NULL,
    last_path ANY NOT NULL
) STRICT;
CREATE INDEX videos_by_quick_key ON videos (quick_key);

CREATE TABLE video_paths (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path ANY NOT NULL UNIQUE,
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX video_paths_by_video ON video_paths (video_id);

CREATE TABLE video_spaces (
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    space_id INTEGER NOT NULL REFERENCES spaces (id),
    PRIMARY KEY (video_id, space_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
    path ANY NOT NULL PRIMARY KEY,
    size_bytes INTEGER,
    mtime_ns INTEGER,
    quick_key TEXT,
    error TEXT NOT NULL,
    reason TEXT NOT NULL,
    failed_at TEXT NOT NULL
) STRICT;

CREATE TABLE frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    time_seconds REAL NOT NULL,
    is_blank INTEGER NOT NULL CHECK (is_blank IN (0, 1)),
    UNIQUE (video_id, time_seconds)
) STRICT;

CREATE TABLE thumbnails (
    frame_id INTEGER PRIMARY KEY REFERENCES frames (id) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
) STRICT;

CREATE TABLE vectors (
    frame_id INTEGER NOT NULL REFERENCES frames (id) ON DELETE CASCADE,
    space_id INTEGER NOT NULL REFERENCES spaces (id),
    vector BLOB NOT NULL,
    PRIMARY KEY (frame_id, space_id)
) STRICT;

CREATE TABLE shots (
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    PRIMARY KEY (video_id, start_seconds)
) STRICT, WITHOUT ROWID;

CREATE TABLE captions (
    id INTEGER PRIMARY KEY,
    frame_id INTEGER NOT NULL REFERENCES frames (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    text TEXT NOT NULL,
    raw_text TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('model', 'human')),
    model TEXT,
    prompt TEXT,
    mean_logprob REAL,
    carried_over INTEGER NOT NULL CHECK (carried_over IN (0, 1)),
    created_at TEXT NOT NULL,
    UNIQUE (frame_id, version)
) STRICT;
CREATE UNIQUE INDEX one_active_caption_per_frame ON captions (frame_id) WHERE is_active;

CREATE VIEW active_captions AS SELECT frame_id, text FROM captions WHERE is_active;

CREATE VIRTUAL TABLE captions_fts USING fts5 (
    text, content = 'active_captions', content_rowid = 'frame_id',
    tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'
);
CREATE TRIGGER captions_fts_insert AFTER INSERT ON captions WHEN new.is_active BEGIN
    INSERT INTO captions_fts (rowid, text) VALUES (new.frame_id, new.text);
END;
CREATE TRIGGER captions_fts_delete AFTER DELETE ON captions WHEN old.is_active BEGIN
    INSERT INTO captions_fts (captions_fts, rowid, text) VALUES ('delete', old.frame_id, old.text);
END;
CREATE TRIGGER captions_fts_off AFTER UPDATE ON captions WHEN old.is_active AND NOT new.is_active BEGIN
    INSERT INTO captions_fts (captions_fts, rowid, text) VALUES ('delete', old.frame_id, old.text);
END;
CREATE TRIGGER captions_fts_on AFTER UPDATE ON captions WHEN new.is_active AND NOT old.is_active BEGIN
    INSERT INTO captions_fts (rowid, text) VALUES (new.frame_id, new.text);
END;
"""

_SUBTITLES = """
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (video_id, name)
) STRICT;

CREATE TABLE cues (
    id INTEGER PRIMARY KEY,
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX cues_by_track ON cues (track_id, start_seconds);

CREATE VIRTUAL TABLE cues_fts USING fts5 (
    text, content = 'cues', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'
);
CREATE TRIGGER cues_fts_insert AFTER INSERT ON cues BEGIN
    INSERT INTO cues_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER cues_fts_delete AFTER DELETE ON cues BEGIN
    INSERT INTO cues_fts (cues_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;

-- Human corrections by time, so that they outlive the frames when a video is sampled anew.
CREATE TABLE corrections (
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    time_seconds REAL NOT NULL,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (video_id, time_seconds)
) STRICT, WITHOUT ROWID;
"""


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate a catalog, or an empty file, to the current format, in one transaction per migration.

    Raises sqlite3.DatabaseError; the migration that failed is rolled back.
    """
    from sqlite_utils import Database  # takes 100 ms to import, and searches do not need it

    # Tables are rebuilt below, which must not delete rows that reference them: https://sqlite.org/lang_altertable.html
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        # Plugins of the user's sqlite-utils command must not change a library.
        _migrations().apply(Database(connection, execute_plugins=False))
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _migrations() -> Migrations:
    from sqlite_utils import Migrations

    from vidsearch.store.sqlite import schema_4, schema_5
    from vidsearch.store.sqlite.schema_3 import to_tracks

    def run_sql(sql: str) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: execute_all(connection, sql)

    steps = (
        ("catalog", run_sql(_CATALOG)),
        ("subtitles", run_sql(_SUBTITLES)),
        ("tracks", to_tracks),
        ("words", run_sql(schema_4.TABLES)),
        ("additions", run_sql(schema_5.TABLES)),
    )
    migrations = Migrations("vidsearch")

    def add(name: str, change: Callable[[sqlite3.Connection], None], version: int) -> None:
        def step(database: Database) -> None:
            change(database.conn)
            database.execute(f"PRAGMA user_version = {version}")

        migrations(name=name)(step)

    for version, (name, change) in enumerate(steps, start=1):
        add(name, change, version)
    return migrations
