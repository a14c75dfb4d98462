"""Whether people and animals are seen in a picture at all: a small network over the image tower's cells.

It was taught by an object detector where people and animals are (`training/mini/evidence.py`), so it goes by
what a cell shows, and less by what such places hold as a rule. The captioner goes by the latter: it was
trained on photographs that nearly all show someone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vidsearch.models.mini.weights as weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vidsearch.models.mini.embedder import ImageFeatures
    from vidsearch.types import Float32

# They count as seen from these probabilities on, and from so much more in pictures that are strange: most of
# Flickr's photographs show someone, and most others do not. Chosen on half 0 of `training/mini/invented.py`.
_PEOPLE, _PEOPLE_IF_STRANGE = 0.15, 0.5
_ANIMALS, _ANIMALS_IF_STRANGE = 0.1, 0.25
_SURELY_PEOPLE = 0.8


@dataclass(frozen=True, slots=True)
class Seen:
    """What n images show: bool (n,) each."""

    people: npt.NDArray[np.bool_]
    people_surely: npt.NDArray[np.bool_]
    animals: npt.NDArray[np.bool_]


class Evidence:
    """The network, as an ONNX Runtime session."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._session = weights.session("evidence.onnx", num_threads=num_threads, folder=folder)

    def seen(self, features: ImageFeatures, strange: Float32) -> Seen:
        """What the images show. `strange` is their strangeness (n,)."""
        (likely,) = self._session.run(["likely"], {"cells": features.cells})
        people = likely[:, 0] >= _PEOPLE + _PEOPLE_IF_STRANGE * strange
        animals = likely[:, 1] >= _ANIMALS + _ANIMALS_IF_STRANGE * strange
        return Seen(people=people, people_surely=likely[:, 0] >= _SURELY_PEOPLE, animals=animals)
