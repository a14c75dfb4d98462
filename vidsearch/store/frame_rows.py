"""SQL for frames, and their thumbnails, captions and shots.

A frame is a segment of its video's active `frames` track. All functions take a connection; none begins or
ends a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vidsearch.store import caption_rows
from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.track_rows import attributes_of
from vidsearch.store.values import seconds_of
from vidsearch.types import IndexedFrame, Shot

_FRAME = """
    SELECT f.id, t.video_id, f.start_seconds, f.end_seconds, f.attributes
    FROM segments f JOIN tracks t ON t.id = f.track_id
"""
IS_BLANK = "is_blank"
"""Attribute of a frame that is black or of one colour. Such frames have no vectors and no caption."""


def frames_of(connection: Connection, video_id: int) -> list[IndexedFrame]:
    """A video's frames, by time."""
    query = f"""
        {_FRAME} WHERE t.video_id = ? AND t.kind = 'frames' AND t.state = 'active' ORDER BY f.start_seconds
    """
    rows = connection.execute(query, (video_id,)).fetchall()
    shown = caption_rows.shown_captions(connection, video_id)
    return [_frame(row, shown) for row in rows]


def frames_of_track(connection: Connection, track_id: int) -> list[IndexedFrame]:
    """The frames of one track, shown or not, by time."""
    rows = connection.execute(f"{_FRAME} WHERE t.id = ? ORDER BY f.start_seconds", (track_id,)).fetchall()
    shown = caption_rows.shown_captions(connection, rows[0][1]) if rows else caption_rows.ShownCaptions([])
    return [_frame(row, shown) for row in rows]


def frames_by_id(connection: Connection, frame_ids: Sequence[int]) -> list[IndexedFrame]:
    """The frames with these ids, in this order; unknown ids are left out."""
    ids = json.dumps([int(frame_id) for frame_id in frame_ids])
    query = f"{_FRAME} WHERE f.id IN {LISTED} AND t.kind = 'frames'"
    rows = connection.execute(query, (ids,)).fetchall()
    shown = caption_rows.captions_at(connection, [(row[1], row[2]) for row in rows])
    by_id = {row[0]: _frame(row, shown[row[1], row[2]]) for row in rows}
    return [by_id[frame_id] for frame_id in frame_ids if frame_id in by_id]


def put_thumbnail(connection: Connection, segment_id: int, jpeg: bytes) -> None:
    """Replace a frame's thumbnail."""
    query = """
        INSERT INTO thumbnails (segment_id, jpeg) VALUES (?, ?)
        ON CONFLICT (segment_id) DO UPDATE SET jpeg = excluded.jpeg
    """
    connection.execute(query, (segment_id, jpeg))


def thumbnail(connection: Connection, frame_id: int) -> bytes | None:
    """A frame's thumbnail, JPEG."""
    query = "SELECT jpeg FROM thumbnails WHERE segment_id = ?"
    row = connection.execute(query, (int(frame_id),)).fetchone()
    return bytes(row[0]) if row else None


def shots_of(connection: Connection, video_id: int) -> list[Shot]:
    """A video's shots, by start."""
    query = """
        SELECT s.start_seconds, s.end_seconds FROM segments s JOIN tracks t ON t.id = s.track_id
        WHERE t.video_id = ? AND t.kind = 'shot' AND t.state = 'active' ORDER BY s.start_seconds
    """
    return [Shot(start, end) for start, end in connection.execute(query, (video_id,))]


def _frame(row: Sequence[Any], shown: caption_rows.ShownCaptions) -> IndexedFrame:
    frame_id, video_id, start_seconds, end_seconds, attributes = row
    is_blank = attributes is not None and IS_BLANK in attributes_of(attributes)
    return IndexedFrame(
        id=frame_id,
        video_id=video_id,
        time_seconds=seconds_of(start_seconds, "the time of a frame"),
        end_seconds=seconds_of(end_seconds, "the end of a frame"),
        caption=shown.at(start_seconds, is_blank=is_blank),
        is_blank=is_blank,
    )
