"""Still pictures: sizes, JPEG, files. Knows no video.

Images are uint8 arrays (height, width, 3), RGB.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.errors import MediaError

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

_BLANK_SPREAD = 6
"""Between the 2nd and the 98th percentile of brightness: film grain and compression noise stay below it."""


def size_for_short_side(width: int, height: int, pixels: int | None) -> tuple[int, int]:
    """The (width, height) whose shorter side is `pixels`: same shape, at least 1, never larger than given."""
    if pixels is None or min(width, height) <= pixels:
        return width, height
    scale = pixels / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize_short_side(image: UInt8Image, pixels: int) -> UInt8Image:
    """Scale down, never up, until the shorter side is `pixels`."""
    height, width = image.shape[:2]
    return _resize(image, size_for_short_side(width, height, pixels))


def thumbnail(image: UInt8Image, *, side_pixels: int = 320, quality: int = 80) -> bytes:
    """A JPEG no wider and no higher than `side_pixels`."""
    height, width = image.shape[:2]
    scale = min(1.0, side_pixels / max(width, height))
    return encode_jpeg(
        _resize(image, (max(1, round(width * scale)), max(1, round(height * scale)))), quality=quality
    )


def encode_jpeg(image: UInt8Image, *, quality: int = 85) -> bytes:
    """Encode as JPEG, `quality` 1 to 100. Raises MediaError where a side exceeds JPEG's 65,535 pixels."""
    try:
        done, data = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
    except cv2.error as error:
        raise MediaError(
            f"cannot write a picture of {image.shape[1]}x{image.shape[0]} as JPEG: {error}"
        ) from error
    if not done:
        raise MediaError(f"cannot write a picture of {image.shape[1]}x{image.shape[0]} as JPEG")
    return data.tobytes()


def decode_jpeg(data: bytes) -> UInt8Image:
    """Decode JPEG bytes. Raises MediaError where they are none."""
    image = _decode(data)
    if image is None:
        raise MediaError(f"{len(data)} bytes that are not a readable JPEG")
    return image


def read_image(path: Path) -> UInt8Image:
    """Read a picture file, turned upright by its EXIF orientation. Raises MediaError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", path=path) from error
    image = _decode(data)
    if image is None:
        raise MediaError("not a picture that can be read", path=path)
    return image


def is_blank(image: UInt8Image) -> bool:
    """True for black, white or any one flat colour: nothing that a model could describe.

    Looks at the spread of each channel between its 2nd and 98th percentile on a 64 x 64 copy, so that neither
    noise nor a station's logo in a corner makes a black picture count as one.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small.reshape(-1, 3), (2, 98), axis=0)
    return bool((high - low).max() <= _BLANK_SPREAD)


def _resize(image: UInt8Image, size: tuple[int, int]) -> UInt8Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    resized: UInt8Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return resized


def _decode(data: bytes) -> UInt8Image | None:
    if not data:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if image is None:
        return None
    upright: UInt8Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return upright
