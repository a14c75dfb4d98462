"""A video to measure speed on, made on the spot: H.264 that is about as hard to decode as a filmed one.

Textures as busy as photographs (noise with a 1/f spectrum) pass by at a walking camera's pace, with film
grain, and a hard cut every five seconds. Ten seconds or less are encoded; a longer video repeats them.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import OutputContainer

    from vidsearch.types import UInt8Image

FRAME_RATE = 30
LOOP_SECONDS = 10
SCENE_SECONDS = 5
_GRAIN = 7
_PIXELS_PER_FRAME = 3


def write_clip(path: Path, *, seconds: float, width: int = 1920, height: int = 1080) -> Path:
    """Write a video of any length: 30 frames a second, x264 at its usual quality and key frame distance."""
    num_turns = max(1, math.ceil(seconds / LOOP_SECONDS))
    loop_frames = round(seconds * FRAME_RATE / num_turns)
    loop = path.with_name(f"{path.stem}.loop.mp4")
    try:
        _encode(loop, _pictures(loop_frames, width, height), width, height)
        _repeat(loop, path, num_turns=num_turns, loop_seconds=Fraction(loop_frames, FRAME_RATE))
    finally:
        loop.unlink(missing_ok=True)
    return path


def texture(number: int, width: int, height: int) -> UInt8Image:
    """A picture with the 1/f spectrum of photographs, another one for each number."""
    chance = np.random.default_rng(number)
    picture = np.zeros((height, width, 3), dtype=np.float32)
    size, weight = 2, 1.0
    while size < max(width, height):
        noise = chance.standard_normal((max(1, size * height // width), size, 3)).astype(np.float32)
        picture += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
        size, weight = size * 2, weight * 0.6
    low, high = np.percentile(picture, (1, 99))
    full_range: UInt8Image = np.clip((picture - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return full_range


def _pictures(num_frames: int, width: int, height: int) -> Iterator[UInt8Image]:
    scene_frames = SCENE_SECONDS * FRAME_RATE
    chance = np.random.default_rng(0)
    grain = [chance.integers(-_GRAIN, _GRAIN + 1, (height, width, 1), dtype=np.int8) for _ in range(8)]
    wide = np.zeros((0, 0, 3), dtype=np.uint8)
    for number in range(num_frames):
        scene, step = divmod(number, scene_frames)
        if step == 0:
            wide = texture(scene, width + _PIXELS_PER_FRAME * scene_frames, height)
        left = step * _PIXELS_PER_FRAME
        picture = wide[:, left : left + width].astype(np.int16) + grain[number % len(grain)]
        yield np.clip(picture, 0, 255).astype(np.uint8)


def _encode(path: Path, pictures: Iterator[UInt8Image], width: int, height: int) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))


def _repeat(loop: Path, path: Path, *, num_turns: int, loop_seconds: Fraction) -> None:
    with av.open(str(path), "w") as output:
        for turn in range(num_turns):
            append(loop, output, offset=turn * loop_seconds)


def append(loop: Path, output: OutputContainer, *, offset: Fraction) -> None:
    """Copy a video's packets to the end of another one, `offset` seconds later than they were."""
    with av.open(str(loop)) as source:
        (stream,) = source.streams.video
        copy = output.streams.video[0] if output.streams.video else output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue  # the last one, which is empty
            ticks = round(offset / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, copy
            output.mux(packet)
