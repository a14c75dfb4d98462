"""Turns a file into pictures: decodes, scales down, makes thumbnails, tells blank and repeated frames apart.

Functions of plain data, each for one thread.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from vidsearch.errors import DamagedVideo
from vidsearch.ingest.isolation import isolated
from vidsearch.ingest.near_duplicates import is_near_duplicate, signature
from vidsearch.ingest.work import Picture
from vidsearch.media.decode import frames
from vidsearch.media.images import is_blank, thumbnail

if TYPE_CHECKING:
    from vidsearch.ingest.near_duplicates import Signature
    from vidsearch.ingest.work import VideoJob
    from vidsearch.media.completeness import DecodeReport
    from vidsearch.media.container import DecodeDevice, OnWarning
    from vidsearch.types import Frame

CHUNK_FRAMES = 64
"""Frames of a video that become visible in one transaction."""


def pictures(
    job: VideoJob,
    *,
    short_side_pixels: int,
    num_threads: int = 0,
    timeout_seconds: float | None = None,
    decode_device: DecodeDevice = "cpu",
    on_warning: OnWarning | None = None,
    chunk_frames: int = CHUNK_FRAMES,
) -> Generator[Picture, None, DecodeReport | None]:
    """Decode what a job asks for, in order of time, in a process of its own where the job says so.

    Smaller losses are said to `on_warning`. Returns what was lost, as the value of the generator. Raises
    MediaError after what could be decoded: DamagedVideo where a part of the video is lost.
    """
    if not job.has_pictures:
        return None
    decode = partial(
        frames,
        job.path,
        job.plan,
        short_side_pixels=short_side_pixels,
        resume_from_seconds=job.resume_from_seconds,
        num_threads=num_threads,
        timeout_seconds=timeout_seconds,
        decode_device=decode_device,
    )
    if job.is_isolated:
        decoded: Iterator[Frame] = isolated(decode, name=job.path, timeout_seconds=timeout_seconds)
    else:
        decoded = decode(on_warning=on_warning)
    report = yield from prepared(decoded, job, chunk_frames=chunk_frames)
    if report is None:
        return None
    if report.lost_spans:
        raise DamagedVideo("; ".join(report.remarks()), path=job.path)
    if on_warning is not None:
        for remark in report.remarks():
            on_warning(f"{job.path}: {remark}")
    return report


def prepared(
    decoded: Iterable[Frame], job: VideoJob, *, chunk_frames: int = CHUNK_FRAMES
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
        )
        frame_index += 1
