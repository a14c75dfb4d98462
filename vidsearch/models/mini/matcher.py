"""The matcher of `mini`: how well a text fits a picture, by the embedder and by the captioner together.

A vector holds what is in a picture, and little of who does what to whom. The captioner knows more of that:
how likely it is to say just these words is a score of its own (VisualGPTScore; Lin et al., Revisiting the
Role of Language Priors in Vision-Language Models, ICML 2024, arXiv:2306.01879). As there, what it would say
anyway is taken off, by what it makes of pictures that show nothing: that changes no order of pictures, but
lets one map to a probability do for common words and rare ones. ONNX Runtime and NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.decoder import CaptionDecoder, Pictures, words_of
from vidsearch.models.mini.embedder import ImageTower
from vidsearch.models.mini.images import SIDE_PIXELS
from vidsearch.models.mini.text import MiniTextEncoder

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

MATCHING = Path(__file__).with_name("matching.json")
"""The constants of `MatchMap`, as `benchmarks/rerank.py --write` fits them to the weights."""


def fitted_files() -> str:
    """The digest of all that a `MatchMap` is fitted to: both towers and the decoder."""
    return weights.digest((*weights.EMBEDDER_FILES, *weights.DECODER_FILES))


@dataclass(frozen=True, slots=True)
class MatchMap:
    """From the embedder's cosine and the captioner's likelihood to a probability.

    Fitted on pictures of which half are what the text was written for, and half are others that its vector
    finds among the best 50 of 500. Of fifty hits fewer fit, so of those that it calls likely, too.
    """

    likelihood_weight: float
    """What the mean log-probability of a word counts for, the cosine counting 1."""
    intercept: float
    slope: float
    """Of the logistic map."""
    weights_digest: str
    """Of the files that it was fitted to."""

    @classmethod
    def read(cls, path: Path = MATCHING) -> MatchMap:
        """Read the constants that ship with the package."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found)

    def score(self, cosines: Float32, likelihoods: Float32) -> Float32:
        """The sum that pictures are ranked by."""
        return (cosines + self.likelihood_weight * likelihoods).astype(np.float32)

    def probability(self, scores: Float32) -> Float32:
        """Of scores (n,): probabilities (n,), in the same order."""
        found = 1 / (1 + np.exp(-self.intercept - self.slope * scores.astype(np.float64)))
        return found.astype(np.float32)


class MiniMatcher:
    """A Matcher that needs no download and no torch."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._tower = ImageTower(num_threads=num_threads, folder=folder)
        self._text = MiniTextEncoder(num_threads=num_threads, folder=folder)
        self._decoder = CaptionDecoder(num_threads=num_threads, folder=folder)
        self._nothing = [self._decoder.pictures(features) for features in self._tower.features(_nothing())]
        self._map = MatchMap.read()

    def match_scores(self, images: Sequence[UInt8Image], text: str) -> Float32:
        """Return the probability that an English text fits each image: float32 (n,), in [0, 1].

        The captioner reads the first 18 words. Raises ValueError for anything but uint8 (h, w, 3).
        """
        (vector,) = self._text.embed_texts([text])
        cosines, pictures = [np.empty(0, np.float32)], []
        for features in self._tower.features(images):
            cosines.append(features.embedding @ vector)
            pictures.append(self._decoder.pictures(features))
        return self._map.probability(
            self._map.score(np.concatenate(cosines), self.likelihoods(pictures, text))
        )

    def likelihoods(self, pictures: Sequence[Pictures], text: str) -> Float32:
        """How much likelier the captioner is to say a text of each picture than of nothing: float32 (n,).

        In mean log-probability of a word. `pictures` are batches, of n together.
        """
        words = words_of(text)
        anyway = np.concatenate([self._decoder.likelihood(nothing, words) for nothing in self._nothing])
        found = [np.empty(0, np.float32), *(self._decoder.likelihood(batch, words) for batch in pictures)]
        return np.asarray(np.concatenate(found) - anyway.mean(), np.float32)


def _nothing() -> list[UInt8Image]:
    """Two pictures that show nothing: grey, and noise."""
    grey = np.full((SIDE_PIXELS, SIDE_PIXELS, 3), 127, np.uint8)
    noise = np.random.default_rng(0).integers(256, size=grey.shape, dtype=np.uint8)
    return [grey, noise]
