"""Turns a file into pictures: decodes, scales down, makes thumbnails, tells blank and repeated frames apart.

Functions of plain data, each for one thread.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from vidsearch.errors import DamagedVideo, ModelError
from vidsearch.ingest.isolation import isolated
from vidsearch.ingest.near_duplicates import (
    is_near_duplicate,
    legible_signature,
    shows_same_text,
    signature,
)
from vidsearch.ingest.work import Picture
from vidsearch.media.decode import frames
from vidsearch.media.images import is_blank, thumbnail
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import Finding, FrameReader
    from vidsearch.ingest.near_duplicates import Signature
    from vidsearch.ingest.work import VideoJob
    from vidsearch.media.completeness import DecodeReport
    from vidsearch.media.container import DecodeDevice, OnWarning
    from vidsearch.types import Frame

CHUNK_FRAMES = 64
"""Frames of a video that become visible in one transaction."""


class Lines:
    """Reads the pictures of a job that differ from the one read before."""

    def __init__(self, reader: FrameReader, job: VideoJob) -> None:
        self.reader = reader
        self._job = job
        self._from_seconds = 0.0 if job.reading is None else job.reading.from_seconds
        self._seen: Signature | None = None
        self._first_unread: tuple[float, str] | None = None

    def forget(self) -> None:
        """Read the next picture, whatever it shows, so that a run that continues from it reads it too."""
        self._seen = None

    def of(self, frame: Frame) -> tuple[Finding, ...] | None:
        """The lines in a picture; None where it shows the same ones as the picture before. Raises
        ModelError."""
        image = frame.large_image
        if image is None or frame.sample_time_seconds < self._from_seconds:
            return None
        seen = legible_signature(image)
        if self._seen is not None and shows_same_text(self._seen, seen):
            return None
        self._seen = seen
        try:
            read = self.reader.read(image)
        except Exception as error:  # whatever a model raises is not the file's fault
            raise ModelError(f"{type(error).__name__}: {error}", path=self._job.path) from error
        if read.unread is not None and self._first_unread is None:
            self._first_unread = frame.time_seconds, read.unread
        return read.lines

    @property
    def remark(self) -> str | None:
        """What is to be said of text that was not read."""
        if self._first_unread is None:
            return None
        time_seconds, unread = self._first_unread
        return f"{self._job.path}: text on the screen from {format_moment(time_seconds)} on is {unread}."


def pictures(
    job: VideoJob,
    *,
    short_side_pixels: int,
    reader: FrameReader | None = None,
    num_threads: int = 0,
    timeout_seconds: float | None = None,
    decode_device: DecodeDevice = "cpu",
    on_warning: OnWarning | None = None,
    chunk_frames: int = CHUNK_FRAMES,
) -> Generator[Picture, None, DecodeReport | None]:
    """Decode what a job asks for, in order of time, in a process of its own where the job says so.

    `reader` reads the pictures, where the job asks for that. Smaller losses are said to `on_warning`. Returns
    what was lost, as the value of the generator. Raises MediaError after what could be decoded: DamagedVideo
    where a part of the video is lost; ModelError where the reader fails.
    """
    if not job.has_pictures:
        return None
    lines = Lines(reader, job) if reader is not None and job.reading is not None else None
    decode = partial(
        frames,
        job.path,
        job.plan,
        short_side_pixels=short_side_pixels,
        large_side_pixels=None if lines is None else lines.reader.short_side_pixels,
        resume_from_seconds=job.resume_from_seconds,
        num_threads=num_threads,
        timeout_seconds=timeout_seconds,
        decode_device=decode_device,
    )
    if job.is_isolated:
        decoded: Iterator[Frame] = isolated(decode, name=job.path, timeout_seconds=timeout_seconds)
    else:
        decoded = decode(on_warning=on_warning)
    report = yield from prepared(decoded, job, chunk_frames=chunk_frames, lines=lines)
    if lines is not None and lines.remark is not None and on_warning is not None:
        on_warning(lines.remark)
    if report is None:
        return None
    if report.lost_spans:
        raise DamagedVideo("; ".join(report.remarks()), path=job.path)
    if on_warning is not None:
        for remark in report.remarks():
            on_warning(f"{job.path}: {remark}")
    return report


def prepared(
    decoded: Iterable[Frame],
    job: VideoJob,
    *,
    chunk_frames: int = CHUNK_FRAMES,
    lines: Lines | None = None,
) -> Generator[Picture, None, DecodeReport | None]:
    """Do to a job's frames all that is to be done before a model runs.

    A repeat looks like the last frame of the same chunk that was none: comparing within a chunk only
    makes a run that goes on at the start of a chunk see what an uninterrupted one sees, and comparing with
    a frame that has vectors of its own keeps slow changes from adding up unseen. Returns the value of
    `decoded`, where it is a generator.
    """
    decoded = iter(decoded)
    looked_at: Signature | None = None
    frame_index = job.num_frames_before
    while True:
        try:
            frame = next(decoded)
        except StopIteration as end:
            return cast("DecodeReport | None", end.value)
        if frame_index % chunk_frames == 0:
            looked_at = None
            if lines is not None:
                lines.forget()
        blank = is_blank(frame.image)
        repeats = False
        if not blank:
            seen = signature(frame.image)
            repeats = looked_at is not None and is_near_duplicate(seen, looked_at)
            if not repeats:
                looked_at = seen
        yield Picture(
            job=job,
            frame_index=frame_index,
            time_seconds=frame.time_seconds,
            sample_time_seconds=frame.sample_time_seconds,
            thumbnail_jpeg=thumbnail(frame.image),
            image=None if blank or repeats else frame.image,
            is_blank=blank,
            is_repeat=repeats,
            shot=frame.shot,
            findings=None if lines is None else lines.of(frame),
        )
        frame_index += 1
