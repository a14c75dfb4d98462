"""Progress and report of an ingest. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """One remote worker's share of a run."""

    name: str
    num_frames: int
    frames_per_second: float
    """Seconds from its first readiness to its last frame."""


@dataclass(frozen=True, slots=True)
class ProgressState:
    """The current state of a run."""

    files_done: int
    """Files done, whatever the outcome."""
    files_total: int
    current: Path | None
    """The file of the latest frames."""
    num_frames: int
    """Frames made ready in this run."""
    seconds_done: float
    """Seconds of video covered by this run."""
    seconds_total: float | None
    """Seconds of video to cover; None until all files are open, or if a header does not say."""
    frames_per_second: float
    times_real_time: float
    eta_seconds: float | None
    """Estimated from the sizes of the remaining files; None until something is done."""
    num_lines: int = 0
    """Lines of text embedded, which happens after the files are done."""
    awaits_workers: bool = False
    """Whether no remote worker is ready yet."""
    workers: tuple[WorkerShare, ...] = ()
    """The remote workers that have been ready, in order of arrival."""


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that failed, wholly or in part."""

    path: Path
    reason: str
    error: str
    """Class name of the error: "NotAVideo"."""
    seconds_kept: float = 0.0
    """What was indexed nevertheless."""
    known_before: bool = False
    """True if the failure is an earlier run's, and the unchanged file was skipped."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of frames and of what was made from them."""

    num_frames: int = 0
    num_blank: int = 0
    """Black or one flat colour; stored without vectors or a caption."""
    num_near_duplicates: int = 0
    """Near-identical to an earlier frame, whose vectors and caption they share."""
    num_captions_written: int = 0
    """By a model, in this run."""
    num_captions_carried_over: int = 0
    num_lines_read: int = 0
    """Of text on the screen."""
    num_sentences_heard: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            num_frames=self.num_frames + other.num_frames,
            num_blank=self.num_blank + other.num_blank,
            num_near_duplicates=self.num_near_duplicates + other.num_near_duplicates,
            num_captions_written=self.num_captions_written + other.num_captions_written,
            num_captions_carried_over=self.num_captions_carried_over + other.num_captions_carried_over,
            num_lines_read=self.num_lines_read + other.num_lines_read,
            num_sentences_heard=self.num_sentences_heard + other.num_sentences_heard,
        )


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of a run. Each input file is counted once, by its outcome."""

    num_indexed: int
    """Videos completed in this run."""
    num_resumed: int
    """Of those, videos begun by an earlier run."""
    num_skipped: int
    """Files whose content was indexed already, at this path or another."""
    num_skipped_as_other: int
    """Of those, videos with another sampling plan, or without vectors of these models."""
    num_left_to_others: int
    """Files that another process was indexing."""
    num_replaced: int
    """Videos removed because their files have changed."""
    failures: tuple[FileFailure, ...]
    counts: Counts
    video_seconds: float
    """Seconds of video covered by this run."""
    wall_seconds: float
    interrupted: bool
    """True if the run was stopped early; another run continues it."""
    warnings: tuple[str, ...] = ()
    """Other notes for the user, such as a GPU that cannot decode."""
    workers: tuple[WorkerShare, ...] = ()
    """As in `ProgressState`."""

    @property
    def num_failed(self) -> int:
        return len(self.failures)
