"""Reads a file's metadata, and decodes one picture to check that it decodes and which way is up."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av.error

from vidsearch.errors import DamagedVideo
from vidsearch.media.container import OpenVideo, open_video
from vidsearch.media.decode import measured_duration
from vidsearch.media.orientation import orientation_of
from vidsearch.media.picture import display_size
from vidsearch.media.source import source_of
from vidsearch.types import VideoInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from vidsearch.media.gops import VideoPacket

_APPLE_DATE = "com.apple.quicktime.creationdate"
"""Local time with its offset from UTC; `creation_time` beside it is in UTC."""

_LATE_START_SECONDS = 1.0
"""In these, some writers count the duration from 0 and others from the first picture."""


def probe(path: Path, *, timeout_seconds: float | None = None) -> VideoInfo:
    """Read a file's header and first picture.

    Raises NotAVideo, DamagedVideo if no picture decodes, DecodeTimeout, and MediaError if the file cannot be
    read at all.
    """
    with open_video(path, learns="header", num_threads=1, timeout_seconds=timeout_seconds) as video:
        picture = first_picture(video)
        width, height = display_size(picture, video.sample_aspect_ratio)
        orientation = orientation_of(picture)
        if orientation.swaps_sides:
            width, height = height, width
        rate = video.frame_rate
        return VideoInfo(
            size_bytes=source_of(path).state().size_bytes,
            container=video.container.format.name.split(",")[0],
            codec=video.codec,
            width=width,
            height=height,
            rotation_degrees=orientation.clockwise_degrees,
            frame_rate=float(rate) if rate is not None else None,
            duration_seconds=_duration_seconds(video, timeout_seconds),
            num_audio_tracks=len(video.container.streams.audio),
            created_at=_created_at(video),
        )


def first_picture(video: OpenVideo) -> VideoFrame:
    """The first picture that decodes. Raises DamagedVideo if there is none."""
    context = video.stream.codec_context
    is_first = True
    for packet in video.packets([video.stream]):
        pictures: list[VideoFrame] = []
        with suppress(av.error.InvalidDataError):
            if is_first and packet.is_keyframe:
                # Flushed at once, a decoder does not wait for more pictures to know their order.
                pictures = context.decode(cast("VideoPacket", packet)) or context.decode(None)
                context.flush_buffers()
            pictures = pictures or context.decode(cast("VideoPacket", packet))
        if pictures:
            return pictures[0]
        is_first = False
    raise DamagedVideo("none of its pictures decodes", path=video.path)


def _duration_seconds(video: OpenVideo, timeout_seconds: float | None) -> float | None:
    """The header's duration, or the packets' if the header has none or may count from another start."""
    if video.clock_may_jump:
        return measured_duration(video.path, timeout_seconds=timeout_seconds)
    claimed_seconds = video.claimed_duration_seconds()
    start_seconds = float(video.start_ticks * video.time_base)
    if claimed_seconds is None or video.stream.duration or start_seconds < _LATE_START_SECONDS:
        return claimed_seconds
    return measured_duration(video.path, timeout_seconds=timeout_seconds)


def _created_at(video: OpenVideo) -> datetime | None:
    """When the video was recorded, with the file's offset from UTC.

    If the file gives none, or UTC because its format has nothing else, the offset is that of this machine's
    time zone (TZ) on that day.
    """
    metadata = {**video.stream.metadata, **video.container.metadata}
    for key in (_APPLE_DATE, "creation_time", "DATE_RECORDED", "date"):
        text = metadata.get(key)
        if text is None:
            continue
        try:
            created_at = datetime.fromisoformat(text)
        except ValueError:
            continue
        # Cameras with an unset clock write 1904 or 1970: better no date than that one.
        if created_at.year <= 1970:
            continue
        # Most containers can only store UTC, which says nothing about the camera's time zone.
        has_zone = created_at.tzinfo is not None
        is_local = has_zone and (key == _APPLE_DATE or bool(created_at.utcoffset()))
        return created_at if is_local else created_at.astimezone()
    return None
