"""The nouns of vidsearch: plain, frozen data that every layer hands to the next.

No I/O and no behaviour beyond small derived values. Times are seconds from the start of the video as a
player counts them (container presentation times less the container's start time). Spans are half-open:
[start, end).
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
    """What a file says of itself, without decoding it."""

    size_bytes: int
    container: str
    codec: str
    width: int
    """Pixels as displayed, after rotation."""
    height: int
    rotation_degrees: int
    """Clockwise turn that makes the stored picture upright, after any mirroring: 0, 90, 180 or 270."""
    frame_rate: float | None
    """Average frames per second; None where the container does not say."""
    duration_seconds: float | None
    """None where the header does not say."""
    num_audio_tracks: int
    created_at: datetime | None
    """When the container says that it was recorded. Aware, with the offset from UTC that held there as far as
    the file says it, else with that of this machine's time zone."""


Sampling: TypeAlias = Literal["uniform", "shots", "keyframes"]


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Which instants of a video are looked at.

    `uniform`: each k / fps in [start, end), or, with `max_frames` N, N instants spread evenly where that is
    fewer. `shots`: the middle of each shot, and more of long ones. `keyframes`: the stream's own key frames.
    """

    fps: float = 1.0
    max_frames: int | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None
    sampling: Sampling = "uniform"


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it was heard, in seconds from the start of the sound."""

    start_seconds: float
    end_seconds: float
    text: str
    """With the space before it, in languages that have spaces."""
    probability: float


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Some seconds of sound."""

    start_seconds: float
    """From the start of the video. A block begins where the one before it ends."""
    samples: Float32
    """Shape (n,), in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, upright."""

    time_seconds: float
    """Presentation time of the picture."""
    sample_time_seconds: float
    """The sampled instant at which this picture is on screen; at or after `time_seconds`, but for instants
    before the first picture."""
    image: UInt8Image
    shot: Shot | None = None
    """The shot that it stands for, where the plan looks for shots."""
    large_image: UInt8Image | None = None
    """The picture once more, large enough to be read, where that was asked for."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames between two cuts: [start, end)."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class TimedText:
    """Words that hold for a span [start, end) of a video: a subtitle, a chapter."""

    start_seconds: float
    end_seconds: float
    text: str
    """One line, without markup."""


# --- models -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What made a vector. Vectors of different spaces are never compared."""

    model: str
    """Registry name, hub id or folder: "mini", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"."""
    weights_digest: str
    preprocessing: str
    dim: int
    kind: TrackKind = "frames"
    """The kind of the segments that its vectors belong to. What one model makes of frames, of sounds and of
    lines of words is kept, and searched, apart."""

    @property
    def key(self) -> str:
        """Short name, unique in practice, safe in a file name."""
        import hashlib

        parts = (self.model, self.weights_digest, self.preprocessing, str(self.dim))
        text = "\0".join(parts if self.kind == "frames" else (*parts, self.kind))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(self, kind: TrackKind) -> EmbeddingSpace:
        """The space of what the same model makes of another kind of segments."""
        return replace(self, kind=kind)


UNCLEAR_CAPTION = "a picture that is hard to make out"
"""What a captioner says of an image that it has no words for."""


@dataclass(frozen=True, slots=True)
class GeneratedCaption:
    """What a captioner says of one image."""

    text: str
    """Cleaned for reading."""
    raw_text: str
    tokens: tuple[str, ...]
    token_logprobs: tuple[float, ...]
    """Natural log-probability of each token, as long as `tokens`."""


@dataclass(frozen=True, slots=True)
class LibraryModels:
    """The models that a library is made with, by registry name, hub id or folder."""

    embedders: tuple[str, ...]
    captioner: str | None
    moving: tuple[str, ...] = ()
    """Those that look at several frames of a few seconds at once."""
    sounds: tuple[str, ...] = ()
    """Those that hear."""


# --- captions ---------------------------------------------------------------------------------------


class CaptionOrigin(StrEnum):
    """Who wrote a caption."""

    MODEL = "model"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption of a frame, and where it comes from."""

    text: str
    raw_text: str
    origin: CaptionOrigin = CaptionOrigin.MODEL
    model: str | None = None
    prompt: str | None = None
    mean_logprob: float | None = None
    """Mean natural log-probability per token; None for human captions."""
    carried_over: bool = False
    """True where the frame was not captioned itself but looked like an earlier one, whose caption this is."""


# --- files ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file's content, as far as it is known."""

    content_hash: str
    """Hex digest over the whole file; for one elsewhere that was not read whole yet, see
    `store.fingerprint.identify`."""
    quick_key: str
    """Hex digest over the size and some blocks: cheap, equal for equal files, and not proof of equality."""
    size_bytes: int
    mtime_ns: int
    version: str | None = None
    """What its server calls it, for a file elsewhere; see `SourceState`."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What tells, without reading a file, that it is still the one that it was."""

    size_bytes: int
    mtime_ns: int
    """0 where its server does not say."""
    version: str | None
    """What changes whenever the content does: a version id or an ETag; on this machine, the inode."""


# --- library ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Video:
    """A video in a library. The same content at two paths is one video."""

    id: int
    content_hash: str
    quick_key: str
    """See `Fingerprint`: tells quickly whether a file still holds the video."""
    paths: tuple[Path, ...]
    """Where it was last seen, the first one first; never empty."""
    info: VideoInfo
    plan: SamplingPlan
    is_complete: bool
    indexed_until_seconds: float
    indexed_at: datetime
    num_frames: int

    @property
    def path(self) -> Path:
        """The first path that exists now, else the first. No server is asked: see `paths.exists`."""
        here_first = sorted(self.paths, key=is_elsewhere) if len(self.paths) > 1 else self.paths
        return next((path for path in here_first if exists(path)), self.paths[0])


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """A frame in a library, without its picture and vectors."""

    id: int
    video_id: int
    time_seconds: float
    end_seconds: float
    """The next frame's time, or the video's end: the frame stands for [time, end)."""
    caption: Caption | None
    is_blank: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be indexed, and why."""

    path: Path
    reason: str
    error: str
    """Class name of the error: "NotAVideo"."""
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """Which frames a query looks at. Every set field must hold."""

    video_glob: str | None = None
    """Matched against the whole path and against the file name; letter case is ignored."""
    video_ids: tuple[int, ...] | None = None
    after_seconds: float | None = None
    """Frames at this time of their video or later."""
    before_seconds: float | None = None
    """Frames before this time of their video."""
    recorded_after: datetime | None = None
    """Container creation time, else the file's modification time. A time without a zone is meant on the clock
    of the place where each video was recorded."""
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
    """One reason why a moment is a hit."""

    kind: str
    """"pictures", "captions", "corrections", "subtitles", ..."""
    text: str
    """The words that answer; empty for pictures."""
    start_seconds: float
    """Where it is seen or said: [start, end)."""
    end_seconds: float
    confidence: float | None
    """Probability in [0, 1], by this alone, that it is what was asked for."""
    highlighted: str = ""
    """`text` with `store.records.HIGHLIGHT_START` and `HIGHLIGHT_END` around each word that matched."""


@dataclass(frozen=True, slots=True)
class StepHit:
    """One step of a moment that was asked for as a sequence."""

    text: str
    frame_id: int
    time_seconds: float
    score: float
    """The mean standard score of the step's words and the frame over the spaces; the logarithm of the step's
    probability where words of tracks were looked at too."""
    caption: str | None
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    """Why it is this step, what tells most first."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A moment that answers a query."""

    video: Video
    frame_id: int
    time_seconds: float
    """The best frame's time."""
    start_seconds: float
    end_seconds: float
    """The span around the best frame: [start, end)."""
    score: float
    """Comparable within one answer only: a cosine, a BM25 score, or the joint weight of several kinds of
    evidence, -log(1 - probability)."""
    caption: str | None
    confidence: float | None = None
    """Probability in [0, 1] that this is what was asked for, comparable across models and libraries."""
    num_duplicates: int = 0
    """Near-identical moments of other videos that were folded into this one."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The parts that the score was fused from, by name."""
    steps: tuple[StepHit, ...] = ()
    """Of a query with several steps, each in order of time."""
    evidence: tuple[Evidence, ...] = ()
    """Why it is a hit, what tells most first."""
