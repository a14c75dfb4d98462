"""Broken on purpose: real small files with random damage, through probe and decode.

Nothing may come out but frames and our own errors, and nothing may hang or kill the process.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import numbered, write_video
from vidsearch.errors import MediaError
from vidsearch.media.decode import frames
from vidsearch.media.probe import probe
from vidsearch.types import SamplingPlan

CODECS = {
    "h264.mp4": "libx264",
    "h264.mkv": "libx264",
    "h264.ts": "libx264",
    "h264.flv": "libx264",
    "hevc.mp4": "libx265",
    "vp8.webm": "libvpx",
    "mpeg4.avi": "mpeg4",
    "mpeg2.mpg": "mpeg2video",
    "animation.gif": "gif",
    "mjpeg.mov": "mjpeg",
}

PLANS = (
    SamplingPlan(fps=5),
    SamplingPlan(max_frames=3),
    SamplingPlan(sampling="keyframes"),
    SamplingPlan(sampling="shots"),
)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("originals")
    return [
        write_video(folder / name, numbered, num_frames=12, codec=codec, gop=6)
        for name, codec in CODECS.items()
    ]


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """One of five kinds of damage: bits, a zeroed hole, a cut, a doubled stretch, a number made huge."""
    broken = bytearray(data)
    kind = random.integers(5)
    at = int(random.integers(len(data)))
    length = int(random.integers(1, 400))
    if kind == 0:
        for _ in range(int(random.integers(1, 30))):
            broken[random.integers(len(data))] ^= 1 << int(random.integers(8))
    elif kind == 1:
        broken[at : at + length] = bytes(len(broken[at : at + length]))
    elif kind == 2:
        del broken[at:]
    elif kind == 3:
        broken[at:at] = broken[at : at + length]
    else:
        # Headers are where a number is believed, and they are at either end.
        at = (
            int(random.integers(min(1500, len(data)))) if random.random() < 0.5 else len(data) - 1 - at % 1500
        )
        broken[at : at + 4] = b"\x7f\xff\xff\xff"
    return bytes(broken)


def run(originals: list[Path], folder: Path, seeds: range) -> int:
    """Returns how many frames came out of it all."""
    num_frames = 0
    for seed in seeds:
        random = np.random.default_rng(seed)
        original = originals[seed % len(originals)]
        path = folder / f"broken{original.suffix}"
        path.write_bytes(damaged(original.read_bytes(), random))
        try:
            probe(path)
            for frame in frames(path, PLANS[seed // len(originals) % len(PLANS)], num_threads=1):
                assert frame.image.size
                num_frames += 1
        except MediaError:
            continue
    return num_frames


def test_damage(originals: list[Path], tmp_path: Path) -> None:
    assert run(originals, tmp_path, range(300)) > 200


@pytest.mark.slow
def test_much_damage(originals: list[Path], tmp_path: Path) -> None:
    assert run(originals, tmp_path, range(1000, 8000)) > 5000
