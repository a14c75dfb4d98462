"""From format 4 to format 5: adds a table, and indexes the trigrams of existing text on the screen."""

from __future__ import annotations

TABLES = """
-- From which segment on a space got vectors, where these are no newer than all that it had before.
CREATE TABLE vector_additions (
    space_id INTEGER NOT NULL REFERENCES spaces (id),
    revision INTEGER NOT NULL,
    first_segment_id INTEGER NOT NULL,
    PRIMARY KEY (space_id, revision)
) STRICT, WITHOUT ROWID;

-- Text that was on the screen before format 4.
INSERT INTO segments_trigrams (segments_trigrams) VALUES ('rebuild');
"""
