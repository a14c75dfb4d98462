"""Messages between the steps of an ingest: plain data that can cross threads and machines.

The session turns a file into a `VideoJob`, and receives the chunks made from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vidsearch.ingest.report import Counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidsearch.errors import VidsearchError
    from vidsearch.ingest.analyzers import AudioFindings, Finding
    from vidsearch.ingest.policy import LookMemory
    from vidsearch.media.completeness import DecodeReport
    from vidsearch.tracks import Chunk, SegmentRecord
    from vidsearch.types import EmbeddingSpace, SamplingPlan, Shot, UInt8Image


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analyzer's work on a video."""

    analyzer: int
    """Index among the run's analyzers."""
    track_id: int
    memory: LookMemory | None = None
    """The last frame it looked at in the existing part, ..."""
    findings: tuple[Finding, ...] = ()
    """... and its findings."""
    look_at_seconds: frozenset[float] | None = None
    """Times of the frames to look at, if known beforehand; else its policy decides."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """One audio analyzer's work on a video."""

    analyzer: int
    """Index among the run's audio analyzers."""
    track_id: int
    from_seconds: float = 0.0
    """Where it begins or resumes."""
    before: tuple[SegmentRecord, ...] = ()
    """Segments of the ten minutes before that."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reader's work on a video."""

    track_id: int
    from_seconds: float = 0.0
    """Pictures sampled before this are read already."""
    going_on: tuple[SegmentRecord, ...] = ()
    """The lines on screen then."""


@dataclass(frozen=True, slots=True)
class VideoJob:
    """The work on a video, or on the rest of one."""

    key: int
    """Chosen by the session; part of every result."""
    path: Path
    plan: SamplingPlan
    frames_track_id: int
    resume_from_seconds: float = 0.0
    """For its pictures; infinity if there is nothing to make of them."""
    num_frames_before: int = 0
    """Number of its frames before `resume_from_seconds`."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces to embed its frames in."""
    analyses: tuple[Analysis, ...] = ()
    reading: Reading | None = None
    shots_track_id: int | None = None
    hearings: tuple[Hearing, ...] = ()
    is_isolated: bool = False
    """Decode in a separate process, which may crash."""
    is_suspect: bool = False
    """Whether a process died at it before; it is then processed alone."""

    @property
    def has_pictures(self) -> bool:
        """Whether its pictures need work."""
        return self.resume_from_seconds < math.inf

    @property
    def from_seconds(self) -> float:
        """Start of the part of the video that this job covers."""
        return min([self.resume_from_seconds, *(hearing.from_seconds for hearing in self.hearings)])


@dataclass(frozen=True, slots=True)
class Picture:
    """A sampled frame of a job, scaled down, as prepared for the models."""

    job: VideoJob
    frame_index: int
    """Its index among the video's frames."""
    time_seconds: float
    sample_time_seconds: float
    thumbnail_jpeg: bytes
    image: UInt8Image | None
    """None for blank and near-duplicate frames, which models skip."""
    is_blank: bool = False
    is_repeat: bool = False
    """Whether it shares vectors and caption with the chunk's last frame that is neither blank nor a
    repeat."""
    shot: Shot | None = None
    findings: tuple[Finding, ...] | None = None
    """Its lines of text; None if they are those of the picture before."""

    @property
    def num_bytes(self) -> int:
        return len(self.thumbnail_jpeg) + (0 if self.image is None else self.image.nbytes)


@dataclass(frozen=True, slots=True)
class PicturesEnd:
    """A file has no more pictures."""

    path: Path
    job: VideoJob | None
    """None if it failed before it became a job."""
    error: VidsearchError | None = None
    report: DecodeReport | None = None
    """What was lost of it; None where it ended with an error."""


@dataclass(frozen=True, slots=True)
class VideoAdvanced:
    """Frames of a job have been embedded and wait for the rest of their chunk."""

    job: VideoJob
    until_seconds: float
    num_frames: int
    worker: str | None = None
    """The worker, if not this process."""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A chunk of a job, ready to be stored."""

    job: VideoJob
    chunk: Chunk
    counts: Counts


@dataclass(frozen=True, slots=True)
class VideoDone:
    """A file's pictures are done; all their chunks came before."""

    path: Path
    job: VideoJob | None
    error: VidsearchError | None = None
    """Why it ended before its end."""
    report: DecodeReport | None = None
    """What was lost of it; None where it ended with an error."""


@dataclass(frozen=True, slots=True)
class SoundHeard:
    """An analyzer's segments for the next part of a job's sound, ready to be stored."""

    job: VideoJob
    hearing: Hearing
    findings: AudioFindings


@dataclass(frozen=True, slots=True)
class SoundDone:
    """An analyzer is done with a job's sound; all its segments came before."""

    job: VideoJob
    hearing: Hearing
    error: VidsearchError | None = None
    """Why it ended before the end of the sound; NoSound if there is none."""


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """There is work, and remote workers are about to be started."""


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A remote worker is ready for jobs."""

    worker: str


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A job's worker died or does not respond."""

    job: VideoJob
    has_begun: bool
    """Whether the file may be the cause."""
    go_on: Callable[[VideoJob | None], None]
    """Receives the job that continues it, or None."""


JobResult: TypeAlias = VideoAdvanced | ChunkDone | VideoDone | SoundHeard | SoundDone
"""The results of a job."""

WorkResult: TypeAlias = JobResult | WorkersAwaited | WorkerJoined | WorkerLost
