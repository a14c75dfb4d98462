"""Videos whose sound is known exactly: samples at known times, beside pictures."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from tests.synthetic import numbered, write_video

if TYPE_CHECKING:
    from vidsearch.types import Float32

RATE = 48_000


def beeps(*times: float, seconds: float, rate: int = RATE, pitch: float = 1000.0) -> Float32:
    """Silence with a beep of 0.1 s at each time."""
    samples = np.zeros(round(seconds * rate), dtype=np.float32)
    beep = 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(0.1 * rate)) / rate)
    for time in times:
        start = round(time * rate)
        samples[start : start + len(beep)] = beep[: len(samples) - start]
    return samples


def heard_at(samples: Float32, rate: int, *, threshold: float = 0.1) -> list[float]:
    """The times at which it gets loud."""
    is_loud = np.abs(samples) > threshold
    step = round(0.02 * rate)
    loud = [bool(is_loud[start : start + step].any()) for start in range(0, len(is_loud), step)]
    begins = [place for place, each in enumerate(loud) if each and not (place and loud[place - 1])]
    return [float(np.argmax(is_loud[place * step :]) + place * step) / rate for place in begins]


def with_sound(
    path: Path,
    *tracks: Float32,
    rate: int = RATE,
    codec: str = "aac",
    layout: str = "mono",
    offset_seconds: float = 0.0,
    picture_seconds: float | None = None,
    pictures_from_seconds: float = 0.0,
    default: int | None = None,
    languages: Sequence[str] = (),
    without: tuple[float, float] | None = None,
    still: Path | None = None,
) -> Path:
    """Write a video with numbered pictures, one a second, and these sound tracks.

    Args:
        path: Where to; its suffix says the container.
        *tracks: Samples of each, mono.
        rate: Of the samples, and of the file.
        codec: Of the sound.
        layout: Of the file's sound.
        offset_seconds: When the sound begins.
        picture_seconds: How long there are pictures; None for as long as the sound.
        pictures_from_seconds: When the pictures begin.
        default: Number, from 1, of the track to mark as default.
        languages: Of the tracks.
        without: A span whose packets of sound are left out.
        still: A video whose pictures are taken instead.
    """
    length = max((len(samples) / rate for samples in tracks), default=0.0)
    num_pictures = max(1, round(length if picture_seconds is None else picture_seconds))
    plain = still or write_video(
        path.with_name(f"plain-{path.stem}.mkv"),
        numbered,
        num_frames=num_pictures,
        frame_rate=1,
        gop=5,
        b_frames=0,
        codec="mpeg4" if path.suffix == ".avi" else "libx264",
    )
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        sounds: list[AudioStream] = []
        for number, _ in enumerate(tracks, start=1):
            sound = target.add_stream(codec, rate=rate, layout=layout)
            assert isinstance(sound, AudioStream)
            if number <= len(languages):
                sound.metadata["language"] = languages[number - 1]
            sound.disposition = int(number == default)  # type: ignore[assignment]
            sounds.append(sound)
        packets = []
        first = min(packet.pts for packet in source.demux(source.streams.video[0]) if packet.pts is not None)
        source.seek(0)
        for packet in source.demux(source.streams.video[0]):
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.stream = video
                shift = round(pictures_from_seconds / packet.time_base) - first
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packets.append(packet)
        target.start_encoding()
        for sound, samples in zip(sounds, tracks, strict=True):
            for packet in _encoded(sound, samples, rate, layout, offset_seconds):
                at = _seconds(packet)
                if without is None or not without[0] <= at < without[1]:
                    packets.append(packet)
        for packet in sorted(packets, key=_seconds):
            target.mux(packet)
    if still is None:
        plain.unlink()
    return path


def _seconds(packet):
    return float((packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base)


def _encoded(stream, samples, rate, layout, offset_seconds):
    size = stream.codec_context.frame_size or 1024
    num_channels = 1 if layout == "mono" else 2
    frame_format = stream.codec_context.format.name
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        if frame_format.startswith("s"):
            dtype = np.dtype(f"int{frame_format[1:3]}")
            part = (part * np.iinfo(dtype).max).astype(dtype)
        rows = np.repeat(part[None], num_channels, axis=0)
        data = rows if frame_format.endswith("p") else rows.T.reshape(1, -1)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(data), format=frame_format, layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = start + round(offset_seconds * rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)
