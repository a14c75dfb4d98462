"""SQL for videos, their paths, and failures.

All functions take a connection; none begins or ends a transaction or opens a file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidsearch.paths import as_path
from vidsearch.store.connection import LISTED, Connection, Cursor, by_name
from vidsearch.store.values import PathBytes, json_object, plan_of, time_of
from vidsearch.types import Failure, Fingerprint, Video, VideoInfo

_VIDEO = """
    SELECT v.*, t.params AS plan, t.is_complete, t.done_until_seconds, t.num_segments
    FROM videos v LEFT JOIN tracks t ON t.id = (
        SELECT id FROM tracks WHERE video_id = v.id AND kind = 'frames' AND state <> 'superseded'
        ORDER BY state, id LIMIT 1
    )
"""
"""A video with its frames track: the active one, or else one that is being built."""


_HEX_PATH = re.compile(r"\\x(?:[0-9a-f]{2})+")


def path_value(path: Path) -> str | bytes:
    """A path as stored in the catalog: text, or bytes if the name is not valid Unicode."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return PathBytes(os.fsencode(path))
    return text


def value_path(value: object) -> Path:
    """Parse what `path_value` returned. A corrupt value gives a path that does not exist."""
    return as_path(value_text(value))


def value_text(value: object) -> str:
    """Return the text of the path that `path_value` was given. Much faster than making the path of it."""
    if isinstance(value, str):
        if not _HEX_PATH.fullmatch(value):
            return value
        value = bytes.fromhex(value[2:])
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)


def now() -> str:
    """The current time, UTC, as stored in the catalog."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# --- videos -----------------------------------------------------------------------------------------


def all_videos(connection: Connection) -> list[Video]:
    """Every video, in the order of first indexing."""
    return _videos(connection, connection.execute(f"{_VIDEO} ORDER BY v.id"))


def videos_by_id(connection: Connection, video_ids: Iterable[int]) -> list[Video]:
    """The videos with these ids, by id. Unknown ids are left out."""
    ids = json.dumps(sorted(set(video_ids)))
    rows = connection.execute(f"{_VIDEO} WHERE v.id IN {LISTED} ORDER BY v.id", (ids,))
    return _videos(connection, rows)


def video_by_hash(connection: Connection, content_hash: str) -> Video | None:
    """The video of this content."""
    return _one(
        _videos(connection, connection.execute(f"{_VIDEO} WHERE v.content_hash = ?", (content_hash,)))
    )


def quick_key_of(connection: Connection, video_id: int) -> str:
    """The quick key of a video's file."""
    row = connection.execute("SELECT quick_key FROM videos WHERE id = ?", (video_id,)).fetchone()
    return str(row[0])


def has_quick_key(connection: Connection, quick_key: str) -> bool:
    """Whether some video's file has this quick key."""
    query = "SELECT EXISTS (SELECT 1 FROM videos WHERE quick_key = ?)"
    return bool(connection.execute(query, (quick_key,)).fetchone()[0])


def insert_video(connection: Connection, path: Path, fingerprint: Fingerprint, info: VideoInfo) -> int:
    """Add a video without tracks and paths. Returns its id."""
    recorded = info.created_at or datetime.fromtimestamp(fingerprint.mtime_ns / 1e9).astimezone()
    (video_id,) = connection.execute(
        """
        INSERT INTO videos (
            content_hash, quick_key, size_bytes, container, codec, width, height, rotation_degrees,
            frame_rate, duration_seconds, num_audio_tracks, created_at, recorded_unix_seconds,
            recorded_local_seconds, indexed_at, last_path
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (
            fingerprint.content_hash,
            fingerprint.quick_key,
            fingerprint.size_bytes,
            info.container,
            info.codec,
            info.width,
            info.height,
            info.rotation_degrees,
            info.frame_rate,
            info.duration_seconds,
            info.num_audio_tracks,
            info.created_at.isoformat() if info.created_at else None,
            recorded.timestamp(),
            recorded.replace(tzinfo=UTC).timestamp(),  # local time there, as if it were UTC
            now(),
            path_value(path),
        ),
    ).fetchone()
    return int(video_id)


def recorded_local_seconds(connection: Connection) -> dict[int, float]:
    """When each video was recorded, by id: the local time there, in seconds since 1970."""
    return dict(connection.execute("SELECT id, recorded_local_seconds FROM videos").fetchall())


def touch(connection: Connection, video_id: int) -> None:
    """Update a video's time of indexing."""
    connection.execute("UPDATE videos SET indexed_at = ? WHERE id = ?", (now(), video_id))


def set_duration(connection: Connection, video_id: int, duration_seconds: float) -> None:
    """Set a video's measured duration."""
    connection.execute("UPDATE videos SET duration_seconds = ? WHERE id = ?", (duration_seconds, video_id))


def set_content_hash(connection: Connection, video_id: int, content_hash: str) -> None:
    """Set a video's content hash."""
    connection.execute("UPDATE videos SET content_hash = ? WHERE id = ?", (content_hash, video_id))


def delete_video(connection: Connection, video_id: int) -> None:
    """Remove a video, and everything that belongs to it."""
    connection.execute("DELETE FROM videos WHERE id = ?", (video_id,))


# --- paths ------------------------------------------------------------------------------------------


def path_row(connection: Connection, path: Path) -> tuple[int, int, int, str | None] | None:
    """The video at a path, and its file's size in bytes, modification time (ns) and version there."""
    query = """
        SELECT p.video_id, p.size_bytes, p.mtime_ns, v.version
        FROM video_paths p LEFT JOIN path_versions v ON v.path_id = p.id WHERE p.path = ?
    """
    row = connection.execute(query, (path_value(path),)).fetchone()
    return tuple(row) if row else None


def put_path(connection: Connection, video_id: int, path: Path, fingerprint: Fingerprint) -> None:
    """Set the video at a path. A video that was there before loses the path."""
    value = path_value(path)
    connection.execute("DELETE FROM video_paths WHERE path = ? AND video_id <> ?", (value, video_id))
    row = connection.execute(
        """
        INSERT INTO video_paths (path, video_id, size_bytes, mtime_ns) VALUES (?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns
        RETURNING id
        """,
        (value, video_id, fingerprint.size_bytes, fingerprint.mtime_ns),
    ).fetchone()
    connection.execute("DELETE FROM path_versions WHERE path_id = ?", (row[0],))
    if fingerprint.version is not None:
        connection.execute(
            "INSERT INTO path_versions (path_id, version) VALUES (?, ?)", (row[0], fingerprint.version)
        )
    connection.execute("UPDATE videos SET last_path = ? WHERE id = ?", (value, video_id))


def move_paths(connection: Connection, from_video_id: int, to_video_id: int) -> None:
    """Move all paths of a video to another one with the same content."""
    connection.execute("UPDATE video_paths SET video_id = ? WHERE video_id = ?", (to_video_id, from_video_id))


def delete_path(connection: Connection, path: Path) -> None:
    """Delete a path."""
    connection.execute("DELETE FROM video_paths WHERE path = ?", (path_value(path),))


def paths(connection: Connection) -> list[tuple[Path, int, int, int]]:
    """All paths, with the video's id, and the file's size in bytes and modification time (ns)."""
    rows = connection.execute("SELECT path, video_id, size_bytes, mtime_ns FROM video_paths ORDER BY id")
    return [(value_path(path), video_id, size, mtime) for path, video_id, size, mtime in rows]


def pathless_ids(connection: Connection) -> list[int]:
    """Videos without a path: other content is at each of their former paths."""
    rows = connection.execute(
        "SELECT id FROM videos WHERE id NOT IN (SELECT video_id FROM video_paths) ORDER BY id"
    )
    return [int(row[0]) for row in rows]


# --- failures ---------------------------------------------------------------------------------------


def put_failure(
    connection: Connection,
    path: Path,
    *,
    error: str,
    reason: str,
    size_bytes: int | None,
    mtime_ns: int | None,
    quick_key: str | None,
) -> None:
    """Record that a file could not be indexed, with its size, time and quick key."""
    printable = reason.encode("utf-8", "backslashreplace").decode()
    connection.execute(
        """
        INSERT INTO failures (path, size_bytes, mtime_ns, quick_key, error, reason, failed_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
            quick_key = excluded.quick_key, error = excluded.error, reason = excluded.reason,
            failed_at = excluded.failed_at
        """,
        (path_value(path), size_bytes, mtime_ns, quick_key, error, printable, now()),
    )


def delete_failure(connection: Connection, path: Path) -> None:
    """Delete a file's failure."""
    connection.execute("DELETE FROM failures WHERE path = ?", (path_value(path),))


def failures(connection: Connection) -> list[Failure]:
    """Every failure, by path."""
    rows = connection.execute("SELECT path, reason, error, failed_at FROM failures ORDER BY path")
    return [_failure(row) for row in rows]


def failure_at(
    connection: Connection, path: Path
) -> tuple[Failure, tuple[int | None, int | None, str | None]] | None:
    """The failure at a path, and the file's size in bytes, modification time (ns) and quick key then."""
    query = """
        SELECT path, reason, error, failed_at, size_bytes, mtime_ns, quick_key FROM failures WHERE path = ?
    """
    row = connection.execute(query, (path_value(path),)).fetchone()
    return (_failure(row), (row[4], row[5], row[6])) if row else None


def _failure(row: Sequence[str]) -> Failure:
    return Failure(
        path=value_path(row[0]),
        reason=row[1],
        error=row[2],
        failed_at=time_of(row[3], "the time of a failure"),
    )


# --- rows to videos ---------------------------------------------------------------------------------


def _videos(connection: Connection, cursor: Cursor) -> list[Video]:
    rows = by_name(cursor)
    known_paths: dict[int, list[Path]] = {}
    ids = json.dumps([row["id"] for row in rows])
    query = f"""
        SELECT video_id, path FROM video_paths
        WHERE video_id IN {LISTED} ORDER BY id
    """
    for video_id, path in connection.execute(query, (ids,)):
        known_paths.setdefault(video_id, []).append(value_path(path))
    return [_video(row, known_paths.get(row["id"], [])) for row in rows]


def _video(row: Mapping[str, Any], known_paths: list[Path]) -> Video:
    return Video(
        id=row["id"],
        content_hash=row["content_hash"],
        quick_key=row["quick_key"],
        paths=tuple(known_paths) or (value_path(row["last_path"]),),
        info=VideoInfo(
            size_bytes=row["size_bytes"],
            container=row["container"],
            codec=row["codec"],
            width=row["width"],
            height=row["height"],
            rotation_degrees=row["rotation_degrees"],
            frame_rate=row["frame_rate"],
            duration_seconds=row["duration_seconds"],
            num_audio_tracks=row["num_audio_tracks"],
            created_at=time_of(row["created_at"], "a recording time") if row["created_at"] else None,
        ),
        plan=plan_of(json_object(row["plan"] or "{}", "the params of a track")),
        is_complete=bool(row["is_complete"]),
        indexed_until_seconds=row["done_until_seconds"] or 0.0,
        indexed_at=time_of(row["indexed_at"], "the time of a video"),
        num_frames=row["num_segments"] or 0,
    )


def _one(videos: list[Video]) -> Video | None:
    return videos[0] if videos else None
