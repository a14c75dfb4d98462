"""What happens in a video: tracks of segments, each segment with a start and an end.

A sampled picture, a caption, a shot, a spoken sentence, a line on the screen, a subtitle, a chapter, a sound
and a person's correction are all segments. Plain, frozen data, without I/O. Times are seconds from the start
of the video; spans are half-open: [start, end).
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
"""What a track's segments are: sampled pictures, sentences about them, runs between cuts, spoken sentences,
lines on the screen, subtitles, chapters, windows of sound, windows of moving pictures, spans that a label
fits."""

WINDOW_KINDS: tuple[TrackKind, ...] = ("sound", "clip")
"""Kinds whose segments are cut by time for a model that makes a vector of each."""

TrackState: TypeAlias = Literal["building", "active", "superseded"]
"""`active`: shown and searched. `building`: made beside an active track, to take its place once it is whole.
`superseded`: kept, but neither shown nor searched."""

HUMAN = "human"
"""The producer of what people write. No model's track ever takes its place."""


FILE = "file"
"""The producer of what people imported from a file."""


@dataclass(frozen=True, slots=True)
class TrackSpec:
    """What a track is to be, before it is made: two equal ones of a video are the same track."""

    kind: TrackKind
    producer: str
    """What makes it, exactly: a model, "file", "stream", or "human"."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """How it is made, as JSON has it: the sampling plan, a model's weights by digest, a prompt, a file name,
    a stream's number."""
    language: str | None = None
    """BCP 47 tag of its text, where known: "en", "pt-BR"."""

    def is_by_same_model(self, other: TrackSpec) -> bool:
        """Whether the same model, with the same weights where both tracks name them, makes both."""
        digests = {spec.params["weights"] for spec in (self, other) if "weights" in spec.params}
        return self.producer == other.producer and len(digests) <= 1

    def replaces(self, other: TrackSpec) -> bool:
        """Whether a whole track of this kind takes the place of another one of the same video.

        Of most kinds a video shows one track, beside what people wrote. Subtitles stand side by side, as they
        come from different files and streams; so do windows, whose vectors of different models are searched
        together, and what is said of chapters and of the whole video, beside the file's own chapters.
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
        """What subtitles are read from: a file by its name, a stream by its number."""
        return self.producer, self.params.get("name"), self.params.get("stream")

    @property
    def is_made_by_people(self) -> bool:
        """Whether it holds what only a person can bring again: their words, or subtitles from a file."""
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
    """How far it is made: a later run continues here."""
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
        """What to call it among the tracks of its kind: a file's or a stream's name, else what made it."""
        return str(self.spec.params.get("name") or self.spec.language or self.spec.producer)

    @property
    def is_human(self) -> bool:
        return self.spec.producer == HUMAN


@dataclass(frozen=True, slots=True)
class Segment:
    """What a track holds for [start, end) of its video."""

    id: int
    track_id: int
    start_seconds: float
    end_seconds: float
    text: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What else its producer says of it, as JSON has it: a score, a box on the screen, words with times."""


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment ready to be kept."""

    start_seconds: float
    end_seconds: float
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    vectors: Mapping[EmbeddingSpace, Float32] = field(default_factory=dict)
    """One unit row of shape (dim,) per space."""
    thumbnail_jpeg: bytes | None = None
    continues: bool = False
    """True where a segment of the track that ends here goes on: that one is made longer, and none is
    added."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next part of some of a video's tracks. It becomes visible in one transaction."""

    until_seconds: float
    """The tracks are made up to here; a later run continues from here."""
    tracks: Mapping[int, tuple[SegmentRecord, ...]]
    """Segments in order of time, by the id of their track. A segment whose start the track already has is
    left as it is, but gains the vectors that it lacks."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces in which every segment of this part that is to have a vector has one now."""


@dataclass(frozen=True, slots=True)
class WordKind:
    """Words to look in: of one kind of track, by models or by people."""

    kind: TrackKind
    is_human: bool = False


@dataclass(frozen=True, slots=True)
class SegmentMatch:
    """A segment whose words answer a query."""

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
    """Higher is better; comparable within one answer only."""
    highlighted: str
    """The text, with HIGHLIGHT_START and HIGHLIGHT_END around each word that matched."""
