"""Detects near-duplicate pictures, which models need not process.

Pictures are compared as `SIDE` x `SIDE` mean colours. With a still slide, a screen recording or a fixed
camera in an empty room, cells differ only by codec noise, while anything that moves changes at least one
cell. The largest change of any cell decides, not the mean, so that small things count. For text the
comparison is finer: one letter of a subtitle is smaller than a cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from vidsearch.media.images import resize_short_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import UInt8Image

    Signature: TypeAlias = NDArray[np.uint8]

SIDE = 32
_LEGIBLE_PIXELS = 320
"""Shorter side of pictures compared for text, the input size of the text detector."""
_LETTER_PIXELS = 8
MAX_LETTER_CHANGE = 8
"""Largest mean change, of 255, of any square of `_LETTER_PIXELS`. Another digit of a subtitle at 720 lines
changes one by 29 or more, H.264 at CRF 35 by 1: benchmarks/ocr.py."""
MAX_CELL_CHANGE = 4
"""Largest change, of 255, of any channel of any cell."""


def signature(image: UInt8Image) -> Signature:
    """Reduce a picture to its cells' mean colours: uint8 (SIDE, SIDE, 3)."""
    cells: Signature = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cells


def is_near_duplicate(one: Signature, other: Signature) -> bool:
    """Whether no cell differs by more than `MAX_CELL_CHANGE`."""
    return int(cv2.absdiff(one, other).max()) <= MAX_CELL_CHANGE


def legible_signature(image: UInt8Image) -> Signature:
    """Reduce a picture for comparing its text: uint8 (height, width), grey."""
    grey: Signature = cv2.cvtColor(resize_short_side(image, _LEGIBLE_PIXELS), cv2.COLOR_RGB2GRAY)
    return grey


def shows_same_text(one: Signature, other: Signature) -> bool:
    """Whether two pictures are so alike that no letter differs."""
    if one.shape != other.shape:
        return False
    change = cv2.absdiff(one, other)
    height, width = (max(1, side // _LETTER_PIXELS) for side in one.shape)
    return int(cv2.resize(change, (width, height), interpolation=cv2.INTER_AREA).max()) <= MAX_LETTER_CHANGE
