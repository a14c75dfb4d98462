"""Opens a video file safely, reads its packets and says what time its pictures have.

A file is untrusted: only formats that hold pictures themselves are opened (a playlist could name any other
file or address), only from the local disk, and no picture larger than `MAX_PIXELS` is ever allocated.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import av
import av.error
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from vidsearch.errors import DamagedVideo, DecodeTimeout, MediaError, NotAVideo
from vidsearch.media.clock import ContinuousClock

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

MAX_PIXELS = 2**26
"""8192 x 8192. A header may claim any size, and a decoder believes it, once per picture that it keeps."""

_MAX_RETRIES = 10_000
"""Of reading on after bytes without a packet: FFmpeg looks through 64 KiB of a transport stream at once."""

DecodeDevice: TypeAlias = Literal["cpu", "cuda"]
OnWarning: TypeAlias = Callable[[str], None]

_FORMATS = (
    "mov,mp4,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,asf,gif,apng,ogg,dv,mxf,nut,rm,ivf,swf,wtv,nsv,"
    "h264,hevc,av1,obu,m4v,mjpeg,yuv4mpegpipe,r3d,bink,smk,"
    "mp3,wav,flac,aac,w64,aiff,ac3,amr,caf,ape,tta,wv"
)
"""FFmpeg's demuxers that are let near a file. Sound formats are here only to be named in the error."""

_MAGIC = (
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "FLV"),
    (0, b"GIF8", "GIF"),
    (0, b"OggS", "Ogg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV"),
)


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file and its picture track, with the track's clock."""

    path: Path
    container: InputContainer
    stream: VideoStream
    time_base: Fraction
    """Seconds per tick of the track's clock."""
    start_ticks: Fraction
    """The clock at the start of the video: where a player shows 0:00."""
    clock: ContinuousClock

    @property
    def clock_may_jump(self) -> bool:
        """Whether the container holds clocks of others, which may start again in the middle of it."""
        return bool(self.container.format.flags & cast("int", Flags.ts_discont.value))

    def packets(self, streams: Sequence[Stream]) -> Iterator[Packet[Stream]]:
        """The packets of some streams from where the file stands, with times that go on where a clock jumps.

        What cannot be read is stepped over as far as the container lets it be.
        """
        for _ in range(_MAX_RETRIES):
            try:
                for packet in self.container.demux(list(streams)):
                    if packet.size:
                        if self.clock_may_jump:
                            self.clock.mend(packet)
                        yield packet
            except av.error.BlockingIOError:
                continue  # FFmpeg found no packet in the bytes that it looks through at once: look further
            except IndexError:
                # At the end of the file, PyAV stumbles over streams that were not known at its start.
                return
            return

    def seconds(self, ticks: int) -> float:
        """Time from the start of the video."""
        return float((ticks - self.start_ticks) * self.time_base)

    def last_tick_at(self, seconds: float) -> int:
        """The latest tick that is not after `seconds`, with a microsecond's allowance for rounding."""
        return math.floor(Fraction(seconds + 1e-6) / self.time_base + self.start_ticks)

    @property
    def frame_rate(self) -> Fraction | None:
        """Pictures per second on average, as far as the container says or lets guess."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return rate if rate and rate > 0 else None

    @property
    def codec(self) -> str:
        return self.stream.codec_context.codec.canonical_name

    @property
    def sample_aspect_ratio(self) -> Fraction:
        """Width of a stored pixel over its height; 1 where unknown or not believable."""
        ratio = self.stream.sample_aspect_ratio
        return ratio if ratio and Fraction(1, 4) <= ratio <= 4 else Fraction(1)

    def claimed_duration_seconds(self) -> float | None:
        """The track's length as its header says, else the file's; None where neither does."""
        if self.stream.duration:
            return float(self.stream.duration * self.time_base)
        if self.container.duration:
            return self.container.duration / av.time_base
        return None


@contextmanager
def open_video(
    path: Path,
    *,
    num_threads: int = 0,
    timeout_seconds: float | None = None,
    decode_device: DecodeDevice = "cpu",
    on_warning: OnWarning | None = None,
) -> Iterator[OpenVideo]:
    """Open a video; it is closed when the block ends.

    `num_threads` 0 leaves the number to FFmpeg. Where `decode_device` cannot be had, `on_warning` hears of it
    and the CPU decodes. Raises NotAVideo, DamagedVideo, DecodeTimeout, or MediaError where the file cannot be
    read at all. FFmpeg's and the system's errors inside the block are turned into these as well.
    """
    before = _check_regular_file(path)
    try:
        with _open_container(path, timeout_seconds, decode_device, on_warning) as container:
            stream = _picture_track(container, path)
            context = stream.codec_context
            context.thread_count = num_threads
            context.thread_type = "AUTO"
            context.options = {"max_pixels": str(MAX_PIXELS)}
            time_base = stream.time_base or Fraction(1, av.time_base)
            yield OpenVideo(
                path=path,
                container=container,
                stream=stream,
                time_base=time_base,
                start_ticks=_start_ticks(container, stream, time_base),
                clock=ContinuousClock(stream.index),
            )
    except (av.error.FFmpegError, OSError) as error:
        raise media_error(error, path) from error
    after = _check_regular_file(path)
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    ):
        raise DamagedVideo("changed while it was being read; try again when it is complete", path=path)


def media_error(error: Exception, path: Path) -> MediaError:
    """The error that tells a user what FFmpeg or the system met."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return DecodeTimeout("reading it made no progress; is its drive still there?", path=path)
    if isinstance(error, av.error.InvalidDataError):
        return DamagedVideo("its data cannot be read as a video", path=path)
    if isinstance(error, OSError):
        return MediaError(f"cannot be read: {error.strerror or error}", path=path)
    return DamagedVideo(f"does not decode: {error}", path=path)


def _check_regular_file(path: Path) -> os.stat_result:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            with path.open("rb"):
                return status
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", path=path) from error
    kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
    raise NotAVideo(f"is {kind}", path=path)


def _open_container(
    path: Path, timeout_seconds: float | None, decode_device: DecodeDevice, on_warning: OnWarning | None
) -> InputContainer:
    if path.stat().st_size == 0:
        raise NotAVideo("is empty", path=path)

    def opened(hwaccel: HWAccel | None) -> InputContainer:
        # "file:" keeps names like "concat:a" or "http:b" from being taken for an address.
        return av.open(
            f"file:{path}",
            options={"max_pixels": str(MAX_PIXELS)},
            container_options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
            metadata_errors="replace",
            timeout=timeout_seconds,
            hwaccel=hwaccel,
        )

    try:
        if decode_device == "cpu":
            return opened(None)
        try:
            return opened(HWAccel(decode_device, allow_software_fallback=True))
        except (av.error.FFmpegError, RuntimeError, NotImplementedError) as error:
            container = opened(None)
            if on_warning is not None:
                on_warning(f"cannot decode on {decode_device} ({error}); decoding on the CPU")
            return container
    except (av.error.InvalidDataError, av.error.ArgumentError, ValueError) as error:
        raise _not_opened(path) from error


def _not_opened(path: Path) -> MediaError:
    with path.open("rb") as file:
        head = file.read(16)
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return DamagedVideo(
                f"is {name}, but its index is missing or damaged (an unfinished recording?)", path=path
            )
    return NotAVideo("not a video file", path=path)


def _picture_track(container: InputContainer, path: Path) -> VideoStream:
    """The default picture track, else the largest; never the cover picture of a song."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks:
        what = "sound, but no pictures" if container.streams.audio else "no pictures"
        raise NotAVideo(f"holds {what}", path=path)
    decodable = [track for track in tracks if track.codec_context is not None]
    if not decodable:
        raise DamagedVideo("holds pictures in a coding that cannot be decoded here", path=path)
    return max(
        decodable,
        key=lambda track: (
            bool(track.disposition & Disposition.default),
            track.width * track.height,
            -track.index,
        ),
    )


def _start_ticks(container: InputContainer, stream: VideoStream, time_base: Fraction) -> Fraction:
    start_time = cast("int | None", container.start_time)
    if start_time is None:
        return Fraction(stream.start_time or 0)
    start_ticks = Fraction(start_time, av.time_base) / time_base
    # The container's start is rounded to microseconds; where the pictures start it, theirs is exact.
    if stream.start_time is not None and abs(stream.start_time - start_ticks) * time_base <= Fraction(
        1, 500_000
    ):
        return Fraction(stream.start_time)
    return start_ticks
