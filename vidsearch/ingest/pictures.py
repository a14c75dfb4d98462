"""Turns a file into pictures: decodes, scales down, makes thumbnails, detects blank and repeated frames."""

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

_UNCLEAR_SHARE = 0.2
"""Unclear lines are reported above this share of the pictures with readable text; fades alone have fewer."""


class Lines:
    """Reads the text of a job's pictures, skipping those with unchanged text."""

    def __init__(self, reader: FrameReader, job: VideoJob) -> None:
        self.reader = reader
        self._job = job
        self._from_seconds = 0.0 if job.reading is None else job.reading.from_seconds
        self._seen: Signature | None = None
        self._first_unread: tuple[float, str] | None = None
        self._first_unclear: tuple[float, str] | None = None
        self._num_with_lines = self._num_unclear = 0

    def forget(self) -> None:
        """Read the next picture in any case, so that a run resumed there reads it, too."""
        self._seen = None

    def of(self, frame: Frame) -> tuple[Finding, ...] | None:
        """The lines in a picture; None if they are the same as in the picture before. Raises ModelError."""
        image = frame.large_image
        if image is None or frame.sample_time_seconds < self._from_seconds:
            return None
        seen = legible_signature(image)
        if self._seen is not None and shows_same_text(self._seen, seen):
            return None
        self._seen = seen
        try:
            read = self.reader.read(image)
        except Exception as error:  # a model's error is not the file's fault
            raise ModelError(f"{type(error).__name__}: {error}", path=self._job.path) from error
        if read.unread is not None and self._first_unread is None:
            self._first_unread = frame.time_seconds, read.unread
        if read.unclear is not None and self._first_unclear is None:
            self._first_unclear = frame.time_seconds, read.unclear
        self._num_with_lines += bool(read.lines)
        self._num_unclear += read.unclear is not None
        return read.lines

    @property
    def remark(self) -> str | None:
        """The warning about text that was not read."""
        first = self._first_unread
        if first is None and self._num_unclear > _UNCLEAR_SHARE * self._num_with_lines:
            first = self._first_unclear
        if first is None:
            return None
        time_seconds, unread = first
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
    """Decode a job's pictures in order of time, in a separate process if the job says so.

    `reader` reads their text if the job asks for it. Minor losses are reported to `on_warning`. The generator
    returns the decode report. After all that could be decoded it raises DamagedVideo if a part of the video
    is lost, or another MediaError; ModelError if the reader fails.
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
    """Prepare a job's frames for the models: thumbnails, blank and repeated frames.

    A repeat is compared with the last non-repeat of the same chunk. Comparing only within a chunk makes a
    resumed run see what an uninterrupted one sees; comparing with a frame that has its own vectors keeps slow
    changes from adding up unnoticed. Returns the return value of `decoded` if that is a generator.
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
