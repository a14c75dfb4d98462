"""What became of each file: known, in work, done, failed, moved, replaced, gone.

Each function is one transaction on a catalog. A video is its content; its paths come and go.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vidsearch.errors import MediaError, VideoNotFound, VidsearchError
from vidsearch.store import caption_rows, frame_rows, vector_rows, video_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.fingerprint import fingerprint, glance
from vidsearch.store.records import FileState
from vidsearch.types import (
    Caption,
    CaptionOrigin,
    Chunk,
    EmbeddingSpace,
    Fingerprint,
    SamplingPlan,
    Video,
    VideoInfo,
)


def absolute(path: Path) -> Path:
    """A path as the catalog knows it: absolute, links not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps "..", Path.resolve follows links)


def lookup(catalog: Catalog, path: Path) -> FileState:
    """See `Library.lookup`."""
    path = absolute(path)
    with catalog.read() as connection:
        failure = video_rows.failure_at(connection, path)
    try:
        seen = glance(path)
    except MediaError:
        if failure is not None and failure[1] == (None, None, None):
            return FileState("failed", failure=failure[0])
        raise
    if failure is not None and failure[1] == (seen.size_bytes, seen.mtime_ns, seen.quick_key):
        return FileState("failed", failure=failure[0])
    with catalog.read() as connection:
        there = video_rows.path_row(connection, path)
        before = existing(connection, there[0]) if there else None
        if (
            before is not None
            and there is not None
            and there[1:] == (seen.size_bytes, seen.mtime_ns)
            and video_rows.quick_key_of(connection, before.id) == seen.quick_key
        ):
            return replace(_state(connection, before), is_known_here=True)
        if not video_rows.has_quick_key(connection, seen.quick_key):
            return FileState("new", replaces=before)
    # Some video looks like this file. Only its whole content tells whether it is the same.
    whole = fingerprint(path)
    with catalog.read() as connection:
        video = video_rows.video_by_hash(connection, whole.content_hash)
        if video is None:
            return FileState("new", fingerprint=whole, replaces=before)
        state = replace(_state(connection, video), fingerprint=whole)
    return replace(state, replaces=before) if before is not None and before.id != video.id else state


def add_path(catalog: Catalog, video_id: int, path: Path, known: Fingerprint | None) -> Video:
    """See `Library.add_path`."""
    path = absolute(path)
    whole = known or fingerprint(path)
    with catalog.write() as connection:
        video = existing(connection, video_id)
        if video.content_hash != whole.content_hash:
            raise VideoNotFound(f"{path} does not hold the video #{video_id}: its content is another.")
        video_rows.put_path(connection, video_id, path, whole)
        video_rows.delete_failure(connection, path)
        return existing(connection, video_id)


def prune(catalog: Catalog, *, missing: bool) -> list[Video]:
    """See `Library.prune`."""
    gone = []
    if missing:
        with catalog.read() as connection:
            gone = [path for path, *_ in video_rows.paths(connection) if not path.exists()]
    with catalog.write() as connection:
        for path in gone:
            video_rows.delete_path(connection, path)
        videos = video_rows.videos_by_id(connection, video_rows.pathless_ids(connection))
        for video in videos:
            _remove(connection, video.id)
    return videos


def record_failure(catalog: Catalog, path: Path, error: VidsearchError) -> None:
    """See `Library.record_failure`."""
    path = absolute(path)
    try:
        seen = glance(path)
    except MediaError:
        seen = None
    with catalog.write() as connection:
        video_rows.put_failure(
            connection,
            path,
            error=type(error).__name__,
            reason=error.reason,
            size_bytes=seen.size_bytes if seen else None,
            mtime_ns=seen.mtime_ns if seen else None,
            quick_key=seen.quick_key if seen else None,
        )


def begin_video(
    catalog: Catalog,
    path: Path,
    whole: Fingerprint,
    info: VideoInfo,
    plan: SamplingPlan,
    spaces: Sequence[EmbeddingSpace],
) -> Video:
    """See `Library.begin_video`."""
    path = absolute(path)
    with catalog.write() as connection:
        space_ids = sorted(vector_rows.ensure_space(connection, space) for space in spaces)
        video = video_rows.video_by_hash(connection, whole.content_hash)
        if video is None:
            video_id = video_rows.insert_video(connection, path, whole, info, plan)
            vector_rows.set_video_spaces(connection, video_id, space_ids)
        else:
            video_id = video.id
            if video.plan != plan or vector_rows.video_space_ids(connection, video_id) != space_ids:
                _remove_frames(connection, video_id)
                video_rows.restart_video(connection, video_id, plan)
                vector_rows.set_video_spaces(connection, video_id, space_ids)
        video_rows.put_path(connection, video_id, path, whole)
        video_rows.delete_failure(connection, path)
        return existing(connection, video_id)


def add(catalog: Catalog, video_id: int, chunk: Chunk) -> None:
    """See `Library.add`."""
    with catalog.write() as connection:
        existing(connection, video_id)
        corrections = caption_rows.corrections(connection, video_id)
        space_ids: dict[EmbeddingSpace, int] = {}
        for record in chunk.frames:
            frame_id = frame_rows.insert_frame(connection, video_id, record)
            if frame_id is None:
                continue
            for space in record.vectors:
                if space not in space_ids:
                    space_ids[space] = vector_rows.ensure_space(connection, space)
            vector_rows.insert_vectors(connection, frame_id, record.vectors, space_ids)
            if record.caption is not None:
                caption_rows.put_caption(connection, frame_id, record.caption)
            if record.time_seconds in corrections:
                text = corrections[record.time_seconds]
                human = Caption(text=text, raw_text=text, origin=CaptionOrigin.HUMAN)
                caption_rows.put_caption(connection, frame_id, human)
        frame_rows.insert_shots(connection, video_id, chunk.shots)
        vector_rows.note_change(connection, space_ids.values(), rewrites=False)
        video_rows.advance_video(connection, video_id, chunk.until_seconds)


def remove(catalog: Catalog, video_ids: Sequence[int]) -> None:
    """See `Library.remove`."""
    with catalog.write() as connection:
        for video_id in video_ids:
            existing(connection, video_id)
            _remove(connection, video_id)


def existing(connection: sqlite3.Connection, video_id: int) -> Video:
    """The video with an id. Raises VideoNotFound."""
    videos = video_rows.videos_by_id(connection, [video_id])
    if not videos:
        raise VideoNotFound(f"There is no video #{video_id} in the library (any more).")
    return videos[0]


def _state(connection: sqlite3.Connection, video: Video) -> FileState:
    space_ids = set(vector_rows.video_space_ids(connection, video.id))
    return FileState(
        "complete" if video.is_complete else "partial",
        video=video,
        spaces=tuple(row.space for row in vector_rows.spaces(connection) if row.id in space_ids),
    )


def _remove(connection: sqlite3.Connection, video_id: int) -> None:
    _remove_frames(connection, video_id)
    video_rows.delete_video(connection, video_id)


def _remove_frames(connection: sqlite3.Connection, video_id: int) -> None:
    changed = vector_rows.video_space_ids(connection, video_id)
    frame_rows.delete_frames(connection, video_id)
    vector_rows.note_change(connection, changed, rewrites=True)
