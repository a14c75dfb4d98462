"""Pictures of any size as the image tower takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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
