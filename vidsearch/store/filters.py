"""SQL for filters: the ids of the segments that pass one. All functions take a connection."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.store import segment_ids
from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.ids import selected_ids
from vidsearch.store.video_rows import value_text
from vidsearch.store.words import all_words_expression
from vidsearch.tracks import HUMAN, TrackKind

if TYPE_CHECKING:
    from vidsearch.types import FrameFilter, Int64


def videos_matching(connection: Connection, glob: str) -> list[int]:
    """Ids of the videos with a path or file name that matches a glob, ignoring case.

    A path or name that equals the pattern literally matches, too, so that names may contain brackets.
    """
    pattern = glob.lower()
    found = set()
    for video_id, value in connection.execute("SELECT video_id, path FROM video_paths"):
        path = value_text(value).lower()
        name = path.rpartition(os.sep)[2]
        if pattern in (path, name) or fnmatchcase(path, pattern) or fnmatchcase(name, pattern):
            found.add(int(video_id))
    return sorted(found)


def filtered_ids(
    connection: Connection, where: FrameFilter, kind: TrackKind = "frames", *, is_human: bool = False
) -> Int64:
    """Ids of the segments of active tracks of a kind that pass a filter: int64, ascending.

    For a time range, frames count by their start; other segments pass if they overlap it.
    """
    if where.caption_words is not None:
        ids = _with_caption_words(connection, where.caption_words, kind, is_human=is_human)
        rest = replace(where, caption_words=None)
        if rest.is_empty:
            return ids
        left = filtered_ids(connection, rest, kind, is_human=is_human)
        return np.intersect1d(ids, left, assume_unique=True)
    conditions = ["t.kind = ?", "t.state = 'active'", "(t.producer = ?) = ?"]
    values: list[object] = [kind, HUMAN, is_human]

    def require(condition: str, value: object) -> None:
        if value is not None:
            conditions.append(condition)
            values.append(value)

    of_video = f"t.video_id IN {LISTED}"
    glob = where.video_glob
    require(of_video, None if glob is None else json.dumps(videos_matching(connection, glob)))
    require(of_video, None if where.video_ids is None else json.dumps(where.video_ids))
    begins_after = "s.start_seconds >= ?" if kind == "frames" else "s.end_seconds > ?"
    require(begins_after, where.after_seconds)
    require("s.start_seconds < ?", where.before_seconds)
    for comparison, time in ((">=", where.recorded_after), ("<", where.recorded_before)):
        if time is not None:
            column, seconds = _recorded(time)
            require(f"v.{column} {comparison} ?", seconds)
    require("v.duration_seconds >= ?", where.min_duration_seconds)
    require("v.duration_seconds <= ?", where.max_duration_seconds)
    require(_IS_LABELLED, where.label)
    query = f"""
        SELECT s.id AS id FROM tracks t
        JOIN videos v ON v.id = t.video_id JOIN segments s ON s.track_id = t.id
        WHERE {" AND ".join(conditions)}
    """
    return np.sort(selected_ids(connection, query, values), kind="stable")


def segments_left(connection: Connection, where: FrameFilter, kind: TrackKind) -> Int64:
    """Ids of the segments of a kind that pass a filter, by models and by people."""
    found = [filtered_ids(connection, where, kind, is_human=is_human) for is_human in (False, True)]
    return np.concatenate(found)  # people's ids are greater


_IS_LABELLED = """
    EXISTS (
        SELECT 1 FROM tracks lt JOIN segments l ON l.track_id = lt.id
        WHERE lt.video_id = t.video_id AND lt.kind = 'label' AND lt.state = 'active' AND l.text = ?
            AND l.start_seconds < s.end_seconds AND l.end_seconds > s.start_seconds
    )
"""


def _recorded(time: datetime) -> tuple[str, float]:
    """The column to compare a time with: a time without a zone is local time where a video was recorded."""
    if time.tzinfo is None:
        return "recorded_local_seconds", time.replace(tzinfo=UTC).timestamp()
    return "recorded_unix_seconds", time.timestamp()


def _with_caption_words(connection: Connection, words: str, kind: TrackKind, *, is_human: bool) -> Int64:
    """Ids of the segments of a kind that start within a shown caption with all the words, ascending."""
    query = """
        SELECT s.id AS id FROM segments_fts
        JOIN segments c ON c.id = segments_fts.rowid JOIN tracks ct ON ct.id = c.track_id
        JOIN tracks t ON t.video_id = ct.video_id AND t.kind = ? AND t.state = 'active'
            AND (t.producer = ?) = ?
        JOIN segments s ON s.track_id = t.id
            AND s.start_seconds >= c.start_seconds AND s.start_seconds < c.end_seconds
        WHERE segments_fts MATCH ? AND segments_fts.rowid >= ? AND segments_fts.rowid < ?
    """
    values: list[object] = [kind, HUMAN, is_human, all_words_expression(words)]
    by_models = segment_ids.id_range("caption")
    if not _has_human_captions(connection):
        return np.unique(selected_ids(connection, query, [*values, *by_models]))
    by_people = segment_ids.id_range("caption", is_human=True)
    found = [
        selected_ids(connection, query + _NOT_OVERWRITTEN, [*values, *by_models, HUMAN]),
        selected_ids(connection, query, [*values, *by_people]),
    ]
    return np.unique(np.concatenate(found))


def _has_human_captions(connection: Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM segments WHERE id >= ? AND id < ?)"
    return bool(connection.execute(query, segment_ids.id_range("caption", is_human=True)).fetchone()[0])


_NOT_OVERWRITTEN = """
    AND NOT EXISTS (
        SELECT 1 FROM tracks ht JOIN segments h ON h.track_id = ht.id
        WHERE ht.video_id = ct.video_id AND ht.kind = 'caption' AND ht.producer = ? AND ht.state = 'active'
            AND h.start_seconds <= s.start_seconds AND s.start_seconds < h.end_seconds
    )
"""
"""A model's caption is ignored where a person has written something else."""


def positions(connection: Connection, found: Sequence[int]) -> tuple[Int64, np.ndarray, np.ndarray]:
    """The videos of segments, int64 (n,), and their starts and ends in seconds, float64 (n,)."""
    query = f"""
        SELECT s.id, t.video_id, s.start_seconds, s.end_seconds
        FROM segments s JOIN tracks t ON t.id = s.track_id
        WHERE s.id IN {LISTED}
    """
    rows = {
        row[0]: row[1:] for row in connection.execute(query, (json.dumps([int(each) for each in found]),))
    }
    table = np.array([rows[int(each)] for each in found], dtype=np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2]
