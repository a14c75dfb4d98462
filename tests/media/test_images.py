"""Still pictures: sizes, JPEG, EXIF, and what counts as blank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

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
    with pytest.raises(MediaError, match="not a readable JPEG"):
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
    with pytest.raises(MediaError, match=r"text\.jpg: not a picture"):
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
