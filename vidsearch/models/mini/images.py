"""Pictures of any size as the image tower takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from vidsearch.types import UInt8Image

SIDE_PIXELS = 288
"""Of the square that the tower sees: more than its backbone was made for (260), for small things."""


def squeeze(images: Sequence[UInt8Image]) -> UInt8Image:
    """Squeeze images to a square, whole and without bars: uint8 (n, SIDE_PIXELS,
    SIDE_PIXELS, 3).

    The tower was trained on squeezed photographs, so a cell of its grid is always the same
    share of the frame's width and height.
    Raises ValueError for anything but uint8 (height, width, 3).
    """
    import cv2  # here, because a search imports this package and never resizes

    out = np.empty((len(images), SIDE_PIXELS, SIDE_PIXELS, 3), np.uint8)
    for row, image in zip(out, images, strict=True):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"an image must be uint8 (height, width, 3), not {image.dtype} {image.shape}")
        if image.shape[:2] == (SIDE_PIXELS, SIDE_PIXELS):
            row[:] = image
        else:
            smaller = min(image.shape[:2]) >= SIDE_PIXELS
            row[:] = cv2.resize(
                image,
                (SIDE_PIXELS, SIDE_PIXELS),
                interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC,
            )
    return out


_BLACK = 24
"""The brightest that bars are."""
_LINES = 144
"""Of so many lines, or a few more, an image's bars and its colours are told."""
_GREY = 3
"""So far apart are a grey image's channels on average, at the most: decoding leaves a little."""
_LEAST_BAR, _LEAST_BETWEEN = 0.03, 0.25
"""How wide a bar is, and what is between two, at the least: shares of the image's side."""


def without_bars(image: UInt8Image) -> UInt8Image:
    """Cut off the black bars above and below an image, or at its sides; without them, return it as it is.

    Bars come in pairs and end at a straight edge, so that neither a night sky nor a title on black is cut.
    """
    step = max(1, min(image.shape[:2]) // _LINES)
    lit = image[::step, ::step].max(axis=2) > _BLACK
    rows = _between_bars(lit.mean(axis=1))
    columns = _between_bars(lit[rows].mean(axis=0))
    if rows == columns == slice(None):
        return image
    return image[_scaled(rows, step), _scaled(columns, step)]


def is_grey(image: UInt8Image) -> bool:
    """Whether an image has no colours, as old films and infrared cameras have none."""
    step = max(1, min(image.shape[:2]) // _LINES)
    shown = image[::step, ::step]
    return float((shown.max(axis=2) - shown.min(axis=2)).mean()) <= _GREY


def _between_bars(lit: npt.NDArray[np.float64]) -> slice:
    """Which lines are between two bars, or all, by the share of each that is not black."""
    shown = np.flatnonzero(lit > 0.02)
    if len(shown) == 0:
        return slice(None)
    first, stop, count = int(shown[0]), int(shown[-1]) + 1, len(lit)
    if min(first, count - stop) < _LEAST_BAR * count or stop - first < _LEAST_BETWEEN * count:
        return slice(None)
    edge = max(1, count // 50)
    straight = min(lit[first + 1 : first + 1 + edge].mean(), lit[stop - 1 - edge : stop - 1].mean()) > 0.5
    return slice(first, stop) if straight else slice(None)


def _scaled(lines: slice, step: int) -> slice:
    return lines if lines == slice(None) else slice(lines.start * step, (lines.stop - 1) * step + 1)
