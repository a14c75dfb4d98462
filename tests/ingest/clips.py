"""Pictures and clips for ingest tests: coloured, never flat, so that they do not count as blank."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.fakes import COLOURS
from tests.synthetic import write_video

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image


def striped(colour: str, *, shift: int = 0, height: int = 48, width: int = 64) -> UInt8Image:
    """Vertical stripes of a colour and a darker one: its mean points the way of the pure colour."""
    bright = np.asarray(COLOURS[colour], dtype=np.float32)
    is_dark = (np.arange(width) + shift) // 8 % 2 == 1
    row = np.where(is_dark[:, None], bright * 0.5, bright).astype(np.uint8)
    return np.broadcast_to(row, (height, width, 3)).copy()


def colour_clip(
    path: Path, colours: Sequence[str], *, frame_rate: int = 2, start: int = 0, is_moving: bool = True
) -> Path:
    """A clip with a second of each colour; the stripes move with every frame from `start` on, or stand still.

    Lossless, so that a still picture is the same at every time.
    """
    return write_video(
        path,
        lambda number: striped(colours[number // frame_rate], shift=8 * number + start if is_moving else 0),
        num_frames=len(colours) * frame_rate,
        frame_rate=frame_rate,
        options={"crf": "0"},
    )
