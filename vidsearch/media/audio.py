"""Decodes a video's sound: mono, at one sample rate, in blocks whose times are those of the pictures.

Sample n of a file is not necessarily heard at n / rate: sound may start before or after the pictures, edit
lists cut it, packets get lost, and recordings pause. Each decoded frame is therefore placed at its
presentation time; gaps become silence and overlaps are dropped. Times are then correct throughout the file,
to within `_TOLERANCE_SECONDS`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import CodecContext
from av.stream import Discard, Disposition

from vidsearch.errors import NoSound
from vidsearch.media.container import open_video
from vidsearch.media.embedded import standard_language
from vidsearch.types import AudioBlock

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream as AvAudioStream
    from av.packet import Packet
    from av.stream import Stream

    from vidsearch.media.container import OpenVideo
    from vidsearch.types import Float32

_BLOCK_SECONDS = 5.0
_TOLERANCE_SECONDS = 0.05
"""Timestamps in milliseconds, and those of broadcasts, jitter by less than this."""
_LONGEST_GAP_SECONDS = 3600.0
"""The longest gap filled with silence where the file's length is unknown; a later timestamp is taken as
damaged."""
_LEAD_SECONDS = 1.0
"""Sound decoders need a few packets before their output is correct."""
_RENEWED_CODECS = frozenset({"aac", "ac3", "eac3"})
"""Their decoders fill in noise that depends on everything that they decoded before."""
_RENEWAL_SECONDS = 60.0
_SEEKABLE_FORMATS = frozenset({"mov", "matroska", "flv"})
"""Containers with an index, which can seek without scanning the file."""
_ASIDE = (
    Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.karaoke
)
"""Dispositions of tracks that are not the film's main sound."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A sound track of a video file."""

    number: int
    """Counted from 1, in the order of the file."""
    codec: str
    language: str | None
    """BCP 47; None where the file does not say."""
    title: str | None
    num_channels: int
    is_default: bool
    """Whether this is the track a player would choose."""
    can_be_decoded: bool


def audio_tracks(path: Path) -> tuple[AudioTrack, ...]:
    """List a video's sound tracks. Raises MediaError."""
    with open_video(path, num_threads=1) as video:
        streams = video.container.streams.audio
        default = _default(streams)
        return tuple(_described(stream, number, default) for number, stream in enumerate(streams, start=1))


def audio_blocks(
    path: Path,
    *,
    sample_rate: int,
    track: int | None = None,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    timeout_seconds: float | None = None,
) -> Iterator[AudioBlock]:
    """Decode the sound of [start, end) in order, without gaps; it may end before the pictures do.

    Whatever cannot be decoded becomes silence. Memory use is independent of the file's length.

    Args:
        path: The video.
        sample_rate: Output samples per second.
        track: `AudioTrack.number`; None for the track a player would choose.
        start_seconds: Where to begin.
        end_seconds: Where to end; None for the end of the sound.
        timeout_seconds: Longest wait for one read of the file.

    Raises:
        NoSound: There is no such track, or none that can be decoded here.
        MediaError: The file cannot be read.
    """
    with open_video(path, num_threads=1, timeout_seconds=timeout_seconds) as video:
        stream = _chosen(video, track)
        # The clock of a broadcast is that of its pictures: they have to be read with the sound.
        streams: list[Stream] = [video.stream, stream] if video.clock_may_jump else [stream]
        for other in video.container.streams:
            if other not in streams:
                other.discard = Discard.all
        decoder = _Decoder(stream)
        if start_seconds > _LEAD_SECONDS and video.container.format.name.split(",")[0] in _SEEKABLE_FORMATS:
            decoder.seek(video, start_seconds)
        line = _TimeLine(sample_rate, start_seconds, end_seconds, _latest_seconds(video))
        for packet in video.packets(streams):
            if packet.stream_index == stream.index:
                for frame in decoder.frames(cast("Packet[AvAudioStream]", packet)):
                    yield from line.put(frame, _seconds(video, frame))
                if line.is_full:
                    return
        for frame in decoder.frames(None):
            yield from line.put(frame, _seconds(video, frame))
        yield from line.end()


def _described(stream: AvAudioStream, number: int, default: AvAudioStream | None) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        number=number,
        codec=context.codec.canonical_name if context is not None else "unknown",
        language=standard_language(stream.metadata.get("language")),
        title=" ".join(stream.metadata.get("title", "").split()) or None,
        num_channels=context.channels if context is not None else 0,
        is_default=stream is default,
        can_be_decoded=context is not None,
    )


def _default(streams: Sequence[AvAudioStream]) -> AvAudioStream | None:
    """The track a player would choose: the film's main sound before commentary, the default track first."""
    decodable = [stream for stream in streams if stream.codec_context is not None]
    return max(
        decodable,
        key=lambda stream: (
            not stream.disposition & _ASIDE,
            bool(stream.disposition & Disposition.default),
            -stream.index,
        ),
        default=None,
    )


def _chosen(video: OpenVideo, number: int | None) -> AvAudioStream:
    """The track with this number, or the default one. Raises NoSound, MediaError."""
    streams = video.container.streams.audio
    if not streams:
        raise NoSound("has no sound", path=video.path)
    if number is not None and not 1 <= number <= len(streams):
        raise NoSound(f"has no sound track {number}; it has {len(streams)}", path=video.path)
    stream = _default(streams) if number is None else streams[number - 1]
    if stream is None or stream.codec_context is None:
        raise NoSound("has sound in a codec that cannot be decoded here", path=video.path)
    return stream


def _latest_seconds(video: OpenVideo) -> float | None:
    """The latest time at which there can be sound; None where the file does not say."""
    claimed = video.container.duration
    return None if not claimed or video.clock_may_jump else claimed / av.time_base + _BLOCK_SECONDS


class _Decoder:
    """Decodes the packets of a track, in order.

    Decoders whose state never fades are restarted at fixed times of the file. Wherever decoding begins, it
    then gives the same samples as from the file's start.
    """

    def __init__(self, stream: AvAudioStream) -> None:
        self._stream = stream
        self._context = stream.codec_context
        self._is_renewed = self._context.codec.canonical_name in _RENEWED_CODECS
        self._part: int | None = None
        self._lead: deque[Packet[AvAudioStream]] = deque()

    def seek(self, video: OpenVideo, start_seconds: float) -> None:
        """Go to where decoding must begin for the samples to be right from a time of the video on."""
        seconds = start_seconds + float(video.start_ticks * video.time_base)
        if self._is_renewed:
            seconds = _RENEWAL_SECONDS * math.floor(seconds / _RENEWAL_SECONDS) - _LEAD_SECONDS
            if seconds < 0:
                return
        with suppress(av.error.FFmpegError, OverflowError):
            target = (seconds - _LEAD_SECONDS) / (self._stream.time_base or 1)
            video.container.seek(int(target), stream=self._stream)

    def frames(self, packet: Packet[AvAudioStream] | None) -> list[AudioFrame]:
        """Decode a packet; None for what the decoder still holds at the end."""
        if self._is_renewed and packet is not None and packet.pts is not None:
            self._renew(packet, float(packet.pts * packet.time_base))
        return self._decoded(packet)

    def _renew(self, packet: Packet[AvAudioStream], seconds: float) -> None:
        """Restart the decoder at the next part of the file, and decode what leads up to it."""
        while self._lead and float((self._lead[0].pts or 0) * packet.time_base) < seconds - _LEAD_SECONDS:
            self._lead.popleft()
        part = math.floor(seconds / _RENEWAL_SECONDS)
        if self._part is not None and part > self._part:
            context = cast("AudioCodecContext", CodecContext.create(self._context.codec, "r"))
            context.extradata = self._context.extradata
            self._context = context
            for each in self._lead:
                self._decoded(each)
        self._part = part
        self._lead.append(packet)

    def _decoded(self, packet: Packet[AvAudioStream] | None) -> list[AudioFrame]:
        try:
            return list(self._context.decode(packet))
        except (av.error.FFmpegError, ValueError):
            return []  # a damaged packet, or one of another format than its header says: silence


def _seconds(video: OpenVideo, frame: AudioFrame) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base - video.start_ticks * video.time_base)


class _TimeLine:
    """Places decoded frames at their presentation times and emits blocks as they fill."""

    def __init__(
        self, sample_rate: int, start_seconds: float, end_seconds: float | None, latest_seconds: float | None
    ) -> None:
        self._rate = sample_rate
        self._start_seconds = start_seconds
        self._latest_seconds = latest_seconds
        # All counts are of samples from `start_seconds` on.
        self._end = math.inf if end_seconds is None else round((end_seconds - start_seconds) * sample_rate)
        self._block_size = round(_BLOCK_SECONDS * sample_rate)
        self._parts: list[Float32] = []
        self._num_in_parts = 0
        self._num_given = 0
        # A run is a sequence of frames without gaps, which go through one resampler.
        self._resampler: AudioResampler | None = None
        self._format: tuple[object, ...] = ()
        self._run_start_seconds = 0.0
        self._run_seconds = 0.0
        self._num_to_drop = 0

    @property
    def is_full(self) -> bool:
        """Whether everything up to the end has been emitted."""
        return self._num_given >= self._end

    def put(self, frame: AudioFrame, seconds: float | None) -> Iterator[AudioBlock]:
        """Take the next frame and its presentation time, None where the file gives none."""
        if not frame.sample_rate or not frame.samples:
            return
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        expected = self._run_start_seconds + self._run_seconds
        at = expected if seconds is None or self._is_damaged(seconds, expected) else seconds
        if self._resampler is None or frame_format != self._format or abs(at - expected) > _TOLERANCE_SECONDS:
            frame, at = self._in_step(frame, at)
            yield from self._begin_run(at)
            self._format = frame_format
        self._run_seconds += frame.samples / frame.sample_rate
        frame.pts = None  # the resampler must count samples, not timestamps
        yield from self._resample(frame)

    def end(self) -> Iterator[AudioBlock]:
        """Emit what is left."""
        yield from self._end_run()
        if self._num_in_parts and not self.is_full:
            yield self._block(self._num_in_parts)

    def _in_step(self, frame: AudioFrame, at_seconds: float) -> tuple[AudioFrame, float]:
        """Drop a frame's first few samples, so that the next one coincides with an output sample.

        Resampling then has the same phase, and gives the same samples, wherever decoding begins.
        """
        rate = frame.sample_rate
        num_in_step = min(rate // math.gcd(rate, self._rate), frame.samples)
        times = at_seconds + np.arange(num_in_step) / rate
        places = (times - self._start_seconds) * self._rate
        first = int(np.abs(places - places.round()).round(3).argmin())
        if not first:
            return frame, at_seconds
        num_channels = 1 if frame.format.is_planar else frame.layout.nb_channels
        try:
            data: Any = frame.to_ndarray()
            rest = np.ascontiguousarray(data[:, first * num_channels :])
            shorter = AudioFrame.from_ndarray(rest, format=frame.format.name, layout=frame.layout.name)
        except (av.error.FFmpegError, ValueError):
            return frame, at_seconds  # NumPy has no such sample format: convert it in a step of its own
        shorter.sample_rate = rate
        return shorter, float(times[first])

    def _is_damaged(self, seconds: float, expected: float) -> bool:
        if self._latest_seconds is not None:
            return seconds > self._latest_seconds
        return seconds - expected > _LONGEST_GAP_SECONDS

    def _begin_run(self, at_seconds: float) -> Iterator[AudioBlock]:
        yield from self._end_run()
        here = self._num_given + self._num_in_parts
        begins = round((at_seconds - self._start_seconds) * self._rate)
        num_missing = max(0, begins - here)
        while num_missing and not self.is_full:
            num_silent = min(num_missing, self._block_size)
            yield from self._add(np.zeros(num_silent, dtype=np.float32))
            num_missing -= num_silent
        self._num_to_drop = max(0, here - begins)
        self._run_start_seconds, self._run_seconds = at_seconds, 0.0
        self._resampler = AudioResampler(format="flt", layout="mono", rate=self._rate)

    def _end_run(self) -> Iterator[AudioBlock]:
        if self._resampler is not None and self._run_seconds:
            yield from self._resample(None)
        self._resampler = None

    def _resample(self, frame: AudioFrame | None) -> Iterator[AudioBlock]:
        assert self._resampler is not None
        try:
            resampled = self._resampler.resample(frame)
        except (av.error.FFmpegError, ValueError):
            return  # a damaged frame in an unknown sample format: silence
        for each in resampled:
            samples = cast("Float32", each.to_ndarray().reshape(-1))
            num_to_drop = min(self._num_to_drop, len(samples))
            self._num_to_drop -= num_to_drop
            yield from self._add(samples[num_to_drop:])

    def _add(self, samples: Float32) -> Iterator[AudioBlock]:
        # Floating-point sound may hold NaN or infinity: silence.
        self._parts.append(np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0))
        self._num_in_parts += len(samples)
        while self._num_in_parts >= self._block_size and not self.is_full:
            yield self._block(self._block_size)

    def _block(self, num_samples: int) -> AudioBlock:
        waiting = np.concatenate(self._parts)
        samples, left = waiting[:num_samples], waiting[num_samples:]
        start_seconds = self._start_seconds + self._num_given / self._rate
        self._parts, self._num_in_parts = [left], len(left)
        if self._num_given + num_samples > self._end:
            samples = samples[: int(self._end) - self._num_given]
        self._num_given += len(samples)
        return AudioBlock(start_seconds, samples)
