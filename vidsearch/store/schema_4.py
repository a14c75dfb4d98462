"""From format 3 to format 4: tables beside those that were there, and nothing moved."""

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
"""
