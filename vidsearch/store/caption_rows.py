"""Captions, their versions and human corrections, as rows. `caption_ranking` searches them.

Of a frame's captions one is active: shown and searched. A human's stays active when models caption anew.
All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.store.records import CaptionVersion
from vidsearch.store.video_rows import now
from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.types import Int64

CAPTION_COLUMNS = "c.text, c.raw_text, c.origin, c.model, c.prompt, c.mean_logprob, c.carried_over"

# --- writing ----------------------------------------------------------------------------------------


def put_caption(connection: sqlite3.Connection, frame_id: int, caption: Caption) -> None:
    """Add a caption as a frame's newest version.

    It becomes the active one, but for a model's where a human's is active.
    """
    active = connection.execute(
        "SELECT origin FROM captions WHERE frame_id = ? AND is_active", (frame_id,)
    ).fetchone()
    takes_over = active is None or active[0] == CaptionOrigin.MODEL or caption.origin is CaptionOrigin.HUMAN
    if active is not None and takes_over:
        connection.execute("UPDATE captions SET is_active = 0 WHERE frame_id = ? AND is_active", (frame_id,))
    connection.execute(
        """
        INSERT INTO captions (
            frame_id, version, is_active, text, raw_text, origin, model, prompt, mean_logprob, carried_over,
            created_at
        ) VALUES (
            ?1, (SELECT coalesce(max(version), 0) + 1 FROM captions WHERE frame_id = ?1),
            ?, ?, ?, ?, ?, ?, ?, ?, ?
        )
        """,
        (
            frame_id,
            takes_over,
            caption.text,
            caption.raw_text,
            caption.origin.value,
            caption.model,
            caption.prompt,
            caption.mean_logprob,
            caption.carried_over,
            now(),
        ),
    )


def put_correction(connection: sqlite3.Connection, frame_id: int, text: str) -> None:
    """Note a human's caption by its time, too, so that it outlives the frame."""
    connection.execute(
        """
        INSERT INTO corrections (video_id, time_seconds, text, created_at)
        SELECT video_id, time_seconds, ?, ? FROM frames WHERE id = ?
        ON CONFLICT DO UPDATE SET text = excluded.text, created_at = excluded.created_at
        """,
        (text, now(), frame_id),
    )


def corrections(connection: sqlite3.Connection, video_id: int) -> dict[float, str]:
    """Human captions of a video by time in seconds."""
    rows = connection.execute("SELECT time_seconds, text FROM corrections WHERE video_id = ?", (video_id,))
    return dict(rows.fetchall())


# --- reading ----------------------------------------------------------------------------------------


def caption_of(columns: Sequence[Any]) -> Caption | None:
    """The caption in CAPTION_COLUMNS; None where they are of no caption."""
    text, raw_text, origin, model, prompt, mean_logprob, carried_over = columns
    if text is None:
        return None
    return Caption(
        text=text,
        raw_text=raw_text,
        origin=CaptionOrigin(origin),
        model=model,
        prompt=prompt,
        mean_logprob=mean_logprob,
        carried_over=bool(carried_over),
    )


def corrected_frames(connection: sqlite3.Connection, frame_ids: Int64) -> Int64:
    """Those of the frames whose caption a person wrote: ids, int64 (n,), in no order."""
    if connection.execute("SELECT 1 FROM corrections LIMIT 1").fetchone() is None:
        return np.empty(0, dtype=np.int64)
    query = """
        SELECT frame_id FROM captions
        WHERE frame_id IN (SELECT value FROM json_each(?)) AND is_active AND origin = ?
    """
    rows = connection.execute(query, (json.dumps(frame_ids.tolist()), CaptionOrigin.HUMAN.value))
    return np.asarray([row[0] for row in rows], dtype=np.int64)


def versions(connection: sqlite3.Connection, frame_id: int) -> list[CaptionVersion]:
    """All captions that a frame has had, the first one first."""
    query = f"""
        SELECT c.version, c.is_active, c.created_at, {CAPTION_COLUMNS}
        FROM captions c WHERE c.frame_id = ? ORDER BY c.version
    """
    found = []
    for version, is_active, created_at, *columns in connection.execute(query, (int(frame_id),)):
        caption = caption_of(columns)
        if caption is not None:
            found.append(
                CaptionVersion(caption, version, bool(is_active), datetime.fromisoformat(created_at))
            )
    return found
