"""What an ingest says of itself: how far it is, and what it did. Plain data; knows no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What one worker elsewhere has made of a run."""

    name: str
    num_frames: int
    frames_per_second: float
    """From when it was ready to its last frame."""


@dataclass(frozen=True, slots=True)
class ProgressState:
    """Where a run stands."""

    files_done: int
    """Files that need no more work, whatever became of them."""
    files_total: int
    current: Path | None
    """The file whose frames came last."""
    num_frames: int
    """Frames made ready in this run."""
    seconds_done: float
    """Seconds of video covered by this run."""
    seconds_total: float | None
    """Seconds of video to cover; None until every file is opened, or where a header does not say."""
    frames_per_second: float
    times_real_time: float
    eta_seconds: float | None
    """Estimated from the bytes of the files still to come; None until something is done."""
    num_lines: int = 0
    """Lines of words that were given vectors, once the files are done: 0 until then."""
    awaits_workers: bool = False
    """Whether none of the workers elsewhere is ready yet."""
    workers: tuple[WorkerShare, ...] = ()
    """Those elsewhere that have been ready for work, in the order in which they came."""


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that failed, or of which only a part could be indexed."""

    path: Path
    reason: str
    error: str
    """Class name of the error: "NotAVideo"."""
    seconds_kept: float = 0.0
    """What was indexed of it all the same."""
    known_before: bool = False
    """True where an earlier run found this out, and the file, unchanged, was passed over now."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was made of frames."""

    num_frames: int = 0
    num_blank: int = 0
    """Black or one flat colour: kept, without vectors or a caption."""
    num_near_duplicates: int = 0
    """So like an earlier frame that they share its vectors and caption."""
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
    """What a run did. Each input file is counted once, by what became of it."""

    num_indexed: int
    """Videos brought to their end in this run."""
    num_resumed: int
    """Of those, the ones that an earlier run had begun."""
    num_skipped: int
    """Files whose content the library had, at this path or another."""
    num_skipped_as_other: int
    """Of those, the ones that are in it under another sampling plan, or without vectors of these models."""
    num_left_to_others: int
    """Files that another process was at work on."""
    num_replaced: int
    """Videos that left the library because their files hold something else now."""
    failures: tuple[FileFailure, ...]
    counts: Counts
    video_seconds: float
    """Seconds of video covered by this run."""
    wall_seconds: float
    interrupted: bool
    """True where the run was stopped before its end: another one goes on from there."""
    warnings: tuple[str, ...] = ()
    """What else the user should know: a GPU asked for that cannot decode."""
    workers: tuple[WorkerShare, ...] = ()
    """As in `ProgressState`."""

    @property
    def num_failed(self) -> int:
        return len(self.failures)
