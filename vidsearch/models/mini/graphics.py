"""Whether a picture was drawn, not photographed, and what it then is: a slide, code, a chart, a blank screen.

Captioner and embedder learnt from photographs alone. They call every screen a web page, a chart a clock on a
wall, and a picture of one colour an airplane in the sky. This is a linear map of what the image tower's cells
show on average and how much they differ, taught with pictures that a program drew
(`training/mini/graphics.py`).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.scenes import Scene, whole

if TYPE_CHECKING:
    from vidsearch.models.mini.embedder import ImageFeatures
    from vidsearch.types import Float32

PHRASES = {
    "slide": "a slide of a presentation",
    "code": "computer code on a screen",
    "terminal": "lines of text on a screen",
    "web_page": "a web page",
    "page": "a page of printed text",
    "table": "a table of numbers",
    "title": "a few words on a plain background",
    "windows": "windows on a computer screen",
    "chart": "a chart",
    "diagram": "a diagram",
    "road_map": "a map",
    "test_card": "a test card",
    "pattern": "a colourful pattern",
    "plain": "a blank screen",
    "noise": "static on a screen",
}
"""What is said of each kind of drawn picture, in the order of the outputs; a photograph's is the first."""
_WORDS, _SHAPES = "words on a screen", "computer graphics"
_OF_WORDS = frozenset("slide code terminal web_page page table title windows".split())  # noqa: SIM905
_DRAWN = 0.99
"""From this probability on a picture counts as drawn. Chosen on half 0 of `training/mini/graphics.py`."""
_PLAIN = 0.8
"""From this share of it on its kind is said, else whether it is of words or of shapes."""


class Graphics:
    """The linear map, as an ONNX Runtime session."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._session = weights.session("graphics.onnx", num_threads=num_threads, folder=folder)

    def seen(self, features: ImageFeatures) -> list[Scene | None]:
        """What to say of each image that was drawn, and None of a photograph."""
        (likely,) = self._session.run(["likely"], {"cells": features.cells})
        return [of_graphic(row) for row in likely]


def of_graphic(likely: Float32) -> Scene | None:
    """What to say by the probabilities (1 + kinds,) of a photograph and each kind; None of a photograph."""
    kinds = dict(zip(PHRASES, likely[1:].tolist(), strict=True))
    drawn = sum(kinds.values())
    if drawn < _DRAWN:
        return None
    best = max(kinds, key=lambda kind: kinds[kind])
    of_words = sum(kinds[kind] for kind in _OF_WORDS)
    if kinds[best] >= _PLAIN * drawn:
        phrase, likelihood = PHRASES[best], kinds[best]
    elif of_words >= drawn / 2:
        phrase, likelihood = _WORDS, of_words
    else:
        phrase, likelihood = _SHAPES, drawn - of_words
    return whole(phrase, math.log(min(likelihood, 1.0)))
