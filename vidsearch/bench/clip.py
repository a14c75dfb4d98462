"""A video to measure speed on, made on the spot: H.264 that is about as hard to decode as a filmed one.

Shapes of all sizes lie over each other, which gives the edges and the 1/f spectrum of photographs ("dead
leaves": Lee, Mumford and Huang, 2001, doi:10.1023/A:1011109015675). They pass by at a walking camera's pace
with its sway, some cross on their own, film grain lies over all, and every five seconds there is a hard cut.
Less than ten seconds are encoded; a longer video repeats them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import OutputContainer

    from vidsearch.types import Float32, UInt8Image

FRAME_RATE = 30
LOOP_SECONDS = 9.5
"""Not whole, so that whole seconds do not fall at the same places between key frames in every turn."""
SCENE_SECONDS = 5
X264_DEFAULTS: Mapping[str, str] = {}
"""As most files are made. About half of the pictures are referred to by no other one."""
NO_B_FRAMES: Mapping[str, str] = {"preset": "veryfast", "bf": "0"}
"""As cameras make them. Each picture is referred to by the next, so that none can be left out."""
_GRAIN = 3.0
"""Standard deviation, in steps of 1/255."""
_GRAIN_SHIFT = 64
_PIXELS_PER_FRAME = 2.6
_SWAY_PIXELS = 20
_NUM_LEAVES, _NUM_CROSSING = 600, 6


class _Leaf(NamedTuple):
    """A shape, in a square of its own."""

    colours: Float32
    """(side, side, 3), 0 to 255."""
    cover: Float32
    """(side, side, 1): 1 inside, 0 outside."""


def write_clip(
    path: Path,
    *,
    seconds: float,
    width: int = 1920,
    height: int = 1080,
    encoder_options: Mapping[str, str] = X264_DEFAULTS,
) -> Path:
    """Write a video of any length: 30 frames a second, by x264 with these options."""
    num_turns = max(1, math.ceil(seconds / LOOP_SECONDS))
    loop_frames = round(seconds * FRAME_RATE / num_turns)
    loop = path.with_name(f"{path.stem}.loop.mp4")
    try:
        _encode(loop, _pictures(loop_frames, width, height), width, height, encoder_options)
        _repeat(loop, path, num_turns=num_turns, loop_seconds=Fraction(loop_frames, FRAME_RATE))
    finally:
        loop.unlink(missing_ok=True)
    return path


def _pictures(num_frames: int, width: int, height: int) -> Iterator[UInt8Image]:
    scene_frames = SCENE_SECONDS * FRAME_RATE
    chance = np.random.default_rng(0)
    grain = chance.normal(0, _GRAIN, (height + _GRAIN_SHIFT, width + _GRAIN_SHIFT)).astype(np.float32)
    scene_height = height + 2 * _SWAY_PIXELS
    scene = np.zeros((0, 0, 3), dtype=np.uint8)
    crossing: list[_Leaf] = []
    for number in range(num_frames):
        step = number % scene_frames
        if step == 0:
            scene = _scene(chance, width + math.ceil(scene_frames * _PIXELS_PER_FRAME), scene_height)
            crossing = [_leaf(chance, height // 6) for _ in range(_NUM_CROSSING)]
        sway = _SWAY_PIXELS * math.sin(step / 25)
        centre = (width / 2 + step * _PIXELS_PER_FRAME, scene_height / 2 + sway)
        picture = cv2.getRectSubPix(scene, (width, height), centre)
        for place, leaf in enumerate(crossing):
            way = (place + 0.5) / _NUM_CROSSING + (-1) ** place * (step / scene_frames) ** 2
            _lay(picture, leaf, x=round(width * way), y=height * place // _NUM_CROSSING)
        down, right = chance.integers(0, _GRAIN_SHIFT, 2)
        grey = grain[down : down + height, right : right + width]
        yield cv2.add(picture, cv2.merge([grey, grey, grey]), dtype=cv2.CV_8U)


def _scene(chance: np.random.Generator, width: int, height: int) -> UInt8Image:
    """Leaves over each other, smaller ones on top, with radii by the power law that photographs follow."""
    scene = np.full((height, width, 3), 128, dtype=np.uint8)
    radii = np.minimum(height / 80 * chance.random(_NUM_LEAVES) ** (-1 / 1.5), height / 2)
    for radius in np.sort(radii)[::-1]:
        _lay(scene, _leaf(chance, int(radius)), x=int(chance.integers(width)), y=int(chance.integers(height)))
    return scene


def _leaf(chance: np.random.Generator, radius: int) -> _Leaf:
    """An ellipse of one colour, made uneven by noise at three scales."""
    side = 2 * radius + 1
    cover = np.zeros((side, side), dtype=np.float32)
    axes = (radius, max(1, int(radius * chance.uniform(0.4, 1))))
    cv2.ellipse(cover, (radius, radius), axes, chance.uniform(0, 180), 0, 360, 1, thickness=-1)
    colours = np.full((side, side, 3), chance.uniform(20, 236, 3), dtype=np.float32)
    for pixels in (64, 16, 4):
        cells = max(1, side // pixels)
        noise = chance.normal(0, 8, (cells, cells, 3)).astype(np.float32)
        colours += cv2.resize(noise, (side, side), interpolation=cv2.INTER_LINEAR)
    return _Leaf(colours.clip(0, 255), cv2.GaussianBlur(cover, (3, 3), 0)[..., None])


def _lay(picture: UInt8Image, leaf: _Leaf, *, x: int, y: int) -> None:
    """Lay a leaf onto a picture, its middle at (x, y), as far as it lies inside."""
    height, width = picture.shape[:2]
    side = len(leaf.cover)
    left, top = x - side // 2, y - side // 2
    inside = (slice(max(0, top), min(height, top + side)), slice(max(0, left), min(width, left + side)))
    if inside[0].start >= inside[0].stop or inside[1].start >= inside[1].stop:
        return
    of_leaf = (
        slice(inside[0].start - top, inside[0].stop - top),
        slice(inside[1].start - left, inside[1].stop - left),
    )
    below, cover = picture[inside], leaf.cover[of_leaf]
    picture[inside] = (below + (leaf.colours[of_leaf] - below) * cover).astype(np.uint8)


def _encode(
    path: Path, pictures: Iterator[UInt8Image], width: int, height: int, options: Mapping[str, str]
) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FRAME_RATE, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_type = "FRAME"  # threads by slices cut pictures into slices
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
