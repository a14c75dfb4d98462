"""Clips with text on them, and a reader of numbered pictures that is no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tests.synthetic import read_number, write_video
from vidsearch.ingest.analyzers import Finding, Legible
from vidsearch.tracks import TrackSpec

if TYPE_CHECKING:
    from vidsearch.types import SamplingPlan, UInt8Image


def card(*lines: str, width: int = 640, height: int = 360) -> UInt8Image:
    """A title card, light on dark."""
    image = np.full((height, width, 3), (30, 30, 60), np.uint8)
    for number, line in enumerate(lines):
        place = (40, 80 + 60 * number)
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (240, 240, 240), 2, cv2.LINE_AA)
    return image


def card_clip(path: Path, cards: Sequence[Sequence[str]], **options: Any) -> Path:
    """A second of each card."""
    pictures = [card(*lines) for lines in cards]
    return write_video(path, pictures, frame_rate=1, **{"options": {"crf": "18"}, **options})


def finding(text: str, *, top: float = 0.8, score: float = 0.9) -> Finding:
    """A line at a height of the picture."""
    return Finding(text, {"box": [0.1, top, 0.9, top + 0.1], "score": score})


class NumberReader:
    """Reads a numbered picture: its number, and a line that stays for eight numbers. Black says nothing."""

    short_side_pixels = 64

    def __init__(self) -> None:
        self.num_read = 0

    def track(self, plan: SamplingPlan) -> TrackSpec:
        return TrackSpec("ocr", "number", {"fps": plan.fps})

    def read(self, image: UInt8Image) -> Legible:
        self.num_read += 1
        number = read_number(image)
        if number == 0:
            return Legible(())
        return Legible((finding(f"part {number // 8}", top=0.1), finding(f"picture {number}")))


class BrokenReader(NumberReader):
    """Fails at its fifth picture."""

    def read(self, image: UInt8Image) -> Legible:
        if self.num_read == 4:
            raise RuntimeError("the reader broke")
        return super().read(image)
