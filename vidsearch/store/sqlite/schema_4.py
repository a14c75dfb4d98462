"""From format 3 to format 4: adds tables."""

from __future__ import annotations

TABLES = """
-- Whose vectors a space holds: those of frames, until now.
ALTER TABLE spaces ADD COLUMN kind TEXT NOT NULL DEFAULT 'frames';

-- Which video a worker has in work. An epoch is never used twice, so a worker that lost its lease is known.
CREATE TABLE leases (
    epoch INTEGER PRIMARY KEY AUTOINCREMENT,
    content_hash TEXT NOT NULL UNIQUE,
    holder TEXT,
    expires_unix_seconds REAL NOT NULL,
    is_read_by_holder INTEGER NOT NULL CHECK (is_read_by_holder IN (0, 1)),
    deaths INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What people teach: a name, and examples. A version is the examples with since <= version < until.
CREATE TABLE concepts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    words TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE TABLE concept_examples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    concept_id INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
    is_against INTEGER NOT NULL CHECK (is_against IN (0, 1)),
    source TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    time_seconds REAL,
    picture BLOB NOT NULL,
    since_version INTEGER NOT NULL,
    until_version INTEGER
) STRICT;
CREATE INDEX concept_examples_by_concept ON concept_examples (concept_id);
CREATE TABLE concept_vectors (
    example_id INTEGER NOT NULL REFERENCES concept_examples (id) ON DELETE CASCADE,
    space_id INTEGER NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    vector BLOB NOT NULL,
    PRIMARY KEY (example_id, space_id)
) STRICT;

-- What its server called a file elsewhere when it was read: a version id, or an ETag.
CREATE TABLE path_versions (
    path_id INTEGER PRIMARY KEY REFERENCES video_paths (id) ON DELETE CASCADE,
    version TEXT NOT NULL
) STRICT;

-- Three letters of the text on the screen at a time, to find words that were read slightly wrong. Spaces
-- around it make a line's first and last letters like those of other words.
CREATE VIEW legible_segments AS
    SELECT s.id, ' ' || s.text || ' ' AS text FROM segments s JOIN tracks t ON t.id = s.track_id
    WHERE t.state = 'active' AND t.kind = 'ocr' AND s.text IS NOT NULL;
CREATE VIRTUAL TABLE segments_trigrams USING fts5 (
    text, content = 'legible_segments', content_rowid = 'id', tokenize = 'trigram', detail = 'none'
);
CREATE TRIGGER segments_trigrams_insert AFTER INSERT ON segments
WHEN new.text IS NOT NULL
    AND (SELECT kind || ' ' || state FROM tracks WHERE id = new.track_id) = 'ocr active' BEGIN
    INSERT INTO segments_trigrams (rowid, text) VALUES (new.id, ' ' || new.text || ' ');
END;
CREATE TRIGGER segments_trigrams_delete AFTER DELETE ON segments
WHEN old.text IS NOT NULL
    AND (SELECT kind || ' ' || state FROM tracks WHERE id = old.track_id) = 'ocr active' BEGIN
    INSERT INTO segments_trigrams (segments_trigrams, rowid, text)
        VALUES ('delete', old.id, ' ' || old.text || ' ');
END;
CREATE TRIGGER tracks_trigrams_off AFTER UPDATE OF state ON tracks
WHEN old.kind = 'ocr' AND old.state = 'active' AND new.state <> 'active' BEGIN
    INSERT INTO segments_trigrams (segments_trigrams, rowid, text)
        SELECT 'delete', id, ' ' || text || ' ' FROM segments WHERE track_id = new.id AND text IS NOT NULL;
END;
CREATE TRIGGER tracks_trigrams_on AFTER UPDATE OF state ON tracks
WHEN old.kind = 'ocr' AND old.state <> 'active' AND new.state = 'active' BEGIN
    INSERT INTO segments_trigrams (rowid, text)
        SELECT id, ' ' || text || ' ' FROM segments WHERE track_id = new.id AND text IS NOT NULL;
END;

-- Whose vectors went, so that a cache need not be rebuilt for them.
CREATE TABLE vector_removals (
    space_id INTEGER NOT NULL REFERENCES spaces (id),
    revision INTEGER NOT NULL,
    first_segment_id INTEGER NOT NULL,
    end_segment_id INTEGER NOT NULL,
    PRIMARY KEY (space_id, revision, first_segment_id)
) STRICT, WITHOUT ROWID;

-- Alerts: how far each rule has looked, what it found, and who is still to be told.
CREATE TABLE alert_rules (
    rule TEXT PRIMARY KEY,
    seen_frame_id INTEGER NOT NULL
) STRICT;
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    event TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_by_moment ON alerts (rule, content_hash);
CREATE TABLE alert_deliveries (
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_unix_seconds REAL NOT NULL DEFAULT 0,
    delivered_at TEXT,
    PRIMARY KEY (alert_id, target)
) STRICT;
"""
