"""Data types that all layers share: frozen dataclasses, without I/O.

Times are seconds from the start of the video, as a player shows them: container presentation times minus the
container's start time. Spans are half-open: [start, end).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.paths import exists, is_elsewhere

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vidsearch.tracks import TrackKind

    UInt8Image: TypeAlias = NDArray[np.uint8]
    """(height, width, 3), RGB, 0 to 255."""
    Float32: TypeAlias = NDArray[np.float32]
    Int64: TypeAlias = NDArray[np.int64]

LARGEST_ID = 2**63 - 1
"""Ids are signed integers of 64 bits, in SQLite and on a server."""


# --- media ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of a video file, read without decoding it."""

    size_bytes: int
    container: str
    codec: str
    width: int
    """Pixels as displayed, after rotation."""
    height: int
    rotation_degrees: int
    """Clockwise rotation that makes the stored picture upright, after any mirroring: 0, 90, 180 or 270."""
    frame_rate: float | None
    """Average frames per second; None if the container does not state it."""
    duration_seconds: float | None
    """None if the header does not state it."""
    num_audio_tracks: int
    created_at: datetime | None
    """Recording time in the container's metadata. Timezone-aware: with the file's own offset from UTC, or, if
    it has none, that of this machine's time zone."""


Sampling: TypeAlias = Literal["uniform", "shots", "keyframes"]


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Which times of a video are sampled.

    `uniform`: every 1 / fps seconds in [start, end), or `max_frames` times spread evenly if that is fewer.
    `shots`: the middle of each shot, and several times in long ones. `keyframes`: the stream's key frames.
    """

    fps: float = 1.0
    max_frames: int | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None
    sampling: Sampling = "uniform"


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A transcribed word. Times are seconds from the start of the sound."""

    start_seconds: float
    end_seconds: float
    text: str
    """Includes the preceding space, in languages that separate words."""
    probability: float


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive samples of sound."""

    start_seconds: float
    """From the start of the video. Each block starts where the previous one ends."""
    samples: Float32
    """Shape (n,), in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, upright."""

    time_seconds: float
    """Presentation time of the picture."""
    sample_time_seconds: float
    """The sampled time at which this picture is on screen. At or after `time_seconds`, except for times
    before the first picture."""
    image: UInt8Image
    shot: Shot | None = None
    """The shot that it represents; None unless the plan samples by shots."""
    large_image: UInt8Image | None = None
    """The same picture at a size for reading text, if requested."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames between two cuts: [start, end)."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class TimedText:
    """Words that belong to a span [start, end) of a video: a subtitle, a chapter title."""

    start_seconds: float
    end_seconds: float
    text: str
    """One line, without markup."""


# --- models -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Identifies what produced a vector. Vectors of different spaces are never compared."""

    model: str
    """Registry name, hub id or folder: "mini", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"."""
    weights_digest: str
    preprocessing: str
    dim: int
    kind: TrackKind = "frames"
    """The kind of segments that its vectors belong to. One model's vectors of frames, of sounds and of lines
    of text are stored and searched separately."""

    @property
    def key(self) -> str:
        """Short name, unique in practice, safe in a file name."""
        import hashlib

        parts = (self.model, self.weights_digest, self.preprocessing, str(self.dim))
        text = "\0".join(parts if self.kind == "frames" else (*parts, self.kind))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(self, kind: TrackKind) -> EmbeddingSpace:
        """The space of the same model's vectors for another kind of segments."""
        return replace(self, kind=kind)


UNCLEAR_CAPTION = "a picture that is hard to make out"
"""The caption of an image that a captioner cannot describe."""


@dataclass(frozen=True, slots=True)
class GeneratedCaption:
    """A captioner's output for one image."""

    text: str
    """Cleaned for reading."""
    raw_text: str
    tokens: tuple[str, ...]
    token_logprobs: tuple[float, ...]
    """Natural log-probability of each of `tokens`."""


@dataclass(frozen=True, slots=True)
class LibraryModels:
    """The models that a library uses, each by registry name, hub id or folder."""

    embedders: tuple[str, ...]
    captioner: str | None
    moving: tuple[str, ...] = ()
    """Models that embed a few seconds of moving pictures at once."""
    sounds: tuple[str, ...] = ()
    """Models that embed sound."""


# --- captions ---------------------------------------------------------------------------------------


class CaptionOrigin(StrEnum):
    """Who wrote a caption."""

    MODEL = "model"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Caption:
    """A frame's caption and its provenance."""

    text: str
    raw_text: str
    origin: CaptionOrigin = CaptionOrigin.MODEL
    model: str | None = None
    prompt: str | None = None
    mean_logprob: float | None = None
    """Mean natural log-probability per token; None for human captions."""
    carried_over: bool = False
    """True if the caption was written for an earlier frame that looks alike, rather than for this one."""


# --- files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Identifies a file's content."""

    content_hash: str
    """Hex digest of the whole file. For a remote file that was not read completely yet, see
    `store.fingerprint.identify`."""
    quick_key: str
    """Hex digest of the size and a few blocks: cheap, equal for equal files, but no proof of equality."""
    size_bytes: int
    mtime_ns: int
    version: str | None = None
    """The version that a remote file's server reports; see `SourceState`."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """Tells whether a file has changed, without reading it."""

    size_bytes: int
    mtime_ns: int
    """0 if a remote file's server does not report it."""
    version: str | None
    """Changes whenever the content does: a version id or an ETag; for a local file, the inode."""


# --- library ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Video:
    """A video in a library. The same content at two paths is one video."""

    id: int
    content_hash: str
    quick_key: str
    """A quick check whether a file still holds this video; see `Fingerprint`."""
    paths: tuple[Path, ...]
    """Where it was last seen, in the order in which the paths were added; never empty."""
    info: VideoInfo
    plan: SamplingPlan
    is_complete: bool
    indexed_until_seconds: float
    indexed_at: datetime
    num_frames: int

    @property
    def path(self) -> Path:
        """The first path that exists now, or the first one if none does. Remote paths are not checked."""
        here_first = sorted(self.paths, key=is_elsewhere) if len(self.paths) > 1 else self.paths
        return next((path for path in here_first if exists(path)), self.paths[0])


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """A frame in a library, without its picture and its vectors."""

    id: int
    video_id: int
    time_seconds: float
    end_seconds: float
    """The next frame's time, or the end of the video: the frame represents [time, end)."""
    caption: Caption | None
    is_blank: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be indexed, and the reason."""

    path: Path
    reason: str
    error: str
    """Class name of the error: "NotAVideo"."""
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """Restricts a query to some frames: those that satisfy every field that is set."""

    video_glob: str | None = None
    """Matched against the whole path and against the file name, ignoring case."""
    video_ids: tuple[int, ...] | None = None
    after_seconds: float | None = None
    """Frames at this time of their video or later."""
    before_seconds: float | None = None
    """Frames before this time of their video."""
    recorded_after: datetime | None = None
    """Compared with the container's creation time, or the file's modification time if it has none. A time
    without a zone is local time where each video was recorded."""
    recorded_before: datetime | None = None
    min_duration_seconds: float | None = None
    max_duration_seconds: float | None = None
    caption_words: str | None = None
    """Frames whose caption contains all of these words (stemmed)."""
    label: str | None = None
    """Frames where this label was seen."""

    @property
    def is_empty(self) -> bool:
        return self == FrameFilter()


# --- search -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason why a moment matches a query."""

    kind: str
    """"pictures", "captions", "corrections", "subtitles", ..."""
    text: str
    """The matching words; empty for pictures."""
    start_seconds: float
    """Where it is seen or heard: [start, end)."""
    end_seconds: float
    confidence: float | None
    """Probability in [0, 1] that the moment matches, judged by this evidence alone."""
    highlighted: str = ""
    """`text` with `store.records.HIGHLIGHT_START` and `HIGHLIGHT_END` around each word that matched."""


@dataclass(frozen=True, slots=True)
class StepHit:
    """One step of a hit for a query with several steps."""

    text: str
    frame_id: int
    time_seconds: float
    score: float
    """The standard score of the step's words for the frame, averaged over the spaces; if words of tracks were
    searched too, the logarithm of the step's probability."""
    caption: str | None
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    """Why it matches this step, strongest first."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A moment that matches a query."""

    video: Video
    frame_id: int
    time_seconds: float
    """The best frame's time."""
    start_seconds: float
    end_seconds: float
    """The matching span, [start, end), which contains the best frame."""
    score: float
    """Comparable only within one answer: a cosine, a BM25 score, or -log(1 - probability) for several kinds
    of evidence combined."""
    caption: str | None
    confidence: float | None = None
    """Probability in [0, 1] that the moment matches; comparable across models and libraries."""
    num_duplicates: int = 0
    """Near-identical moments of other videos that this hit also represents."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The scores that `score` was fused from, by name."""
    steps: tuple[StepHit, ...] = ()
    """For a query with several steps: one per step, in order of time."""
    evidence: tuple[Evidence, ...] = ()
    """Why it matches, strongest first."""
