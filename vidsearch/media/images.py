"""Still pictures: sizes, JPEG, files.

Images are uint8 arrays (height, width, 3), RGB. Picture files are untrusted: the header is read first, and
none that claims more than `MAX_PIXELS` is decoded. Reading one takes at most 0.6 GB.
"""

from __future__ import annotations

import stat
import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.errors import MediaError

if TYPE_CHECKING:
    from PIL import Image

    from vidsearch.types import UInt8Image

MAX_PIXELS = 2**26
"""8192 x 8192. A PNG of a few kilobytes may claim any size, and a decoder allocates all of it."""

MAX_FILE_BYTES = 256 * 2**20

_MAX_JPEG_PIXELS = 2**30
"""A baseline JPEG may be larger: it is decoded row by row at 1/2, 1/4 or 1/8 of its size. One with several
scans (progressive, or a scan per channel) needs all coefficients in memory."""
_REDUCED_PIXELS = 2**24
_REDUCTIONS = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

_NOT_A_PICTURE = "not a readable picture"
_TOO_LARGE = f"is too large a picture: up to {MAX_PIXELS:,} pixels are read"
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
"""Errors that Pillow raises on broken headers."""

_JPEG_SEQUENTIAL_FRAMES = (0xC0, 0xC1)
_JPEG_SCAN = 0xDA

_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH, _TIFF_SAMPLES_PER_PIXEL = 322, 323, 277

_BLANK_SPREAD = 6
"""Spread from the 2nd to the 98th percentile; film grain and compression noise stay below this."""


def size_for_short_side(width: int, height: int, pixels: int | None) -> tuple[int, int]:
    """Scale (width, height) so that the shorter side is `pixels`; at least 1, never enlarged."""
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
    """Encode as JPEG, `quality` 1 to 100. Raises MediaError if a side exceeds JPEG's 65,535 pixels."""
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
    """Decode JPEG bytes. Raises MediaError if they are not a JPEG, or too large a picture."""
    return _decode(data)


def read_image(path: Path) -> UInt8Image:
    """Read a picture file, rotated by its EXIF orientation; a very large JPEG is reduced.

    Raises MediaError if it cannot be read, is not a picture, or has more than `MAX_PIXELS`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("is not a regular file", path=path)
        if status.st_size > MAX_FILE_BYTES:
            raise MediaError(f"is too large for a picture: {status.st_size:,} bytes", path=path)
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", path=path) from error
    try:
        return _decode(data)
    except MediaError as error:
        raise MediaError(error.reason, path=path) from error


def is_blank(image: UInt8Image) -> bool:
    """Whether a picture is black, white or one flat colour, with nothing for a model to describe.

    Compares each channel's 2nd and 98th percentile on a 64 x 64 copy, so that neither noise nor a channel
    logo in a corner hides that a picture is black.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small.reshape(-1, 3), (2, 98), axis=0)
    return bool((high - low).max() <= _BLANK_SPREAD)


def _resize(image: UInt8Image, size: tuple[int, int]) -> UInt8Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    resized: UInt8Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return resized


def _decode(data: bytes) -> UInt8Image:
    reduction = _checked_reduction(data)
    flags = cv2.IMREAD_COLOR if reduction == 1 else _REDUCTIONS[reduction]
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise MediaError(_NOT_A_PICTURE)
    rgb: UInt8Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _checked_reduction(data: bytes) -> int:
    """The factor by which to reduce a picture while decoding: 1, 2, 4 or 8.

    Reads only the header. Raises MediaError if there is none, or if it claims too large a picture.
    """
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with warnings.catch_warnings(action="ignore"):  # about odd tags, and sizes that are checked below
            # Image.open refuses large JPEGs even though they can be decoded reduced.
            is_jpeg = data.startswith(b"\xff\xd8\xff")
            header = JpegImageFile(BytesIO(data)) if is_jpeg else Image.open(BytesIO(data))
    except Image.DecompressionBombError as error:
        raise MediaError(_TOO_LARGE) from error
    except _PILLOW_ERRORS as error:
        raise MediaError(_NOT_A_PICTURE) from error
    num_pixels = header.width * header.height
    is_by_rows = is_jpeg and _is_by_rows(data)
    if num_pixels > (_MAX_JPEG_PIXELS if is_by_rows else MAX_PIXELS) or _has_huge_tiles(header):
        raise MediaError(_TOO_LARGE)
    if not is_jpeg or (is_by_rows and num_pixels <= MAX_PIXELS) or num_pixels <= _REDUCED_PIXELS:
        return 1
    return next((step for step in _REDUCTIONS if num_pixels <= _REDUCED_PIXELS * step**2), 8)


def _is_by_rows(data: bytes) -> bool:
    """Whether a JPEG is sequential with all channels in its first scan, so that it decodes row by row.

    Also False if its markers are out of order (ITU-T T.81, B.2).
    """
    num_colours = 0
    at = 2
    while len(data) > at + 9 and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _JPEG_SEQUENTIAL_FRAMES:
            num_colours = data[at + 9]
        elif marker == _JPEG_SCAN:
            return data[at + 4] == num_colours
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return False


def _has_huge_tiles(header: Image.Image) -> bool:
    """Whether a TIFF's tiles or pixels need more memory than the picture itself."""
    tags = getattr(header, "tag_v2", {})
    tile_pixels = int(tags.get(_TIFF_TILE_WIDTH, 0)) * int(tags.get(_TIFF_TILE_LENGTH, 0))
    return tile_pixels > MAX_PIXELS or int(tags.get(_TIFF_SAMPLES_PER_PIXEL, 1)) > 4
