"""From format 2 to format 3: frames, captions, corrections, shots and subtitles become segments of tracks.

Vectors and thumbnails, nearly all of a library's bytes, are not moved: their tables only reference segments
instead.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from vidsearch.store import segment_ids
from vidsearch.store.sqlite.statements import execute_all
from vidsearch.tracks import HUMAN, TrackKind

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

_TABLES = """
DROP TRIGGER captions_fts_insert;
DROP TRIGGER captions_fts_delete;
DROP TRIGGER captions_fts_off;
DROP TRIGGER captions_fts_on;
DROP TABLE captions_fts;
DROP VIEW active_captions;
DROP TRIGGER cues_fts_insert;
DROP TRIGGER cues_fts_delete;
DROP TABLE cues_fts;
ALTER TABLE tracks RENAME TO old_subtitles;

CREATE TABLE tracks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video_id INTEGER NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    producer TEXT NOT NULL,
    params TEXT NOT NULL,
    language TEXT,
    state TEXT NOT NULL CHECK (state IN ('building', 'active', 'superseded')),
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    done_until_seconds REAL NOT NULL DEFAULT 0,
    num_segments INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX tracks_by_video ON tracks (video_id, kind);

CREATE TABLE segment_ids (
    first_id INTEGER PRIMARY KEY,
    next_id INTEGER NOT NULL
) STRICT;

-- What refers to frames now refers to segments, and stays so while the table below is rebuilt.
ALTER TABLE frames RENAME TO segments;
ALTER TABLE thumbnails RENAME COLUMN frame_id TO segment_id;
ALTER TABLE vectors RENAME COLUMN frame_id TO segment_id;
CREATE TABLE new_segments (
    id INTEGER PRIMARY KEY,
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    text TEXT,
    attributes TEXT
) STRICT;

CREATE TABLE track_spaces (
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    space_id INTEGER NOT NULL REFERENCES spaces (id),
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    done_until_seconds REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (track_id, space_id)
) STRICT, WITHOUT ROWID;

INSERT INTO tracks (video_id, kind, producer, params, state, is_complete, done_until_seconds, created_at)
    SELECT id, 'frames', 'sampling', plan, 'active', is_complete, indexed_until_seconds, indexed_at
    FROM videos ORDER BY id;
INSERT INTO track_spaces (track_id, space_id, is_complete, done_until_seconds)
    SELECT t.id, s.space_id, t.is_complete, t.done_until_seconds
    FROM tracks t JOIN video_spaces s ON s.video_id = t.video_id;
INSERT INTO new_segments (id, track_id, start_seconds, end_seconds, attributes)
    SELECT
        f.id, t.id, f.time_seconds,
        max(f.time_seconds, coalesce(
            lead(f.time_seconds) OVER (PARTITION BY f.video_id ORDER BY f.time_seconds),
            CASE
                WHEN NOT v.is_complete THEN v.indexed_until_seconds
                WHEN v.duration_seconds IS NULL THEN
                    coalesce(json_extract(v.plan, '$.end_seconds'), v.indexed_until_seconds)
                ELSE min(
                    v.duration_seconds, coalesce(json_extract(v.plan, '$.end_seconds'), v.duration_seconds)
                )
            END
        )),
        CASE WHEN f.is_blank THEN '{"is_blank": true}' END
    FROM segments f JOIN videos v ON v.id = f.video_id JOIN tracks t ON t.video_id = f.video_id
    ORDER BY f.id;
INSERT INTO segment_ids (first_id, next_id)
    SELECT 0, max(1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'segments'), 0) + 1);
"""

_CLEAR = """
DROP TABLE captions;
DROP TABLE corrections;
DROP TABLE shots;
DROP TABLE cues;
DROP TABLE old_subtitles;
DROP TABLE video_spaces;
DROP TABLE segments;
ALTER TABLE new_segments RENAME TO segments;
CREATE INDEX segments_by_track ON segments (track_id, start_seconds);
UPDATE tracks SET num_segments = (SELECT count(*) FROM segments WHERE track_id = tracks.id);
ALTER TABLE videos DROP COLUMN plan;
ALTER TABLE videos DROP COLUMN is_complete;
ALTER TABLE videos DROP COLUMN indexed_until_seconds;
ALTER TABLE videos ADD COLUMN recorded_local_seconds REAL NOT NULL DEFAULT 0;
UPDATE videos SET recorded_local_seconds =
    unixepoch(recorded_unix_seconds, 'unixepoch', 'localtime') + recorded_unix_seconds % 1;
ALTER TABLE spaces ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('building', 'active', 'superseded'));

CREATE VIEW searchable_segments AS
    SELECT s.id, s.text FROM segments s JOIN tracks t ON t.id = s.track_id
    WHERE t.state = 'active' AND s.text IS NOT NULL;
CREATE VIRTUAL TABLE segments_fts USING fts5 (
    text, content = 'searchable_segments', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'
);
INSERT INTO segments_fts (segments_fts) VALUES ('rebuild');

CREATE TRIGGER segments_fts_insert AFTER INSERT ON segments
WHEN new.text IS NOT NULL AND (SELECT state FROM tracks WHERE id = new.track_id) = 'active' BEGIN
    INSERT INTO segments_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER segments_fts_delete AFTER DELETE ON segments
WHEN old.text IS NOT NULL AND (SELECT state FROM tracks WHERE id = old.track_id) = 'active' BEGIN
    INSERT INTO segments_fts (segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER tracks_fts_off AFTER UPDATE OF state ON tracks
WHEN old.state = 'active' AND new.state <> 'active' BEGIN
    INSERT INTO segments_fts (segments_fts, rowid, text)
        SELECT 'delete', id, text FROM segments WHERE track_id = new.id AND text IS NOT NULL;
END;
CREATE TRIGGER tracks_fts_on AFTER UPDATE OF state ON tracks
WHEN old.state <> 'active' AND new.state = 'active' BEGIN
    INSERT INTO segments_fts (rowid, text)
        SELECT id, text FROM segments WHERE track_id = new.id AND text IS NOT NULL;
END;

-- Segments go before their track, and tracks before their video: the triggers above look at the track.
CREATE TRIGGER tracks_delete BEFORE DELETE ON tracks BEGIN
    DELETE FROM segments WHERE track_id = old.id;
END;
CREATE TRIGGER videos_delete BEFORE DELETE ON videos BEGIN
    DELETE FROM tracks WHERE video_id = old.id;
END;
"""

_Row = tuple[Any, ...]
_Segment = tuple[float, float, str | None, dict[str, Any]]


def to_tracks(connection: sqlite3.Connection) -> None:
    """Migrate a catalog from format 2 to format 3, inside the open transaction."""
    execute_all(connection, _TABLES)
    _model_captions(connection)
    _human_captions(connection)
    _shots(connection)
    _subtitles(connection)
    execute_all(connection, _CLEAR)
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise sqlite3.IntegrityError(
            f"a row of {broken[0]} belongs to a row of {broken[2]} that is not there"
        )


def _model_captions(connection: sqlite3.Connection) -> None:
    """Move each frame's latest caption by a model to an active track, and older ones to superseded tracks."""
    rows = connection.execute(
        """
        SELECT f.video_id, c.level, c.model, c.prompt, n.start_seconds, n.end_seconds, c.text, c.raw_text,
            c.mean_logprob, c.carried_over, c.created_at
        FROM (
            SELECT *, rank() OVER (PARTITION BY frame_id ORDER BY version DESC) AS level
            FROM captions WHERE origin = 'model'
        ) c JOIN segments f ON f.id = c.frame_id JOIN new_segments n ON n.id = c.frame_id
        ORDER BY f.video_id, c.level, c.model, c.prompt, n.start_seconds
        """
    )
    plans = {
        video_id: json.loads(plan) for video_id, plan in connection.execute("SELECT id, plan FROM videos")
    }
    for (video_id, level, model, prompt), group in groupby(rows.fetchall(), key=lambda row: row[:4]):
        captions = list(group)
        params: dict[str, Any] = {"plan": plans[video_id]}
        if prompt is not None:
            params["prompt"] = prompt
        state = "active" if level == 1 else "superseded"
        created_at = min(row[-1] for row in captions)
        _insert(
            connection, video_id, "caption", model or "unknown", _runs(captions), created_at, params, state
        )


def _runs(captions: Iterable[_Row]) -> Iterator[_Segment]:
    """Merge a caption and those carried over from it, in consecutive frames, into one segment."""
    run: _Segment | None = None
    for _, _, _, _, start, end, text, raw_text, mean_logprob, carried_over, _ in captions:
        if run is not None and carried_over and run[1] == start and run[2] == text:
            run = (run[0], end, text, run[3])
            continue
        if run is not None:
            yield run
        attributes: dict[str, Any] = {}
        if raw_text != text:
            attributes["raw_text"] = raw_text
        if mean_logprob is not None:
            attributes["mean_logprob"] = mean_logprob
        if carried_over:
            attributes["carried_over"] = True
        run = (start, end, text, attributes)
    if run is not None:
        yield run


def _human_captions(connection: sqlite3.Connection) -> None:
    """Move people's latest caption of each moment to an active track, and older ones to superseded tracks."""
    rows = connection.execute(
        """
        SELECT f.video_id, rank() OVER (PARTITION BY c.frame_id ORDER BY c.version DESC) AS level,
            n.start_seconds, n.end_seconds, c.text, c.raw_text, c.created_at
        FROM captions c JOIN segments f ON f.id = c.frame_id JOIN new_segments n ON n.id = c.frame_id
        WHERE c.origin = 'human'
        UNION ALL
        SELECT r.video_id, 1, r.time_seconds, coalesce(
                (SELECT min(n.start_seconds) FROM new_segments n JOIN segments f ON f.id = n.id
                    WHERE f.video_id = r.video_id AND n.start_seconds > r.time_seconds),
                max(r.time_seconds, v.duration_seconds), r.time_seconds + 1
            ), r.text, r.text, r.created_at
        FROM corrections r JOIN videos v ON v.id = r.video_id
        WHERE NOT EXISTS (
            SELECT 1 FROM segments f JOIN captions c ON c.frame_id = f.id AND c.origin = 'human'
            WHERE f.video_id = r.video_id AND f.time_seconds = r.time_seconds
        )
        ORDER BY 1, 2, 3
        """
    )
    for (video_id, level), group in groupby(rows.fetchall(), key=lambda row: row[:2]):
        texts = list(group)
        segments = [
            (start, end, text, {"written_at": at} | ({"raw_text": raw} if raw != text else {}))
            for _, _, start, end, text, raw, at in texts
        ]
        state = "active" if level == 1 else "superseded"
        created_at = min(row[-1] for row in texts)
        _insert(connection, video_id, "caption", HUMAN, segments, created_at, {}, state)


def _shots(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        """
        SELECT s.video_id, s.start_seconds, s.end_seconds, v.indexed_at FROM shots s
        JOIN videos v ON v.id = s.video_id ORDER BY s.video_id, s.start_seconds
        """
    )
    for video_id, group in groupby(rows.fetchall(), key=lambda row: row[0]):
        shots = list(group)
        segments = [(start, end, None, dict[str, Any]()) for _, start, end, _ in shots]
        _insert(connection, video_id, "shot", "cuts", segments, shots[0][3])


def _subtitles(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        """
        SELECT o.video_id, o.id, o.name, v.indexed_at FROM old_subtitles o JOIN videos v ON v.id = o.video_id
        ORDER BY o.video_id, o.id
        """
    ).fetchall()
    for video_id, old_id, name, created_at in rows:
        cues = connection.execute(
            "SELECT start_seconds, end_seconds, text FROM cues WHERE track_id = ? ORDER BY start_seconds, id",
            (old_id,),
        )
        segments = [(start, end, text, dict[str, Any]()) for start, end, text in cues]
        _insert(connection, video_id, "subtitle", "file", segments, created_at, {"name": name})


def _insert(
    connection: sqlite3.Connection,
    video_id: int,
    kind: TrackKind,
    producer: str,
    segments: Iterable[_Segment],
    created_at: str,
    params: dict[str, Any] | None = None,
    state: str = "active",
) -> None:
    (is_complete, done_until), *_ = connection.execute(
        "SELECT is_complete, indexed_until_seconds FROM videos WHERE id = ?", (video_id,)
    )
    if producer == HUMAN or kind == "subtitle":
        is_complete = 1
    (track_id,) = connection.execute(
        """
        INSERT INTO tracks (
            video_id, kind, producer, params, state, is_complete, done_until_seconds, created_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
        """,
        (
            video_id,
            kind,
            producer,
            json.dumps(params or {}, sort_keys=True),
            state,
            is_complete,
            done_until,
            created_at,
        ),
    ).fetchone()
    made = list(segments)
    ids = segment_ids.take(cast("Connection", connection), kind, len(made), is_human=producer == HUMAN)
    connection.executemany(
        """
        INSERT INTO new_segments (id, track_id, start_seconds, end_seconds, text, attributes)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        [
            (segment_id, track_id, start, end, text, json.dumps(attributes) if attributes else None)
            for segment_id, (start, end, text, attributes) in zip(ids, made, strict=True)
        ],
    )
