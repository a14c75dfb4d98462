"""Frames, their thumbnails and shots, as rows, and which of them a filter leaves.

All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.store.caption_rows import CAPTION_COLUMNS, caption_of
from vidsearch.store.ids import selected_ids
from vidsearch.store.words import all_words_expression
from vidsearch.types import FrameFilter, FrameRecord, IndexedFrame, Shot

if TYPE_CHECKING:
    from vidsearch.types import Int64

_FRAME = f"""
    SELECT f.id, f.video_id, f.time_seconds, f.is_blank,
        (SELECT min(n.time_seconds) FROM frames n
            WHERE n.video_id = f.video_id AND n.time_seconds > f.time_seconds) AS next_seconds,
        v.duration_seconds, v.is_complete, v.indexed_until_seconds, v.plan, {CAPTION_COLUMNS}
    FROM frames f JOIN videos v ON v.id = f.video_id
    LEFT JOIN captions c ON c.frame_id = f.id AND c.is_active
"""


def insert_frame(connection: sqlite3.Connection, video_id: int, record: FrameRecord) -> int | None:
    """Add a frame and its thumbnail. Returns its id; None where the video has a frame of this time."""
    cursor = connection.execute(
        "INSERT INTO frames (video_id, time_seconds, is_blank) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (video_id, record.time_seconds, record.is_blank),
    )
    if cursor.rowcount == 0:
        return None
    frame_id = int(cursor.lastrowid or 0)
    connection.execute(
        "INSERT INTO thumbnails (frame_id, jpeg) VALUES (?, ?)", (frame_id, record.thumbnail_jpeg)
    )
    return frame_id


def insert_shots(connection: sqlite3.Connection, video_id: int, shots: Iterable[Shot]) -> None:
    """Add shots; one with a start that is known takes the known one's place."""
    connection.executemany(
        "INSERT OR REPLACE INTO shots (video_id, start_seconds, end_seconds) VALUES (?, ?, ?)",
        [(video_id, shot.start_seconds, shot.end_seconds) for shot in shots],
    )


def delete_frames(
    connection: sqlite3.Connection, video_id: int, *, from_seconds: float | None = None
) -> None:
    """Remove a video's frames and shots, with all that belongs to them: all, or those from a time on."""
    since = -math.inf if from_seconds is None else from_seconds
    connection.execute("DELETE FROM frames WHERE video_id = ? AND time_seconds >= ?", (video_id, since))
    connection.execute("DELETE FROM shots WHERE video_id = ? AND end_seconds > ?", (video_id, since))


def frames_of(connection: sqlite3.Connection, video_id: int) -> list[IndexedFrame]:
    """A video's frames, by time."""
    rows = connection.execute(f"{_FRAME} WHERE f.video_id = ? ORDER BY f.time_seconds", (video_id,))
    return [_frame(row) for row in rows]


def frames_by_id(connection: sqlite3.Connection, frame_ids: Sequence[int]) -> list[IndexedFrame]:
    """The frames with these ids, in this order; unknown ids are left out."""
    ids = json.dumps([int(frame_id) for frame_id in frame_ids])
    rows = connection.execute(f"{_FRAME} WHERE f.id IN (SELECT value FROM json_each(?))", (ids,))
    by_id = {row[0]: _frame(row) for row in rows}
    return [by_id[frame_id] for frame_id in frame_ids if frame_id in by_id]


def put_thumbnail(connection: sqlite3.Connection, frame_id: int, jpeg: bytes) -> None:
    """Give a frame another JPEG."""
    connection.execute("INSERT OR REPLACE INTO thumbnails (frame_id, jpeg) VALUES (?, ?)", (frame_id, jpeg))


def thumbnail(connection: sqlite3.Connection, frame_id: int) -> bytes | None:
    """A frame's JPEG."""
    row = connection.execute("SELECT jpeg FROM thumbnails WHERE frame_id = ?", (int(frame_id),)).fetchone()
    return bytes(row[0]) if row else None


def shots_of(connection: sqlite3.Connection, video_id: int) -> list[Shot]:
    """A video's shots, by start."""
    query = "SELECT start_seconds, end_seconds FROM shots WHERE video_id = ? ORDER BY start_seconds"
    return [Shot(start, end) for start, end in connection.execute(query, (video_id,))]


def positions(connection: sqlite3.Connection, first_id: int = 0) -> Iterable[tuple[int, int, float]]:
    """(frame id, video id, time in seconds) of every frame from `first_id` on, by id."""
    query = "SELECT id, video_id, time_seconds FROM frames WHERE id >= ? ORDER BY id"
    return connection.execute(query, (first_id,))


def videos_matching(connection: sqlite3.Connection, glob: str) -> list[int]:
    """Ids of the videos with a path that fits: the whole path or the file name, in any letter case."""
    pattern = glob.lower()
    found = set()
    for video_id, value in connection.execute("SELECT video_id, path FROM video_paths"):
        path = os.fsdecode(value).lower()
        if fnmatchcase(path, pattern) or fnmatchcase(path.rpartition(os.sep)[2], pattern):
            found.add(int(video_id))
    return sorted(found)


def filtered_ids(connection: sqlite3.Connection, where: FrameFilter) -> Int64:
    """Ids of the frames for which all that is set in the filter holds: int64, ascending."""
    conditions: list[str] = []
    values: list[object] = []

    def require(condition: str, value: object) -> None:
        if value is not None:
            conditions.append(condition)
            values.append(value)

    of_video = "f.video_id IN (SELECT value FROM json_each(?))"
    glob = where.video_glob
    require(of_video, None if glob is None else json.dumps(videos_matching(connection, glob)))
    require(of_video, None if where.video_ids is None else json.dumps(where.video_ids))
    require("f.time_seconds >= ?", where.after_seconds)
    require("f.time_seconds < ?", where.before_seconds)
    recorded_after, recorded_before = where.recorded_after, where.recorded_before
    require("v.recorded_unix_seconds >= ?", recorded_after and recorded_after.timestamp())
    require("v.recorded_unix_seconds < ?", recorded_before and recorded_before.timestamp())
    require("v.duration_seconds >= ?", where.min_duration_seconds)
    require("v.duration_seconds <= ?", where.max_duration_seconds)
    if where.caption_words is not None:
        in_caption = "f.id IN (SELECT rowid FROM captions_fts WHERE captions_fts MATCH ?)"
        require(in_caption, all_words_expression(where.caption_words))
    query = "SELECT f.id AS id FROM frames f JOIN videos v ON v.id = f.video_id"
    if conditions:
        query += " WHERE " + " AND ".join(conditions)
    return np.sort(selected_ids(connection, query, values), kind="stable")


def _frame(row: tuple[Any, ...]) -> IndexedFrame:
    frame_id, video_id, time_seconds, is_blank, next_seconds, duration, is_complete, until, plan, *caption = (
        row
    )
    if next_seconds is not None:
        end_seconds = next_seconds
    elif is_complete:
        ends = [end for end in (duration, json.loads(plan)["end_seconds"]) if end is not None]
        end_seconds = min(ends, default=until)
    else:
        end_seconds = until
    return IndexedFrame(
        id=frame_id,
        video_id=video_id,
        time_seconds=time_seconds,
        end_seconds=max(time_seconds, end_seconds),
        caption=caption_of(caption),
        is_blank=bool(is_blank),
    )
