"""Finds pictures that look so much like another one that no model needs to see them.

A picture is compared as `SIDE` x `SIDE` mean colours: a still slide, a screen recording or a locked-off
camera over an empty room gives cells that differ by the codec's noise alone, while whatever moves changes at
least one cell. The largest change of any cell decides, not the mean, so that something small counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import UInt8Image

    Signature: TypeAlias = NDArray[np.uint8]

SIDE = 32
MAX_CELL_CHANGE = 4
"""In steps of 1/255 of any channel of any cell."""


def signature(image: UInt8Image) -> Signature:
    """Reduce a picture to its cells' mean colours: uint8 (SIDE, SIDE, 3)."""
    cells: Signature = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cells


def is_near_duplicate(one: Signature, other: Signature) -> bool:
    """Whether no cell differs by more than `MAX_CELL_CHANGE`."""
    return int(cv2.absdiff(one, other).max()) <= MAX_CELL_CHANGE
