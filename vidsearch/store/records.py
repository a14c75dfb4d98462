"""What a library says of itself: plain data, beside the nouns in `vidsearch.types`. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vidsearch.tracks import Track
from vidsearch.types import Caption, EmbeddingSpace, Failure, Fingerprint, LibraryModels, TimedText, Video


@dataclass(frozen=True, slots=True)
class FileState:
    """What a library knows of a file, found without running a model."""

    state: Literal["new", "complete", "partial", "failed"]
    """`new`: its content is not known. `complete`: all of it is indexed. `partial`: an earlier run stopped
    at `video.indexed_until_seconds`. `failed`: it could not be indexed, and has not changed since."""
    video: Video | None = None
    """Set where `complete` or `partial`."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces that the video's frames have vectors in."""
    tracks: tuple[Track, ...] = ()
    """All tracks of the video."""
    failure: Failure | None = None
    fingerprint: Fingerprint | None = None
    """Set where finding out took reading the whole file, so that nobody need read it again."""
    is_known_here: bool = False
    """True where the library already has this content at this path, with this size and modification time.
    Otherwise `Store.add_path` makes it so."""
    replaces: Video | None = None
    """The video that the library has at this path, where the file's content is no longer that video's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a content, until it is given back or lost."""

    content_hash: str
    epoch: int
    """Never used twice: by it a write knows whether the lease is still held."""
    deaths: int = 0
    """How many workers died at the content since a part of it was last kept."""


@dataclass(frozen=True, slots=True)
class OpenedVideo:
    """A video with the tracks that a run is to make or to continue."""

    video: Video
    tracks: tuple[Track, ...]
    """In the order in which they were asked for."""
    space_until_seconds: Mapping[EmbeddingSpace, float]
    """Up to where its frames have vectors in each space that was asked for; infinity where all of them
    have."""


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """A library in numbers."""

    path: str
    """Its folder, or the address of its server without a password."""
    format_version: int
    models: LibraryModels | None
    spaces: tuple[EmbeddingSpace, ...]
    num_videos: int
    num_complete: int
    num_frames: int
    num_captions: int
    num_failures: int
    duration_seconds: float
    """Of all videos whose duration is known."""
    size_bytes: int
    """On disk: the catalog and the vector caches."""


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """Subtitles that came with a video, beside its captions."""

    id: int
    video_id: int
    name: str
    cues: tuple[TimedText, ...]


HIGHLIGHT_START = "\x02"
HIGHLIGHT_END = "\x03"
"""Control characters: they occur in no caption, so a caller can turn them into markup after escaping."""


@dataclass(frozen=True, slots=True)
class CaptionVersion:
    """One of the captions that a frame has had."""

    caption: Caption
    version: int
    """1 for a frame's first caption, counting up."""
    is_active: bool
    """The one that is shown and searched. A human correction stays active when models caption again."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `Store.verify` found wrong."""

    kind: str
    """Short and stable: "catalog", "vectors-missing", "cache", "thumbnail", "file-missing", ..."""
    what: str
    """One line for a person, with the video or frame in question."""
    repaired: str | None = None
    """What was done about it, or None."""
