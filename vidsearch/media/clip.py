"""Cuts a span out of a video into a file of its own, with its sound and the right way up.

Packets are copied where that gives exactly the span: it starts on a key frame, and no picture after its end
is needed to decode one before it. Otherwise the pictures are re-encoded. Sound is copied wherever the
container supports its codec.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from vidsearch.errors import DamagedVideo, ExportError, QueryError
from vidsearch.media.container import OpenVideo, open_video
from vidsearch.media.decode import measured_duration
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.orientation import UPRIGHT, orientation_of
from vidsearch.media.picture import display_size
from vidsearch.media.probe import first_picture
from vidsearch.outputs import DEFAULT_RULE, OutputRule
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

    from vidsearch.types import UInt8Image

    TimedPackets: TypeAlias = Iterator[tuple[float, Packet[Stream]]]
    """Decoding time in seconds, and the packet."""

_ENCODERS = {
    ".mp4": ("libx264", "aac"),
    ".m4v": ("libx264", "aac"),
    ".mov": ("libx264", "aac"),
    ".mkv": ("libx264", "aac"),
    ".webm": ("libvpx-vp9", "libopus"),
}
"""Video and audio encoders by the output's suffix."""
_OPTIONS = {
    # Without B-frames, an MP4 stores the exact duration of its last picture.
    "libx264": {"crf": "18", "preset": "veryfast", "bf": "0"},
    "libvpx-vp9": {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "5"},
}
_HOLDS_ORIENTATION = frozenset({".mp4", ".m4v", ".mov"})
"""Containers that can store all eight orientations; for others, rotated pictures are re-encoded."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of a video that was written to a file of its own."""

    path: Path
    start_seconds: float
    """Where the clip begins in the source."""
    end_seconds: float
    is_copy: bool
    """True where the pictures were copied as they are; else they were re-encoded."""


def cut_clip(
    path: Path,
    output: Path,
    *,
    start_seconds: float,
    end_seconds: float,
    exact: bool = True,
    reencode: bool = False,
    rule: OutputRule = DEFAULT_RULE,
) -> Clip:
    """Cut [start, end) of a video into `output`, whose ending names the container.

    The output appears whole or not at all.

    Args:
        path: The source video.
        output: The file to write.
        start_seconds: Start of the span.
        end_seconds: End of the span.
        exact: False copies packets always, from the key frame at or before the start: fast and lossless, but
            up to a few seconds early.
        reencode: Never copy pictures, for players that lack the source's codec.
        rule: Where the output may be written.

    Raises:
        QueryError: The span is not in the video.
        ExportError: The output cannot be written.
        MediaError: The source cannot be read.
    """
    if output.suffix.lower() not in _ENCODERS:
        endings = ", ".join(_ENCODERS)
        raise ExportError(f"{output} does not say what to write. Give it one of these endings: {endings}.")
    rule = replace(rule, inputs=(*rule.inputs, path))
    rule.check(output)
    duration = measured_duration(path)
    if not 0 <= start_seconds < end_seconds:
        raise QueryError(f"{start_seconds:g} to {end_seconds:g} s is no span of time.")
    if start_seconds >= duration:
        raise QueryError(
            f"{path} is {format_moment(duration)} long; there is nothing to cut at "
            f"{format_moment(start_seconds)}."
        )
    end_seconds = min(end_seconds, duration)
    with rule.beside(output) as draft, _opened(draft, output) as target, ExitStack() as open_files:
        video = open_files.enter_context(open_video(path))
        with open_video(path) as looked_over:
            span = _Span.find(looked_over, start_seconds, end_seconds)
        with open_video(path, num_threads=1) as looked_over:
            first = first_picture(looked_over)
        copies = (
            not reencode
            and video.codec in target.supported_codecs
            and (orientation_of(first) == UPRIGHT or output.suffix.lower() in _HOLDS_ORIENTATION)
            and (span.is_exact or not exact)
            and _decodes_from(path, span.key_ticks)
        )
        start_ticks = span.key_ticks if copies else span.start_ticks
        if copies:
            tracks = [_copied_pictures(video, span, target.add_stream_from_template(video.stream))]
        else:
            tracks = [_encoded_pictures(video, span, _picture_stream(video, first, target, output))]
        for number in range(len(video.container.streams.audio)):
            source = open_files.enter_context(open_video(path))
            codec = _ENCODERS[output.suffix.lower()][1]
            tracks.append(_sound(source, number, start_ticks, span.end_ticks, target, codec))
        _mux(target, tracks, output)
        if copies:
            start_seconds = video.seconds(span.key_ticks)
    return Clip(output, start_seconds, end_seconds, is_copy=copies)


@dataclass(frozen=True, slots=True)
class _Span:
    """A span on the clock of the picture track."""

    start_ticks: int
    end_ticks: int
    key_ticks: int
    """The last key frame at or before the start."""
    is_exact: bool
    """Whether copying packets from there gives the very pictures of the span."""

    @classmethod
    def find(cls, video: OpenVideo, start_seconds: float, end_seconds: float) -> _Span:
        start, end = video.last_tick_at(start_seconds), video.last_tick_at(end_seconds)
        key: int | None = None
        is_between = is_late = skipped = False
        for packet in _packets_from(video, start, video.stream):
            pts, dts = cast("int", packet.pts), cast("int", packet.dts)
            if dts >= end:
                break
            if packet.is_keyframe and pts <= start:
                key, is_between, is_late, skipped = pts, False, False, False
            elif pts >= end:
                skipped = True
            else:
                is_between |= pts <= start
                is_late |= skipped
        if key is None:
            return cls(start, end, start, is_exact=False)
        return cls(start, end, key, is_exact=not is_between and not is_late)


@contextmanager
def _opened(draft: Path, output: Path) -> Iterator[OutputContainer]:
    """Open `draft` for muxing. Errors name `output`, which it will be renamed to."""
    try:
        # "file:" keeps FFmpeg from reading a name like "a:b.mp4" as an address.
        with av.open(f"file:{draft}", "w") as target:
            yield target
    except (av.error.FFmpegError, OSError) as error:
        raise _not_written(output, error) from error


def _not_written(output: Path, error: Exception) -> ExportError:
    return ExportError(f"Could not write {output}: {getattr(error, 'strerror', None) or error}.")


def _packets_from(video: OpenVideo, ticks: int, stream: Stream) -> Iterator[Packet[Stream]]:
    """A track's packets, from the key frame at or before a time of the picture track."""
    if not video.clock_may_jump:
        try:
            video.container.seek(ticks, stream=video.stream)
        except av.error.FFmpegError:
            video.container.seek(0)
    # The clock of a broadcast is that of its pictures: they have to be read with the sound.
    streams = [video.stream, stream] if video.clock_may_jump else [stream]
    for packet in video.packets(streams):
        is_wanted = packet.stream_index == stream.index
        if is_wanted and packet.pts is not None and packet.dts is not None:
            yield packet


def _mux(target: OutputContainer, tracks: list[TimedPackets], output: Path) -> None:
    """Write the tracks' packets by time, each track in its own order. Raises ExportError."""
    for _, packet in heapq.merge(*tracks, key=lambda timed: timed[0]):
        try:
            target.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise _not_written(output, error) from error


# --- pictures ---------------------------------------------------------------------------------------


def _copied_pictures(video: OpenVideo, span: _Span, stream: Stream) -> TimedPackets:
    """The packets from the span's key frame on, with times from 0."""
    began = False
    after_end: list[Packet[Stream]] = []
    for packet in _packets_from(video, span.key_ticks, video.stream):
        pts, dts = cast("int", packet.pts), cast("int", packet.dts)
        began |= bool(packet.is_keyframe) and pts == span.key_ticks
        if dts >= span.end_ticks:
            return
        if not began or pts < span.key_ticks:
            continue
        after_end.append(packet)
        if pts >= span.end_ticks:
            continue  # only wanted if a picture within the span comes after it, and may need it
        for ready in after_end:
            ready.pts, ready.dts = (
                cast("int", ready.pts) - span.key_ticks,
                cast("int", ready.dts) - span.key_ticks,
            )
            ready.stream = stream
            yield float(ready.dts * video.time_base), ready
        after_end.clear()


def _encoded_pictures(video: OpenVideo, span: _Span, stream: VideoStream) -> TimedPackets:
    """Encode the pictures on screen within the span, with times from 0."""
    pictures = _pictures_of(video, span)
    current = next(pictures, None)
    if current is None:
        raise DamagedVideo(
            f"no picture decodes at {format_moment(video.seconds(span.start_ticks))}", path=video.path
        )
    durations: dict[int | None, int] = {}

    def packets(picture: VideoFrame | None) -> TimedPackets:
        for packet in stream.encode(picture):
            packet.duration = durations.pop(packet.pts, packet.duration or 0)
            yield float((packet.dts or 0) * video.time_base), packet

    while current is not None:
        following = next(pictures, None)
        until = span.end_ticks if following is None else following[0]
        shown_at = max(current[0], span.start_ticks)
        picture = _upright(current[1], stream)
        picture.pts = shown_at - span.start_ticks
        durations[picture.pts] = until - shown_at
        picture.time_base, picture.pict_type = video.time_base, PictureType.NONE
        yield from packets(picture)
        current = following
    yield from packets(None)


def _upright(picture: VideoFrame, stream: VideoStream) -> VideoFrame:
    """Prepare a picture for the encoder: upright, YUV 4:2:0, at the stream's size."""
    orientation = orientation_of(picture)
    width, height = stream.width, stream.height
    if orientation == UPRIGHT:
        return picture.reformat(width=width, height=height, format="yuv420p")
    if orientation.swaps_sides:
        width, height = height, width
    planes = cast("UInt8Image", picture.reformat(width=width, height=height, format="yuv420p").to_ndarray())
    brightness, colours = planes[:height], planes[height:].reshape(2, height // 2, width // 2)
    turned = [orientation.upright(plane) for plane in (brightness, *colours)]
    flat = np.concatenate([plane.ravel() for plane in turned])
    return VideoFrame.from_ndarray(flat.reshape(-1, stream.width), format="yuv420p")


def _decodes_from(path: Path, key_ticks: int) -> bool:
    """Whether decoding can begin at a key frame: some files flag pictures that need earlier ones."""
    with open_video(path, num_threads=1) as video:
        decoder = PictureDecoder(video)
        decoder.go_near(video.seconds(key_ticks))
        _, picture = next(decoder.all_pictures(), (0, None))
        return picture is not None and not picture.is_corrupt


def _pictures_of(video: OpenVideo, span: _Span) -> Iterator[tuple[int, VideoFrame]]:
    """Decode the pictures on screen within the span."""
    decoder = PictureDecoder(video)
    if _decodes_from(video.path, span.key_ticks):
        decoder.go_near(video.seconds(span.key_ticks))
    on_screen: tuple[int, VideoFrame] | None = None
    for ticks, picture in decoder.all_pictures():
        if ticks >= span.end_ticks:
            break
        if ticks > span.start_ticks and on_screen is not None:
            yield on_screen
        on_screen = ticks, picture
    if on_screen is not None:
        yield on_screen


def _picture_stream(
    video: OpenVideo, first: VideoFrame, target: OutputContainer, output: Path
) -> VideoStream:
    """Add a video stream with the source's colours, upright and with square pixels."""
    codec, _ = _ENCODERS[output.suffix.lower()]
    stream = cast(
        "VideoStream", target.add_stream(codec, rate=video.frame_rate or 25, options=dict(_OPTIONS[codec]))
    )
    width, height = (side // 2 * 2 for side in display_size(first, video.sample_aspect_ratio))
    if orientation_of(first).swaps_sides:
        width, height = height, width
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = video.time_base
    if not first.format.is_rgb:
        context.colorspace, context.color_range = first.colorspace, first.color_range
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
    return stream


# --- sound ------------------------------------------------------------------------------------------


def _sound(
    video: OpenVideo, number: int, start_ticks: int, end_ticks: int, target: OutputContainer, codec: str
) -> TimedPackets:
    """A sound track's packets within a span, with times from 0; copied if the container has the codec."""
    track = video.container.streams.audio[number]
    start, end = start_ticks * video.time_base, end_ticks * video.time_base
    if track.codec_context.codec.canonical_name in target.supported_codecs:
        return _copied_sound(video, track, start, end, target.add_stream_from_template(track))
    rate = 48_000 if codec == "libopus" else track.codec_context.sample_rate
    stream = target.add_stream(codec, rate=rate, layout=track.codec_context.layout.name)
    return _encoded_sound(video, track, start, end, cast("AudioStream", stream))


def _copied_sound(
    video: OpenVideo, track: AudioStream, start: Fraction, end: Fraction, stream: Stream
) -> TimedPackets:
    last_pts: int | None = None
    for packet in _packets_from(video, int(start / video.time_base), track):
        pts, time_base = cast("int", packet.pts), packet.time_base
        if pts * time_base >= end:
            return
        # Where recordings were joined, the sound of one may overlap that of the next.
        if pts * time_base >= start and (last_pts is None or pts > last_pts):
            last_pts = pts
            shift = int(start / time_base)
            packet.pts, packet.dts, packet.stream = pts - shift, cast("int", packet.dts) - shift, stream
            yield float(packet.pts * time_base), packet


def _encoded_sound(
    video: OpenVideo, track: AudioStream, start: Fraction, end: Fraction, stream: AudioStream
) -> TimedPackets:
    context = stream.codec_context
    resampler = AudioResampler(
        context.format, context.layout, context.sample_rate, context.frame_size or None
    )
    num_samples = 0
    sample_seconds = Fraction(1, context.sample_rate)
    for packet in _packets_from(video, int(start / video.time_base), track):
        for frame in cast("list[AudioFrame]", packet.decode()):
            shown_at = cast("float", frame.time)
            if not start <= shown_at < end:
                continue
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = num_samples, sample_seconds
                num_samples += piece.samples
                yield from _timed(stream.encode(piece))
        if cast("int", packet.pts) * packet.time_base >= end:
            break
    for piece in resampler.resample(None):
        piece.pts, piece.time_base = num_samples, sample_seconds
        num_samples += piece.samples
        yield from _timed(stream.encode(piece))
    yield from _timed(stream.encode(None))


def _timed(packets: Sequence[Packet[Stream]]) -> TimedPackets:
    for packet in packets:
        yield float((packet.dts or 0) * packet.time_base), packet
