"""Frames of one video -> chunks: which are captioned, what they share, and when they are ready to be kept.

Knows no model, no thread and no library: whoever runs the models fills in vectors and captions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidsearch.ingest.policy import CaptionMemory, CaptionPolicy, needs_caption
from vidsearch.ingest.report import Counts
from vidsearch.ingest.work import ChunkDone
from vidsearch.types import Caption, Chunk, FrameRecord

if TYPE_CHECKING:
    from vidsearch.ingest.work import Picture, VideoJob
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_AFTER_LAST_INSTANT_SECONDS = 1e-3
"""Less than any two sampled instants are apart."""


@dataclass(slots=True)
class CaptionSlot:
    """A caption that several frames share, filled in once it is written."""

    image: UInt8Image | None = None
    """What is to be captioned; None as soon as `caption` is there."""
    caption: Caption | None = None


@dataclass(slots=True)
class _FrameInWork:
    picture: Picture
    vectors: Mapping[EmbeddingSpace, Float32]
    slot: CaptionSlot | None
    is_carried_over: bool


class VideoInWork:
    """The frames of one job that are not in a finished chunk yet.

    Chunks end at fixed places, after every `chunk_frames` frames counted from the start of the video, so
    that a run that goes on where another one stopped makes the same ones.
    """

    def __init__(
        self, job: VideoJob, *, policy: CaptionPolicy, space: EmbeddingSpace, chunk_frames: int
    ) -> None:
        self.job = job
        self._policy = policy
        self._space = space
        self._stretch_frames = chunk_frames
        self._frames: deque[_FrameInWork] = deque()
        self._memory = job.last_captioned
        self._slot = None if job.last_caption is None else CaptionSlot(caption=job.last_caption)
        self._shared_vectors: Mapping[EmbeddingSpace, Float32] = {}
        self._has_ended = False

    def add(
        self, picture: Picture, vectors: Mapping[EmbeddingSpace, Float32] | None, *, is_captioned: bool
    ) -> CaptionSlot | None:
        """Take the next frame. Returns a slot to be filled where it is to be captioned itself.

        `vectors` are those of its image, and None where it has no image; pictures carry no caption at all
        where `is_captioned` is false.
        """
        slot = None
        if vectors is not None:
            self._shared_vectors = vectors
            if is_captioned and self._needs_caption(picture, vectors[self._space]):
                self._memory = CaptionMemory(
                    frame_index=picture.frame_index,
                    time_seconds=picture.time_seconds,
                    vector=vectors[self._space],
                )
                slot = self._slot = CaptionSlot(image=picture.image)
        # The image is let go here: only a slot that waits for its caption holds on to one.
        kept = replace(picture, image=None)
        if picture.is_blank:
            frame = _FrameInWork(kept, {}, slot=None, is_carried_over=False)
        else:
            own = self._slot if is_captioned else None
            frame = _FrameInWork(kept, self._shared_vectors, slot=own, is_carried_over=slot is None)
        self._frames.append(frame)
        return slot

    def end(self) -> None:
        """Say that no more frames come."""
        self._has_ended = True

    @property
    def num_waiting(self) -> int:
        """Frames of chunks that are full, and wait for captions alone."""
        return 0 if (size := self._size_of_next()) is None else size

    @property
    def is_finished(self) -> bool:
        return self._has_ended and not self._frames

    def finished_chunks(self) -> Iterator[ChunkDone]:
        """Take out the chunks that lack nothing."""
        while (size := self._size_of_next()) is not None:
            frames = [self._frames[place] for place in range(size)]
            if any(frame.slot is not None and frame.slot.caption is None for frame in frames):
                return
            for _ in frames:
                self._frames.popleft()
            if self._frames:
                until_seconds = self._frames[0].picture.sample_time_seconds
            else:
                until_seconds = frames[-1].picture.sample_time_seconds + _AFTER_LAST_INSTANT_SECONDS
            yield _stretch_done(self.job, frames, until_seconds)

    def _needs_caption(self, picture: Picture, vector: Float32) -> bool:
        return needs_caption(
            self._policy,
            self._memory,
            frame_index=picture.frame_index,
            vector=vector,
            shot_start_seconds=0.0 if picture.shot is None else picture.shot.start_seconds,
        )

    def _size_of_next(self) -> int | None:
        """Frames of the next chunk where all of them are here, else None."""
        if not self._frames:
            return None
        left = self._stretch_frames - self._frames[0].picture.frame_index % self._stretch_frames
        # Where a chunk ends is known once the next one has begun.
        if len(self._frames) > left:
            return left
        return len(self._frames) if self._has_ended else None


def _stretch_done(job: VideoJob, frames: list[_FrameInWork], until_seconds: float) -> ChunkDone:
    records = tuple(_record(frame) for frame in frames)
    captions = [record.caption for record in records if record.caption is not None]
    shots = {frame.picture.shot: None for frame in frames if frame.picture.shot is not None}
    return ChunkDone(
        job=job,
        chunk=Chunk(frames=records, until_seconds=until_seconds, shots=tuple(shots)),
        counts=Counts(
            num_frames=len(records),
            num_blank=sum(record.is_blank for record in records),
            num_near_duplicates=sum(frame.picture.is_repeat for frame in frames),
            num_captions_written=sum(not caption.carried_over for caption in captions),
            num_captions_carried_over=sum(caption.carried_over for caption in captions),
        ),
    )


def _record(frame: _FrameInWork) -> FrameRecord:
    caption = None if frame.slot is None else frame.slot.caption
    if caption is not None and frame.is_carried_over:
        caption = replace(caption, carried_over=True)
    return FrameRecord(
        time_seconds=frame.picture.time_seconds,
        thumbnail_jpeg=frame.picture.thumbnail_jpeg,
        vectors=frame.vectors,
        caption=caption,
        is_blank=frame.picture.is_blank,
    )
