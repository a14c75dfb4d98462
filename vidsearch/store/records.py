"""Data types of the store, besides those in `vidsearch.types`: frozen dataclasses, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vidsearch.tracks import Track
from vidsearch.types import Caption, EmbeddingSpace, Failure, Fingerprint, LibraryModels, TimedText, Video


@dataclass(frozen=True, slots=True)
class FileState:
    """What a library knows about a file, determined without running a model."""

    state: Literal["new", "complete", "partial", "failed"]
    """`new`: the content is unknown. `complete`: it is fully indexed. `partial`: an earlier run stopped at
    `video.indexed_until_seconds`. `failed`: it could not be indexed, and has not changed since."""
    video: Video | None = None
    """Set if `complete` or `partial`."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces in which the video's frames have vectors."""
    tracks: tuple[Track, ...] = ()
    """All tracks of the video."""
    failure: Failure | None = None
    fingerprint: Fingerprint | None = None
    """Set if the whole file had to be read, so that it need not be read again."""
    is_known_here: bool = False
    """Whether the library has this content at this path, with this size and modification time. If not,
    `Store.add_path` adds it."""
    replaces: Video | None = None
    """The video that the library has at this path, if the file no longer holds it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to index some content, until it is released or lost."""

    content_hash: str
    epoch: int
    """A number that is never used twice. Writes check by it whether the lease is still held."""
    deaths: int = 0
    """How many workers died while reading the content, since a part of it was last committed."""


@dataclass(frozen=True, slots=True)
class OpenedVideo:
    """A video, and the tracks that a run makes or continues."""

    video: Video
    tracks: tuple[Track, ...]
    """In the order in which they were requested."""
    space_until_seconds: Mapping[EmbeddingSpace, float]
    """Up to where its frames have vectors in each requested space; infinity if all of them have."""


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """A library's models, and its size in numbers."""

    path: str
    """Its folder, or its server's address without the password."""
    format_version: int
    models: LibraryModels | None
    spaces: tuple[EmbeddingSpace, ...]
    num_videos: int
    num_complete: int
    num_frames: int
    num_captions: int
    num_failures: int
    duration_seconds: float
    """Of all videos whose duration is known, together."""
    size_bytes: int
    """The size of the catalog and the vector files."""


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """A subtitle track, with its lines."""

    id: int
    video_id: int
    name: str
    cues: tuple[TimedText, ...]


HIGHLIGHT_START = "\x02"
HIGHLIGHT_END = "\x03"
"""Mark a matching word. Control characters, which no text contains, so that they survive escaping."""


@dataclass(frozen=True, slots=True)
class CaptionVersion:
    """A caption that a frame has, or had."""

    caption: Caption
    version: int
    """1 for a frame's first caption, counting up."""
    is_active: bool
    """Whether it is shown and searched. A human correction stays active when models write new captions."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that `Store.verify` found."""

    kind: str
    """A stable identifier: "catalog", "vectors-missing", "cache", "thumbnail", "file-missing", ..."""
    what: str
    """One line for people, which names the video or frame."""
    repaired: str | None = None
    """What was done about it; None for nothing."""
