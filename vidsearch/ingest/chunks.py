"""Gathers the frames of one video into chunks: which frames to analyze, which share results, and when a chunk
is complete.

The pipeline fills in vectors and findings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vidsearch.ingest.policy import LookMemory, LookPolicy, needs_look
from vidsearch.ingest.report import Counts
from vidsearch.ingest.screen_text import LineSpans
from vidsearch.ingest.work import ChunkDone
from vidsearch.tracks import Chunk, SegmentRecord

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import Finding
    from vidsearch.ingest.work import Analysis, Picture, VideoJob
    from vidsearch.types import EmbeddingSpace, Float32, Shot, UInt8Image

_AFTER_LAST_SAMPLE_SECONDS = 1e-3
"""Less than the distance between any two sample times."""


@dataclass(eq=False, slots=True)
class Look:
    """An analyzer's findings for a frame, shared by the frames that follow it."""

    image: UInt8Image | None = None
    """The picture to analyze; None once `findings` are there."""
    findings: tuple[Finding, ...] | None = None
    is_kept: bool = False
    """Whether a chunk with it has been emitted; later chunks continue it."""


@dataclass(slots=True)
class _FrameInWork:
    picture: Picture
    vectors: Mapping[EmbeddingSpace, Float32]
    looks: tuple[Look | None, ...]
    """One for each analysis of the job."""


@dataclass(slots=True)
class _AnalysisInWork:
    analysis: Analysis
    policy: LookPolicy
    memory: LookMemory | None
    look: Look | None = field(default=None)
    """The last look, which similar frames share."""

    def needs_look(self, picture: Picture, vector: Float32 | None) -> bool:
        if self.analysis.look_at_seconds is not None:
            return picture.time_seconds in self.analysis.look_at_seconds
        if vector is None:
            return self.look is None
        return needs_look(
            self.policy,
            self.memory,
            frame_index=picture.frame_index,
            vector=vector,
            shot_start_seconds=0.0 if picture.shot is None else picture.shot.start_seconds,
        )


class VideoInWork:
    """The frames of one job that are not in a finished chunk yet.

    Chunks end at fixed positions, after every `chunk_frames` frames from the start of the video, so that a
    resumed run makes the same chunks.
    """

    def __init__(
        self,
        job: VideoJob,
        *,
        policies: Sequence[LookPolicy],
        space: EmbeddingSpace | None,
        chunk_frames: int,
    ) -> None:
        """`policies` belong to the job's analyses; `space` is the one in which they compare frames."""
        self.job = job
        self._space = space
        self._chunk_frames = chunk_frames
        self._frames: deque[_FrameInWork] = deque()
        self._analyses = [
            _AnalysisInWork(
                analysis,
                policy,
                analysis.memory,
                Look(findings=analysis.findings, is_kept=True) if analysis.findings else None,
            )
            for analysis, policy in zip(job.analyses, policies, strict=True)
        ]
        self._lines = None if job.reading is None else LineSpans(job.reading.going_on)
        self._shared_vectors: Mapping[EmbeddingSpace, Float32] = {}
        self._has_ended = False

    def add(
        self, picture: Picture, vectors: Mapping[EmbeddingSpace, Float32] | None
    ) -> list[tuple[int, Look]]:
        """Add the next frame. Returns the looks to make, with the index of each one's analysis in the job.

        `vectors` are those of its image, None without one.
        """
        new: list[tuple[int, Look]] = []
        if vectors is not None:
            self._shared_vectors = vectors
            vector = None if self._space is None else vectors.get(self._space)
            for place, each in enumerate(self._analyses):
                if each.needs_look(picture, vector):
                    each.look = Look(image=picture.image)
                    new.append((place, each.look))
                    if vector is not None:
                        each.memory = LookMemory(picture.frame_index, picture.time_seconds, vector)
        # Release the image: only a look that waits for its findings holds one.
        kept = replace(picture, image=None)
        if picture.is_blank:
            self._frames.append(_FrameInWork(kept, {}, (None,) * len(self._analyses)))
        else:
            looks = tuple(each.look for each in self._analyses)
            self._frames.append(_FrameInWork(kept, self._shared_vectors, looks))
        return new

    def end(self) -> None:
        """Note that there are no more frames."""
        self._has_ended = True

    @property
    def num_waiting(self) -> int:
        """Number of frames in full chunks that wait only for findings."""
        return 0 if (size := self._size_of_next()) is None else size

    @property
    def is_finished(self) -> bool:
        return self._has_ended and not self._frames

    def finished_chunks(self) -> Iterator[ChunkDone]:
        """Remove and return the complete chunks."""
        while (size := self._size_of_next()) is not None:
            frames = [self._frames[place] for place in range(size)]
            if any(look is not None and look.findings is None for frame in frames for look in frame.looks):
                return
            for _ in frames:
                self._frames.popleft()
            if self._frames:
                until_seconds = self._frames[0].picture.sample_time_seconds
            else:
                until_seconds = frames[-1].picture.sample_time_seconds + _AFTER_LAST_SAMPLE_SECONDS
            yield self._done(frames, until_seconds)

    def _size_of_next(self) -> int | None:
        """The frames of the next chunk once all are here, else None."""
        if not self._frames:
            return None
        left = self._chunk_frames - self._frames[0].picture.frame_index % self._chunk_frames
        # A chunk's end is known once the next one has begun.
        if len(self._frames) > left:
            return left
        return len(self._frames) if self._has_ended else None

    def _done(self, frames: Sequence[_FrameInWork], until_seconds: float) -> ChunkDone:
        ends = [*(frame.picture.time_seconds for frame in frames[1:]), until_seconds]
        tracks = {
            self.job.frames_track_id: tuple(
                _frame_record(frame, end, self.job.spaces) for frame, end in zip(frames, ends, strict=True)
            )
        }
        counts = Counts(
            num_frames=len(frames),
            num_blank=sum(frame.picture.is_blank for frame in frames),
            num_near_duplicates=sum(frame.picture.is_repeat for frame in frames),
        )
        for place, analysis in enumerate(self.job.analyses):
            looks = [frame.looks[place] for frame in frames]
            counts += _count_looks(looks)
            tracks[analysis.track_id] = tuple(
                _segments(zip((frame.picture.time_seconds for frame in frames), ends, looks, strict=True))
            )
        if self.job.reading is not None and self._lines is not None:
            findings = (frame.picture.findings for frame in frames)
            starts = (frame.picture.time_seconds for frame in frames)
            lines = self._lines.of_chunk(zip(starts, ends, findings, strict=True))
            counts += Counts(num_lines_read=sum(not line.continues for line in lines))
            tracks[self.job.reading.track_id] = lines
        if self.job.shots_track_id is not None:
            shots = dict.fromkeys(frame.picture.shot for frame in frames if frame.picture.shot is not None)
            tracks[self.job.shots_track_id] = tuple(_shot_record(shot) for shot in shots)
        return ChunkDone(self.job, Chunk(until_seconds, tracks, self.job.spaces), counts)


def _frame_record(frame: _FrameInWork, end_seconds: float, spaces: Sequence[EmbeddingSpace]) -> SegmentRecord:
    attributes: dict[str, Any] = {}
    if frame.picture.is_blank:
        attributes["is_blank"] = True
    elif without := [space.model for space in spaces if space not in frame.vectors]:
        attributes["without_vectors"] = without
    return SegmentRecord(
        start_seconds=frame.picture.time_seconds,
        end_seconds=end_seconds,
        attributes=attributes,
        vectors=frame.vectors,
        thumbnail_jpeg=frame.picture.thumbnail_jpeg,
    )


def _segments(frames: Iterable[tuple[float, float, Look | None]]) -> Iterator[SegmentRecord]:
    """One segment per finding for each run of frames, (start, end, look), that share a look."""
    run: tuple[float, float, Look] | None = None
    for start, end, look in frames:
        if run is not None and look is run[2]:
            run = (run[0], end, look)
            continue
        if run is not None:
            yield from _records(*run)
        run = None if look is None else (start, end, look)
    if run is not None:
        yield from _records(*run)


def _records(start: float, end: float, look: Look) -> Iterator[SegmentRecord]:
    for finding in look.findings or ():
        yield SegmentRecord(start, end, finding.text, finding.attributes, continues=look.is_kept)
    look.is_kept = True


def _shot_record(shot: Shot) -> SegmentRecord:
    return SegmentRecord(shot.start_seconds, shot.end_seconds)


def _count_looks(looks: Sequence[Look | None]) -> Counts:
    """How many looks are new in a chunk, and how many frames share an earlier one."""
    own = {id(look) for look in looks if look is not None and not look.is_kept}
    num_looked_at = sum(look is not None for look in looks)
    return Counts(num_captions_written=len(own), num_captions_carried_over=num_looked_at - len(own))
