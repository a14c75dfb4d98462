"""What the steps of an ingest hand to each other: plain data that can travel between threads and machines.

Whoever keeps a library makes a `VideoJob` of a file, and takes back the chunks made of it.
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
    """What one analyzer is to make of a video."""

    analyzer: int
    """Its place among the run's analyzers."""
    track_id: int
    memory: LookMemory | None = None
    """Of the part that is made already, the last frame that it looked at, ..."""
    findings: tuple[Finding, ...] = ()
    """... and what it said of it."""
    look_at_seconds: frozenset[float] | None = None
    """The times of the frames to look at, where they are known beforehand; else its policy decides."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What one audio analyzer is to make of a video."""

    analyzer: int
    """Its place among the run's audio analyzers."""
    track_id: int
    from_seconds: float = 0.0
    """Where it begins, or goes on."""
    before: tuple[SegmentRecord, ...] = ()
    """What was heard in the last ten minutes before that."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader is to make of a video."""

    track_id: int
    from_seconds: float = 0.0
    """Pictures sampled before are read already."""
    going_on: tuple[SegmentRecord, ...] = ()
    """The lines that were on screen then."""


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One video to work on, or the rest of one."""

    key: int
    """Chosen by whoever made the job; it comes back with every result."""
    path: Path
    plan: SamplingPlan
    frames_track_id: int
    resume_from_seconds: float = 0.0
    """Of its pictures; infinity where there is nothing to make of them."""
    num_frames_before: int = 0
    """Frames of it before `resume_from_seconds`."""
    spaces: tuple[EmbeddingSpace, ...] = ()
    """The spaces in which its frames are to get vectors."""
    analyses: tuple[Analysis, ...] = ()
    reading: Reading | None = None
    shots_track_id: int | None = None
    hearings: tuple[Hearing, ...] = ()
    is_isolated: bool = False
    """Decode in a process of its own, which may crash without harm."""
    is_suspect: bool = False
    """Whether somebody died at it before: it is worked on alone."""

    @property
    def has_pictures(self) -> bool:
        """Whether there is something to make of its pictures."""
        return self.resume_from_seconds < math.inf

    @property
    def from_seconds(self) -> float:
        """Where the part of the video begins that this job covers."""
        return min([self.resume_from_seconds, *(hearing.from_seconds for hearing in self.hearings)])


@dataclass(frozen=True, slots=True)
class Picture:
    """A sampled frame of a job, scaled down, with all that is known of it before a model runs."""

    job: VideoJob
    frame_index: int
    """Its place among the video's frames, from 0."""
    time_seconds: float
    sample_time_seconds: float
    thumbnail_jpeg: bytes
    image: UInt8Image | None
    """None where no model is to look: the frame is blank, or a near-duplicate."""
    is_blank: bool = False
    is_repeat: bool = False
    """So like the last frame of its chunk that is neither blank nor a repeat, that it shares that one's
    vectors and caption."""
    shot: Shot | None = None
    findings: tuple[Finding, ...] | None = None
    """The lines that were read in it; None where it shows those of the picture before."""

    @property
    def num_bytes(self) -> int:
        return len(self.thumbnail_jpeg) + (0 if self.image is None else self.image.nbytes)


@dataclass(frozen=True, slots=True)
class PicturesEnd:
    """No more pictures come of a file."""

    path: Path
    job: VideoJob | None
    """None where it failed before it became one."""
    error: VidsearchError | None = None
    report: DecodeReport | None = None
    """What was lost of it; None where it ended with an error."""


@dataclass(frozen=True, slots=True)
class VideoAdvanced:
    """Frames of a job are embedded, and wait for the rest of their chunk."""

    job: VideoJob
    until_seconds: float
    num_frames: int
    worker: str | None = None
    """Who made them, where not this process."""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A chunk of a job, ready to be kept."""

    job: VideoJob
    chunk: Chunk
    counts: Counts


@dataclass(frozen=True, slots=True)
class VideoDone:
    """A file's pictures are through. All chunks that could be made of them came before."""

    path: Path
    job: VideoJob | None
    error: VidsearchError | None = None
    """Why it ended before its end."""
    report: DecodeReport | None = None
    """What was lost of it; None where it ended with an error."""


@dataclass(frozen=True, slots=True)
class SoundHeard:
    """What was heard in the next part of a job's sound, ready to be kept."""

    job: VideoJob
    hearing: Hearing
    findings: AudioFindings


@dataclass(frozen=True, slots=True)
class SoundDone:
    """One analyzer is through with a job's sound. All that it heard came before."""

    job: VideoJob
    hearing: Hearing
    error: VidsearchError | None = None
    """Why it ended before the end of the sound; NoSound where there is none."""


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """There is work, and workers elsewhere are about to be started."""


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A worker elsewhere is ready for jobs."""

    worker: str


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """Whoever worked on a job died, or gives no sign of life."""

    job: VideoJob
    has_begun: bool
    """Whether it may have died of the file."""
    go_on: Callable[[VideoJob | None], None]
    """Takes the job that goes on from what was kept, or None where there is to be none."""


JobResult: TypeAlias = VideoAdvanced | ChunkDone | VideoDone | SoundHeard | SoundDone
"""What is made of a job."""

WorkResult: TypeAlias = JobResult | WorkersAwaited | WorkerJoined | WorkerLost
