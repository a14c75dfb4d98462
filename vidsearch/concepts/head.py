"""From examples to a direction: arrays in, arrays out.

The direction is Fisher's linear discriminant between the examples and the library's own frames ("The use of
multiple measurements in taxonomic problems", 1936), which is ridge regression onto 1 for examples and 0 for
frames. Its covariance is that of the frames, shrunk far toward a multiple of the identity: a handful of
examples says little, and frames of one library are alike (Hariharan, Malik and Ramanan, "Discriminative
decorrelation for clustering and classification", ECCV 2012, share one background among all classes likewise).
From one example it is close to that example less the mean frame.

What the concept is in words, its name or what its owner says, counts beside the examples as far as the
examples bear it out: "dog" stands high for pictures of dogs, "Minka" no higher than for any picture. Examples
left out one at a time tell how high others will stand, and so how sure a hit is.

The constants were chosen, and the map of confidences fitted, by `benchmarks/concepts.py --choose` on things
and photographs that its figures are not about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32

SHRINKAGE = 30.0
"""Weight of the identity against the frames' covariance, in mean variances."""
AGAINST_WEIGHT = 0.5
"""Of the mean counter-example against the mean example."""
WORDS_WEIGHT = 2.0
"""Of words that the examples bear out, against one example; it falls with the root of their number."""
NEAR_IDENTICAL_COSINE = 0.96
"""Examples at least this alike are one picture."""
ALIKE_COSINE = 0.85
"""A frame at least this like an example may well show the same thing."""
_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True, slots=True)
class Head:
    """A concept's direction in one space."""

    direction: Float32
    """A unit vector."""
    height_left_out: float | None
    """How far examples stand above the frames, in deviations, by the other examples alone; None for one."""
    ranks_left_out: tuple[float | None, ...]
    """For each example: the share of frames of other things that stand as high, by the other examples alone;
    None where it is the only one. Examples that look the same are left out together: frames of one second
    would vouch for each other."""
    words_share: float
    """How far the examples bear the words out: 0 to 1."""


class HeadMaker:
    """Makes directions over one background: the frames of a library, or a sample of them."""

    def __init__(self, background: Float32) -> None:
        self._background = background.astype(np.float64)
        self._mean = self._background.mean(axis=0)
        centred = self._background - self._mean
        covariance = centred.T @ centred / max(len(centred) - 1, 1)
        dim = len(covariance)
        variance = max(float(np.trace(covariance)) / dim, 1e-9)
        # Scaled so that its size does not matter to what is solved.
        self._inverse = np.linalg.inv(covariance / variance + SHRINKAGE * np.eye(dim))

    def head(self, examples: Float32, against: Float32, words: Float32 | None) -> Head:
        """The direction of examples (n, dim), n > 0, and counter-examples (m, dim): unit rows.

        `words` is the vector of what the concept is in words, (dim,).
        """
        examples, against = examples.astype(np.float64), against.astype(np.float64)
        share = self._words_share(examples, words)
        direction = self._direction(examples, against, words, share)
        # Other frames of what the examples show stand as high as they do, and say nothing against them.
        is_other = (self._background @ examples.T).max(axis=1) < ALIKE_COSINE
        ranks: list[float | None] = []
        heights: list[float] = []
        for example in examples:
            others = examples[examples @ example < NEAR_IDENTICAL_COSINE]
            if not len(others):
                ranks.append(None)
            else:
                by_others = self._direction(others, against, words, self._words_share(others, words))
                scores = self._background @ by_others
                own = float(example @ by_others)
                ranks.append(float((is_other & (scores >= own - 1e-9)).mean()))
                heights.append((own - scores.mean()) / max(scores.std(), _LEAST_DEVIATION))
        return Head(
            direction.astype(np.float32),
            float(np.mean(heights)) if heights else None,
            tuple(ranks),
            share,
        )

    def _words_share(self, examples: np.ndarray, words: Float32 | None) -> float:
        """How many deviations above the frames the examples stand by the words, within [0, 1]."""
        if words is None:
            return 0.0
        scores = self._background @ words
        height = (float((examples @ words).mean()) - scores.mean()) / max(scores.std(), _LEAST_DEVIATION)
        return float(np.clip(height, 0.0, 1.0))

    def _direction(
        self, examples: np.ndarray, against: np.ndarray, words: Float32 | None, share: float
    ) -> np.ndarray:
        toward = examples.mean(axis=0) - self._mean
        if len(against):
            toward = toward - AGAINST_WEIGHT * (against.mean(axis=0) - self._mean)
        direction = _unit(self._inverse @ toward)
        if not direction.any():  # a library of one picture, which is the example
            direction = _unit(examples.mean(axis=0))
        if words is not None and share > 0:
            weight = WORDS_WEIGHT * share / np.sqrt(len(examples))
            direction = _unit(direction / self._spread(direction) + weight * words / self._spread(words))
        return direction

    def _spread(self, direction: np.ndarray | Float32) -> float:
        return max(float((self._background @ direction).std()), _LEAST_DEVIATION)


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm) if norm > 1e-12 else np.asarray(vector)
