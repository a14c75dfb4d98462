"""Small clips whose content and timing are known exactly.

`write_video` encodes any pictures with any timing. `numbered` draws a number that survives compression and
scaling, and `read_number` reads it back, so that a test can say which very frame it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

Colour = tuple[int, int, int]

RED: Colour = (220, 30, 30)
GREEN: Colour = (30, 200, 30)
BLUE: Colour = (30, 30, 220)
WHITE: Colour = (235, 235, 235)
BLACK: Colour = (0, 0, 0)

_NUMBER_BITS = 16
_CELLS_PER_ROW = 4


def solid(colour: Colour, *, width: int = 96, height: int = 64) -> UInt8Image:
    """One flat colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def numbered(number: int, *, width: int = 96, height: int = 64) -> UInt8Image:
    """A 4 x 4 board of dark and light cells: the bits of `number` (0 to 65,535), lowest first, row by row."""
    image = np.empty((height, width, 3), dtype=np.uint8)
    for bit in range(_NUMBER_BITS):
        row, column = divmod(bit, _CELLS_PER_ROW)
        rows = slice(row * height // 4, (row + 1) * height // 4)
        columns = slice(column * width // 4, (column + 1) * width // 4)
        image[rows, columns] = 220 if number >> bit & 1 else 35
    return image


def read_number(image: UInt8Image) -> int:
    """The number that `numbered` drew, read from the middles of the cells."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(_NUMBER_BITS):
        row, column = divmod(bit, _CELLS_PER_ROW)
        y, x = int((row + 0.5) * height / 4), int((column + 0.5) * width / 4)
        if image[y, x].mean() > 128:
            number |= 1 << bit
    return number


def quadrants(*, width: int = 96, height: int = 64) -> UInt8Image:
    """Red top left, green top right, blue bottom left, white bottom right: shows turns, flips and swaps."""
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = WHITE
    return image


def write_video(
    path: Path,
    pictures: Iterable[UInt8Image] | Callable[[int], UInt8Image],
    *,
    num_frames: int | None = None,
    frame_rate: Fraction | int = 25,
    times: Sequence[float] | None = None,
    start_seconds: float = 0.0,
    codec: str = "libx264",
    container: str | None = None,
    pixel_format: str | None = None,
    gop: int | None = None,
    b_frames: int | None = None,
    keyframes_at: Sequence[int] = (),
    rotation_degrees: int = 0,
    is_mirrored: bool = False,
    audio_seconds: float = 0.0,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    matrix: Literal["bt601", "bt709"] | None = None,
    full_range: bool = False,
    sample_aspect_ratio: Fraction | None = None,
) -> Path:
    """Encode `pictures` into `path` and return it.

    `pictures` are images, or a function of the frame's number with `num_frames`. Picture n is shown from
    `times[n]`, else from n / `frame_rate`, each plus `start_seconds`. `gop` is the distance between key
    frames; `keyframes_at` forces more. `rotation_degrees` is the clockwise turn that a player must make,
    after mirroring left to right where `is_mirrored`.
    `audio_seconds` of silence make a sound track. The container follows from the file's name if not given.
    `matrix` and `full_range` say how colours are coded, and are written into the stream.
    """
    if callable(pictures):
        if num_frames is None:
            raise ValueError("a function of the frame's number needs num_frames")
        pictures = map(pictures, range(num_frames))
    pictures = iter(pictures)
    first = next(pictures)
    frame_rate = Fraction(frame_rate)
    time_base = Fraction(1, 90_000) if codec in _FREE_TIMING else 1 / frame_rate
    pixel_format = pixel_format or _PIXEL_FORMATS.get(codec, "yuv420p")

    with av.open(str(path), "w", format=container, options=dict(container_options or {})) as output:
        output.metadata.update(metadata or {})
        video = output.add_stream(
            codec, rate=frame_rate, options={**_QUICK.get(codec, {}), **(options or {})}
        )
        assert isinstance(video, av.VideoStream)
        video.height, video.width = first.shape[:2]
        video.pix_fmt = pixel_format
        context = video.codec_context
        context.time_base = time_base
        context.thread_count = 1
        if gop is not None:
            context.gop_size = gop
        if b_frames is not None:
            context.max_b_frames = b_frames
        if matrix is not None:
            context.colorspace = {"bt709": 1, "bt601": 6}[matrix]
            context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        if sample_aspect_ratio is not None:
            context.sample_aspect_ratio = sample_aspect_ratio
        if rotation_degrees or is_mirrored:
            video.set_display_matrix(_display_matrix(rotation_degrees, is_mirrored))
        sound = output.add_stream(_audio_codec(path), rate=48_000, layout="mono") if audio_seconds else None
        assert sound is None or isinstance(sound, AudioStream)

        for number, picture in enumerate(chain([first], pictures)):
            shown_at = Fraction(times[number]) if times is not None else number / frame_rate
            frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixel_format,
                dst_colorspace=Colorspace.ITU709 if matrix == "bt709" else Colorspace.ITU601,
                dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
            )
            frame.pts = round((shown_at + Fraction(start_seconds)) / time_base)
            frame.time_base = time_base
            frame.pict_type = PictureType.I if number in keyframes_at else PictureType.NONE
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound is not None:
            _write_silence(output, sound, audio_seconds, start_seconds)
    return path


def write_audio(path: Path, *, seconds: float = 1.0) -> Path:
    """A file with a silent sound track and no pictures."""
    with av.open(str(path), "w") as output:
        sound = output.add_stream(_audio_codec(path), rate=48_000, layout="mono")
        assert isinstance(sound, AudioStream)
        _write_silence(output, sound, seconds, 0.0)
    return path


def colours_video(
    path: Path, colours: Sequence[Colour], *, seconds_each: float = 1.0, frame_rate: int = 10
) -> Path:
    """A clip of flat colours, each shown for `seconds_each`, with a hard cut between them."""
    each = round(seconds_each * frame_rate)
    return write_video(
        path,
        lambda number: solid(colours[number // each]),
        num_frames=each * len(colours),
        frame_rate=frame_rate,
    )


def _display_matrix(clockwise_degrees: int, is_mirrored: bool) -> list[int]:
    """ISO/IEC 14496-12, 6.2.2: (x, y) is shown at (a x + c y, b x + d y), as 16.16 fixed point."""
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][clockwise_degrees // 90]
    sign = -1 if is_mirrored else 1
    a, b, c, d = (value << 16 for value in (sign * cosine, sign * sine, -sine, cosine))
    return [a, b, 0, c, d, 0, 0, 0, 1 << 30]


_FREE_TIMING = frozenset({"libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1", "ffv1"})
"""Codecs whose encoders take any time base."""

_PIXEL_FORMATS = {"gif": "rgb8", "mjpeg": "yuvj420p", "rawvideo": "rgb24", "png": "rgb24", "qtrle": "rgb24"}

_QUICK: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "15", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "crf": "15", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "2M"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "2M"},
    "libsvtav1": {"preset": "12", "crf": "20"},
    "mpeg4": {"qscale": "2"},
}


def _audio_codec(path: Path) -> str:
    return {".webm": "libopus", ".avi": "mp3", ".mp3": "mp3", ".wav": "pcm_s16le", ".ogg": "libopus"}.get(
        path.suffix, "aac"
    )


def _write_silence(output: OutputContainer, sound: AudioStream, seconds: float, start_seconds: float) -> None:
    samples_per_frame, rate = 960, 48_000
    for number in range(round(seconds * rate / samples_per_frame)):
        frame = AudioFrame.from_ndarray(
            np.zeros((1, samples_per_frame), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = rate
        frame.pts = number * samples_per_frame + round(start_seconds * rate)
        frame.time_base = Fraction(1, rate)
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))
