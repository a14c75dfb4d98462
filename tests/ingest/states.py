"""All that a library says of its videos, in a form that two libraries can be compared by."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidsearch.store.store import Store


@dataclass(frozen=True)
class FrameState:
    """A frame, without ids."""

    time_seconds: float
    is_blank: bool
    caption: str | None
    is_carried_over: bool
    thumbnail: str
    """Digest."""
    vectors: tuple[tuple[float, ...], ...]
    """One per space, rounded to 1e-5; empty where the frame has none."""


@dataclass(frozen=True)
class SegmentState:
    """A segment, without ids."""

    start_seconds: float
    end_seconds: float
    text: str | None
    attributes: str
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class TrackState:
    """A track, without ids."""

    kind: str
    producer: str
    state: str
    is_complete: bool
    segments: tuple[SegmentState, ...]


def state_of(library: Store) -> dict[str, tuple[bool, tuple[FrameState, ...]]]:
    """Of each video, by file name: whether it is complete, and its frames by time."""
    return {
        video.path.name: (video.is_complete, tuple(_frames(library, video.id))) for video in library.videos()
    }


def lines_of(library: Store) -> dict[str, list[tuple[float, float, str | None]]]:
    """Of each video, by file name: the lines on its screen, by start."""
    return {
        name: [
            (segment.start_seconds, segment.end_seconds, segment.text)
            for track in tracks
            if track.kind == "ocr"
            for segment in track.segments
        ]
        for name, tracks in tracks_of(library).items()
    }


def tracks_of(library: Store) -> dict[str, list[TrackState]]:
    """Of each video, by file name: all of its tracks but the frames, and all that they hold."""
    return {
        video.path.name: sorted(
            (
                TrackState(
                    track.spec.kind,
                    track.spec.producer,
                    track.state,
                    track.is_complete,
                    tuple(_segments(library, track.id)),
                )
                for track in library.tracks(video.id)
                if track.kind != "frames"
            ),
            key=lambda track: (track.kind, track.producer),
        )
        for video in library.videos()
    }


def _segments(library: Store, track_id: int) -> list[SegmentState]:
    segments = library.segments(track_id)
    vectors: dict[int, list[tuple[float, ...]]] = {segment.id: [] for segment in segments}
    for space in sorted(library.spaces(), key=lambda space: space.key):
        ids, rows = library.vectors(space, list(vectors))
        for segment_id, row in zip(ids.tolist(), rows, strict=True):
            vectors[segment_id].append(tuple(row.tolist()))
    return [
        SegmentState(
            segment.start_seconds,
            segment.end_seconds,
            segment.text,
            json.dumps(segment.attributes, sort_keys=True),
            tuple(vectors[segment.id]),
        )
        for segment in segments
    ]


def _frames(library: Store, video_id: int) -> list[FrameState]:
    frames = library.frames(video_id)
    vectors: dict[int, list[tuple[float, ...]]] = {frame.id: [] for frame in frames}
    for space in sorted(library.spaces(), key=lambda space: space.key):
        ids, rows = library.vectors(space, list(vectors))
        for frame_id, row in zip(ids.tolist(), rows, strict=True):
            vectors[frame_id].append(tuple(np.round(row, 5).tolist()))
    return [
        FrameState(
            time_seconds=frame.time_seconds,
            is_blank=frame.is_blank,
            caption=None if frame.caption is None else frame.caption.text,
            is_carried_over=bool(frame.caption and frame.caption.carried_over),
            thumbnail=hashlib.sha256(library.thumbnail(frame.id)).hexdigest(),
            vectors=tuple(vectors[frame.id]),
        )
        for frame in frames
    ]


def integrity(folder: Path) -> str:
    """What SQLite itself says of the library in a folder: "ok"."""
    (catalog,) = folder.glob("*.sqlite3")
    connection = sqlite3.connect(catalog)
    try:
        (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return str(answer)
    finally:
        connection.close()


def threads_at_work() -> list[str]:
    """Names of the threads of this package that still run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("vidsearch")]
