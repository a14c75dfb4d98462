"""Opens a video file safely, reads its packets and gives its pictures' times.

Files are untrusted: only formats that contain the pictures themselves are opened (a playlist could name any
other file or address), and no picture larger than `MAX_PIXELS` is ever allocated.
"""

from __future__ import annotations

import errno
import math
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

from vidsearch.errors import DamagedVideo, DecodeTimeout, MediaError, NotAVideo, QueryError
from vidsearch.media.clock import ContinuousClock
from vidsearch.media.magic import HEAD_BYTES, container_name, picture_name
from vidsearch.media.source import source_of
from vidsearch.paths import is_elsewhere
from vidsearch.times import parse_time

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

    from vidsearch.media.ranges import RangeReader
    from vidsearch.media.source import Source

MAX_PIXELS = 2**26
"""8192 x 8192. A header may claim any size, and a decoder allocates it for every picture it keeps."""

_MAX_RETRIES = 10_000
"""Attempts to read on after bytes without a packet; FFmpeg scans 64 KiB of a transport stream at a time."""

DecodeDevice: TypeAlias = Literal["cpu", "cuda"]
OnWarning: TypeAlias = Callable[[str], None]
Learns: TypeAlias = Literal["header", "order", "pictures"]
"""How much opening a video finds out: its header; also the order in which its pictures are shown; or also
what only decoding the first ones tells, such as their pixel format."""

_FORMATS = (
    "mov,mp4,matroska,webm,avi,flv,live_flv,mpegts,mpeg,mpegvideo,asf,gif,apng,ogg,dv,mxf,nut,rm,ivf,swf,wtv,nsv,"
    "h264,hevc,av1,obu,m4v,mjpeg,yuv4mpegpipe,r3d,bink,smk,"
    "mp3,wav,flac,aac,w64,aiff,ac3,amr,caf,ape,tta,wv"
)
"""The FFmpeg demuxers allowed to open a file; sound formats only so that errors can name them."""

_STILL_CODECS = frozenset({"mjpeg", "png", "webp", "bmp", "tiff", "jpegxl"})
"""Codecs of cover art. A film may use one of them, but then it is the only picture stream."""

_NOT_A_FILM = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails

_UNREADABLE = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOENT, errno.EACCES})
"""Error numbers that mean a disk error. FFmpeg uses all others for errors in the file."""


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
    file: RangeReader | None = None
    """The reader of a remote file; None for a local one."""

    def content_hash(self) -> str | None:
        """The digest of a remote file that has been read nearly whole; else None. Raises MediaError."""
        return None if self.file is None else self.file.content_hash()

    @property
    def clock_may_jump(self) -> bool:
        """Whether the container carries the sender's clock, which may restart in mid-file."""
        return bool(self.container.format.flags & cast("int", Flags.ts_discont.value))

    def packets(self, streams: Sequence[Stream]) -> Iterator[Packet[Stream]]:
        """Read packets of some streams from the current position; their times are continuous.

        What cannot be read is skipped as far as the container allows.
        """
        for _ in range(_MAX_RETRIES):
            try:
                for packet in self.container.demux(list(streams)):
                    if packet.size:
                        if self.clock_may_jump:
                            self.clock.mend(packet)
                        yield packet
            except av.error.BlockingIOError:
                continue  # FFmpeg found no packet in the bytes it scans at a time: scan further
            except IndexError:
                # At the end of the file, PyAV fails on streams that appeared after its start.
                return
            return

    def seconds(self, ticks: int) -> float:
        """Time from the start of the video."""
        return float((ticks - self.start_ticks) * self.time_base)

    def last_tick_at(self, seconds: float) -> int:
        """The latest tick at or before `seconds`, allowing a microsecond for rounding."""
        return math.floor(Fraction(seconds + 1e-6) / self.time_base + self.start_ticks)

    @property
    def frame_rate(self) -> Fraction | None:
        """Average pictures per second, as the container states or FFmpeg guesses."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return rate if rate and rate > 0 else None

    @property
    def codec(self) -> str:
        return self.stream.codec_context.codec.canonical_name

    @property
    def sample_aspect_ratio(self) -> Fraction:
        """Width of a stored pixel over its height; 1 where unknown or implausible.

        If the container does not say, the first decoded picture does.
        """
        ratio = self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio
        return ratio if ratio and Fraction(1, 4) <= ratio <= 4 else Fraction(1)

    def claimed_duration_seconds(self) -> float | None:
        """The track's length by its header, else the file's; None where neither is given."""
        if self.stream.duration:
            return float(self.stream.duration * self.time_base)
        if self.container.duration:
            return self.container.duration / av.time_base
        return None


@contextmanager
def open_video(
    path: Path,
    *,
    learns: Learns = "pictures",
    num_threads: int = 0,
    timeout_seconds: float | None = None,
    decode_device: DecodeDevice = "cpu",
    on_warning: OnWarning | None = None,
) -> Iterator[OpenVideo]:
    """Open a video; it is closed when the block ends.

    FFmpeg's and the system's errors inside the block are converted as well.

    Args:
        path: The file, local or remote.
        learns: What must be known of it; less than "pictures" saves decoding the first ones twice.
        num_threads: Decoder threads; 0 leaves the number to FFmpeg.
        timeout_seconds: Longest wait for one read of the file.
        decode_device: Where pictures are decoded; the CPU is the fallback.
        on_warning: Called with a message where the CPU decodes instead.

    Raises:
        NotAVideo: The file is something else.
        DamagedVideo: It does not decode.
        DecodeTimeout: A read took longer than `timeout_seconds`.
        MediaError: It cannot be read at all.
    """
    source = source_of(path)
    before = source.state()
    with _bytes_of(path, source) as file:
        try:
            with _open_container(path, file, timeout_seconds, decode_device, on_warning, learns) as container:
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
                    file=file,
                )
        except (av.error.FFmpegError, OSError) as error:
            raise media_error(error, path) from error
    if source.state() != before:
        raise DamagedVideo("changed while it was being read; try again when it is complete", path=path)


def media_error(error: Exception, path: Path) -> MediaError:
    """Convert an error of FFmpeg or the system into one for users."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return DecodeTimeout("reading it made no progress; is its drive still there?", path=path)
    if isinstance(error, av.error.FFmpegError) and error.errno not in _UNREADABLE:
        return DamagedVideo(_what_ffmpeg_met(error), path=path)
    if isinstance(error, OSError):
        return MediaError(f"cannot be read: {error.strerror or error}", path=path)
    return DamagedVideo(f"does not decode: {error}", path=path)


def _what_ffmpeg_met(error: av.error.FFmpegError) -> str:
    """A reason in plain words: FFmpeg says "Operation not permitted" of a damaged GIF."""
    match error:
        case av.error.DecoderNotFoundError():
            return "uses a video codec that cannot be decoded here"
        case av.error.PatchWelcomeError():
            return "uses a rare feature of its format that cannot be decoded here"
        case av.error.MemoryError():
            return "its pictures are too large to decode"
        case _:
            return "its data cannot be read as a video"


@contextmanager
def _bytes_of(path: Path, source: Source) -> Iterator[RangeReader | None]:
    """A file object for a remote file; None for a local one, which FFmpeg reads by its path.

    Raises the errors of fetching, which a demuxer would take for the end of the file.
    """
    if not is_elsewhere(path):
        yield None
        return
    with cast("RangeReader", source.open()) as file:
        try:
            yield file
        except Exception as error:
            if file.error is not None and file.error is not error:
                raise file.error from error
            raise
        if file.error is not None:
            raise file.error


def _open_container(
    path: Path,
    file: RangeReader | None,
    timeout_seconds: float | None,
    decode_device: DecodeDevice,
    on_warning: OnWarning | None,
    learns: Learns,
) -> InputContainer:
    head = _head(path, file)
    if not head:
        raise NotAVideo("is empty", path=path)
    _refuse_picture(head, path)

    def opened(hwaccel: HWAccel | None, **codec_options: str) -> InputContainer:
        if file is not None:
            file.seek(0)
        # "file:" keeps FFmpeg from opening names like "concat:a" or "http:b" as addresses.
        return av.open(
            cast("str", f"file:{path}" if file is None else file),
            options={"max_pixels": str(MAX_PIXELS), **codec_options},
            container_options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
            metadata_errors="replace",
            timeout=timeout_seconds,
            hwaccel=hwaccel,
        )

    try:
        if decode_device == "cpu":
            # Only MP4 has all times in its header. Of a remote file, FFmpeg would fetch more packets in
            # search of the pixel format, which takes longer than decoding a picture.
            if learns != "pictures" and file is None and container_name(head) == "MP4":
                container = opened(None, skip_frame="all")
                if learns == "header" or _is_order_known(_picture_track(container, path)):
                    return container
                container.close()
            return opened(None)
        try:
            return opened(HWAccel(decode_device, allow_software_fallback=True))
        except (av.error.FFmpegError, RuntimeError, NotImplementedError) as error:
            container = opened(None)
            if on_warning is not None:
                on_warning(f"cannot decode on {decode_device} ({error}); decoding on the CPU")
            return container
    except (av.error.InvalidDataError, av.error.ArgumentError, ValueError) as error:
        raise _not_opened(head, path) from error


def _is_order_known(track: VideoStream) -> bool:
    """Whether a decoder knows how long to hold pictures back in order to put them in display order.

    For H.264, FFmpeg derives it from the times in the header, unless the MP4 is fragmented and has them
    elsewhere. A decoder that does not know outputs some pictures too early and drops the ones between.
    """
    context = track.codec_context
    return context.pix_fmt is not None or (context.codec.canonical_name == "h264" and track.frames > 0)


def _head(path: Path, file: RangeReader | None) -> bytes:
    if file is not None:
        return file.read(HEAD_BYTES)
    with path.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _not_opened(head: bytes, path: Path) -> MediaError:
    name = container_name(head)
    if name is not None:
        return DamagedVideo(
            f"is {name}, but its index is missing or damaged (an unfinished recording?)", path=path
        )
    picture = picture_name(head)
    return NotAVideo(_picture_reason(picture) if picture else "not a video file", path=path)


def _picture_reason(picture: str) -> str:
    return f"not a video file: it is a picture ({picture})"


def _refuse_picture(head: bytes, path: Path) -> None:
    """Raise NotAVideo for a still image that FFmpeg would open as a video of one picture or of tiles."""
    picture = picture_name(head)
    is_film_of_pictures = picture == "JPEG" and path.suffix.lower() in (".mjpeg", ".mjpg")
    if picture in ("HEIC", "AVIF", "JPEG") and not is_film_of_pictures:
        raise NotAVideo(_picture_reason(picture), path=path)


def _picture_track(container: InputContainer, path: Path) -> VideoStream:
    """The main picture stream: never cover art or a still as long as there is another."""
    tracks = [track for track in container.streams.video if not track.disposition & Disposition.attached_pic]
    if not tracks:
        what = "sound, but no pictures" if container.streams.audio else "no pictures"
        raise NotAVideo(f"holds {what}", path=path)
    decodable = [track for track in tracks if track.codec_context is not None]
    if not decodable:
        raise DamagedVideo("uses a video codec that cannot be decoded here", path=path)
    longest_seconds = max(map(_track_seconds, decodable))
    return max(
        decodable,
        key=lambda track: (
            not track.disposition & _NOT_A_FILM,
            track.frames != 1,
            track.codec_context.codec.canonical_name not in _STILL_CODECS,
            _track_seconds(track) >= longest_seconds / 2,
            bool(track.disposition & Disposition.default),
            track.width * track.height,
            -track.index,
        ),
    )


def _track_seconds(track: VideoStream) -> float:
    """A track's length by its header, or by the tag that Matroska writers add; 0 where neither is given."""
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    try:
        return parse_time(track.metadata.get("DURATION", "0"))
    except QueryError:
        return 0.0


def _start_ticks(container: InputContainer, stream: VideoStream, time_base: Fraction) -> Fraction:
    start_time = cast("int | None", container.start_time)
    if start_time is None:
        return Fraction(stream.start_time or 0)
    start_ticks = Fraction(start_time, av.time_base) / time_base
    # The container's start is rounded to microseconds; the picture stream's own is exact, if it comes first.
    if stream.start_time is not None and abs(stream.start_time - start_ticks) * time_base <= Fraction(
        1, 500_000
    ):
        return Fraction(stream.start_time)
    return start_ticks
