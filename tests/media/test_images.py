"""Still pictures: sizes, JPEG, EXIF, and what counts as blank."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.media.test_fuzz import damaged
from tests.synthetic import BLACK, BLUE, GREEN, RED, WHITE, quadrants, solid
from vidsearch.errors import MediaError
from vidsearch.media.images import (
    decode_jpeg,
    encode_jpeg,
    is_blank,
    read_image,
    resize_short_side,
    size_for_short_side,
    thumbnail,
)

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image


@pytest.mark.parametrize(
    ("size", "pixels", "expected"),
    [
        ((1920, 1080), 224, (398, 224)),
        ((1080, 1920), 224, (224, 398)),
        ((100, 80), 224, (100, 80)),
        ((10_000, 10), 5, (5_000, 5)),
        ((640, 480), None, (640, 480)),
        ((3, 1), 1, (3, 1)),
    ],
)
def test_size_for_short_side(size: tuple[int, int], pixels: int | None, expected: tuple[int, int]) -> None:
    assert size_for_short_side(*size, pixels) == expected


def test_resize_keeps_the_shape_and_never_enlarges() -> None:
    assert resize_short_side(quadrants(width=300, height=200), 50).shape == (50, 75, 3)
    assert resize_short_side(quadrants(width=30, height=20), 50).shape == (20, 30, 3)


def test_jpeg_there_and_back() -> None:
    image = quadrants()
    assert np.abs(decode_jpeg(encode_jpeg(image, quality=95)).astype(int) - image).mean() < 3


@pytest.mark.parametrize("data", [b"", b"no jpeg", b"\xff\xd8\xff"])
def test_no_jpeg(data: bytes) -> None:
    with pytest.raises(MediaError, match="not a readable picture"):
        decode_jpeg(data)


def test_a_picture_too_wide_for_jpeg() -> None:
    with pytest.raises(MediaError, match="70000x1"):
        encode_jpeg(solid(RED, width=70_000, height=1))


@pytest.mark.parametrize(
    ("size", "expected"), [((1000, 500), (320, 160)), ((90, 60), (90, 60)), ((10_000, 10), (320, 1))]
)
def test_thumbnail(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = decode_jpeg(thumbnail(solid(GREEN, width=size[0], height=size[1])))
    assert (small.shape[1], small.shape[0]) == expected


def test_pictures_are_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.fromarray(quadrants(width=64, height=32)).save(tmp_path / "phone.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "phone.jpg")
    assert image.shape == (64, 32, 3)
    assert image[10, 5] == pytest.approx(np.array(BLUE), abs=12)
    assert image[10, 26] == pytest.approx(np.array(RED), abs=12)


def test_transparent_and_grey_pictures_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).convert("RGBA").save(tmp_path / "a.png")
    Image.fromarray(quadrants()).convert("L").save(tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), quadrants())
    assert read_image(tmp_path / "b.png").shape == (64, 96, 3)


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(MediaError, match=r"text\.jpg: not a readable picture"):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(MediaError, match="No such file"):
        read_image(tmp_path / "gone.jpg")


def noisy(image: UInt8Image, sigma: float) -> UInt8Image:
    noise = np.random.default_rng(0).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_blank_pictures() -> None:
    assert is_blank(solid(BLACK))
    assert is_blank(solid(WHITE))
    assert is_blank(solid(BLUE))
    assert is_blank(noisy(solid((12, 12, 12), width=640, height=360), 5.0))
    assert is_blank(decode_jpeg(encode_jpeg(noisy(solid(RED, width=320, height=180), 4.0), quality=40)))


def test_pictures_that_are_not_blank() -> None:
    assert not is_blank(quadrants())
    text = np.ascontiguousarray(solid(BLACK, width=320, height=180))
    cv2.putText(text, "THE END", (60, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (200, 200, 200), 4)
    assert not is_blank(text)
    ramp = np.tile(np.linspace(10, 30, 96).astype(np.uint8)[None, :, None], (64, 1, 3))
    assert not is_blank(ramp)


# --- pictures made to do harm -----------------------------------------------------------------------


def png_bomb(side: int) -> bytes:
    """A few kilobytes that claim side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


PEAK = """
import resource, sys
from pathlib import Path
from vidsearch.errors import MediaError
from vidsearch.media.images import read_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(read_image(Path(sys.argv[1])).shape, end=" ")
except MediaError as error:
    print(error.reason, end=" ")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def read_apart(path: Path) -> tuple[str, int]:
    """What comes of reading a picture in a process of its own, and by how many MB its memory grows."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True, timeout=120
    )
    said, peak = run.stdout.rsplit(" ", 1)
    return said, int(peak)


def test_a_small_file_of_a_huge_picture_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_bomb(20_000))
    assert path.stat().st_size < 100_000
    said, peak_mb = read_apart(path)
    assert said == "is too large a picture: up to 67,108,864 pixels are read"
    assert peak_mb < 50


@pytest.mark.parametrize("kind", ["webp", "bmp", "gif", "tiff", "progressive.jpg"])
def test_no_kind_of_picture_may_be_larger(kind: str, tmp_path: Path) -> None:
    side = 9_000 if kind != "gif" else 9_500
    path = tmp_path / f"large.{kind}"
    Image.new("L", (side, side)).save(path, progressive=kind.startswith("progressive"))
    with pytest.raises(MediaError, match="is too large a picture") as raised:
        read_image(path)
    assert raised.value.path == path


def test_a_very_large_photograph_comes_reduced(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (16_000, 12_000), (220, 30, 30)).save(path)
    said, peak_mb = read_apart(path)
    assert said == "(3000, 4000, 3)"
    assert peak_mb < 300


def test_a_huge_jpeg_with_a_scan_for_each_colour_takes_no_memory(tmp_path: Path) -> None:
    """700 bytes, for which a decoder holds the coefficients of 32,000 x 32,000 pixels: 3 GB."""
    data = encode_jpeg(solid(RED, width=64, height=64))
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    size = struct.pack(">HH", 32_000, 32_000)
    only_first_colour = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(20) + b"\xff\xd9"
    path = tmp_path / "scans.jpg"
    path.write_bytes(data[: frame + 5] + size + data[frame + 9 : scan] + only_first_colour)
    said, peak_mb = read_apart(path)
    assert said == "is too large a picture: up to 67,108,864 pixels are read"
    assert peak_mb < 50


def test_a_large_progressive_jpeg_comes_reduced(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (8_000, 6_000), (220, 30, 30)).save(path, progressive=True, subsampling=0)
    said, peak_mb = read_apart(path)
    assert said == "(3000, 4000, 3)"
    assert peak_mb < 500


def test_a_tile_larger_than_its_picture_is_refused(tmp_path: Path) -> None:
    """64 x 64 pixels in one tile of 2**20 x 2**20."""
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1, 322: 2**20, 323: 2**20, 324: 0, 325: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    path = tmp_path / "tiles.tif"
    path.write_bytes(b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + bytes(4))
    with pytest.raises(MediaError, match="is too large a picture"):
        read_image(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(MediaError, match="is not a regular file"):
        read_image(pipe)


PICTURES = {
    "jpg": {},
    "png": {},
    "webp": {},
    "bmp": {},
    "gif": {},
    "tiff": {"compression": "tiff_lzw"},
    "avif": {},
}


@pytest.mark.parametrize("kind", PICTURES)
def test_damaged_pictures_end_in_pixels_or_an_error(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(quadrants()).save(path, **PICTURES[kind])
    sound = path.read_bytes()
    num_read = 0
    for _ in range(150):
        path.write_bytes(damaged(sound, random))
        try:
            num_read += read_image(path).size > 0
        except MediaError as error:
            assert error.path == path  # noqa: PT017  many end well, and none otherwise
    assert num_read < 150
