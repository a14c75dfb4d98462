"""What happens in a video: tracks of segments, each segment with a start and an end.

A sampled picture, a caption, a shot, a spoken sentence, a line of text on the screen, a subtitle, a chapter,
a sound and a person's correction are all segments. Frozen dataclasses, without I/O. Times are seconds from
the start of the video; spans are half-open: [start, end).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from vidsearch.types import EmbeddingSpace, Float32

TrackKind: TypeAlias = Literal[
    "frames", "caption", "shot", "transcript", "ocr", "subtitle", "chapter", "sound", "clip", "label"
]
"""What a track's segments are: sampled pictures, captions of them, shots, spoken sentences, lines of text on
the screen, subtitles, chapters, windows of sound, windows of moving pictures, spans that match a label."""

WINDOW_KINDS: tuple[TrackKind, ...] = ("sound", "clip")
"""Kinds whose segments are windows of fixed length, each with a vector and no text."""

TrackState: TypeAlias = Literal["building", "active", "superseded"]
"""`active`: shown and searched. `building`: being made to replace an active track once it is complete.
`superseded`: kept, but neither shown nor searched."""

HUMAN = "human"
"""The producer of what people write. No model's track ever replaces it."""

FILE = "file"
"""The producer of what people imported from a file."""


@dataclass(frozen=True, slots=True)
class TrackSpec:
    """What a track is made of and how. Equal specs for one video mean the same track."""

    kind: TrackKind
    producer: str
    """What makes it: a model's name, "file", "stream" or "human"."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """How it is made, as JSON values: the sampling plan, the digest of a model's weights, a prompt, a file
    name, a stream's number."""
    language: str | None = None
    """BCP 47 tag of its text, if known: "en", "pt-BR"."""

    def is_by_same_model(self, other: TrackSpec) -> bool:
        """Whether both are made by the same model, and by the same weights where both state them."""
        digests = {spec.params["weights"] for spec in (self, other) if "weights" in spec.params}
        return self.producer == other.producer and len(digests) <= 1

    def replaces(self, other: TrackSpec) -> bool:
        """Whether this track, once complete, replaces another track of the same video.

        For most kinds, a video has one active track besides what people wrote. Several are active at once for
        subtitles (one per file or stream), windows (one per model; their vectors are searched together) and
        chapters (the file's own, a model's captions of them, and its caption of the whole video).
        """
        if self.kind != other.kind or HUMAN in (self.producer, other.producer):
            return False
        if self.kind in WINDOW_KINDS:
            return self.producer == other.producer
        if self.kind == "chapter":
            return self.params.get("level") == other.params.get("level")
        return self.kind != "subtitle" or self._source == other._source

    @property
    def _source(self) -> tuple[object, ...]:
        """Where subtitles come from: a file's name or a stream's number."""
        return self.producer, self.params.get("name"), self.params.get("stream")

    @property
    def is_made_by_people(self) -> bool:
        """Whether only a person could supply it again: their own words, or subtitles from a file."""
        return self.producer in (HUMAN, FILE)


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a video in a library."""

    id: int
    video_id: int
    spec: TrackSpec
    state: TrackState
    is_complete: bool
    done_until_seconds: float
    """Up to where it is made; a later run continues from here."""
    created_at: datetime
    num_segments: int

    @property
    def kind(self) -> TrackKind:
        return self.spec.kind

    @property
    def language(self) -> str | None:
        return self.spec.language

    @property
    def name(self) -> str:
        """Names it among tracks of its kind: a file's or stream's name, its language, or its producer."""
        return str(self.spec.params.get("name") or self.spec.language or self.spec.producer)

    @property
    def is_human(self) -> bool:
        return self.spec.producer == HUMAN


@dataclass(frozen=True, slots=True)
class Segment:
    """A track's content for [start, end) of its video."""

    id: int
    track_id: int
    start_seconds: float
    end_seconds: float
    text: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further output of its producer, as JSON values: a score, a box on the screen, words with times."""


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment to be stored."""

    start_seconds: float
    end_seconds: float
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    vectors: Mapping[EmbeddingSpace, Float32] = field(default_factory=dict)
    """One unit row of shape (dim,) per space."""
    thumbnail_jpeg: bytes | None = None
    continues: bool = False
    """True if it continues the track's segment that ends where this one starts: that segment is extended, and
    none is added."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next part of some of a video's tracks, which becomes visible in one transaction."""

    until_seconds: float
    """The tracks are made up to here, and a later run continues from here."""
    tracks: Mapping[int, tuple[SegmentRecord, ...]]
    """Segments in order of time, by the id of their track. If the track already has a segment with the same
    start, that one is kept, and gains the vectors that it lacks."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces in which all segments of this part now have their vectors."""


@dataclass(frozen=True, slots=True)
class WordKind:
    """A kind of text to search: of one kind of track, by models or by people."""

    kind: TrackKind
    is_human: bool = False


@dataclass(frozen=True, slots=True)
class SegmentMatch:
    """A segment whose words match a query."""

    segment_id: int
    track_id: int
    video_id: int
    kind: TrackKind
    is_human: bool
    """Whether a person wrote it."""
    start_seconds: float
    end_seconds: float
    text: str
    score: float
    """Higher is better; comparable only within one answer."""
    highlighted: str
    """The text, with HIGHLIGHT_START and HIGHLIGHT_END around each word that matched."""
