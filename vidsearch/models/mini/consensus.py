"""What people would agree on about a picture: how likely a caption is to have each word and pair of words.

The captioner's likeliest sentences are not those that most people would write: it spends its probability on
one way of saying a thing at a time. Here the ways are added up, and a sentence is compared with what is
expected of all of them, as CIDEr compares it with what five people wrote (Vedantam et al., CVPR 2015). To
choose among candidates so is from Devlin et al., Exploring Nearest Neighbor Approaches for Image Captioning,
2015; a small network takes the place of their neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import vidsearch.models.mini.weights as weights
from vidsearch.ngrams import count_ngrams

if TYPE_CHECKING:
    from vidsearch.models.mini.embedder import ImageFeatures
    from vidsearch.types import Float32

ORDERS = 2
"""Phrases are of one to so many words."""
Phrase = tuple[int, ...]


class Consensus:
    """Compares sentences with what people would say of a picture."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._session = weights.session("consensus.onnx", num_threads=num_threads, folder=folder)
        facts = weights.read_json("consensus.json", folder)
        phrases: list[Phrase] = [tuple(phrase) for phrase in facts["phrases"]]
        self._number = {phrase: i for i, phrase in enumerate(phrases)}
        self._rarity = np.array(facts["rarities"], np.float32)
        self._unlisted_rarity = float(self._rarity.max())
        lengths = np.array([len(phrase) for phrase in phrases])
        self._of_order = [np.flatnonzero(lengths == order) for order in range(1, ORDERS + 1)]

    def expected(self, features: ImageFeatures) -> Float32:
        """What is expected of n images' captions: float32 (n, phrases).

        Each phrase's probability times its rarity, divided among the phrases of one order by the length that
        a caption of just the expected ones has.
        """
        shown = {"embedding": features.embedding, "cells": features.cells}
        (likely,) = self._session.run(["likely"], shown)
        out = likely * self._rarity
        for phrases in self._of_order:
            length = np.sqrt((out[:, phrases] * self._rarity[phrases]).sum(axis=1, keepdims=True))
            out[:, phrases] /= np.maximum(length, 1e-6)
        return out  # type: ignore[no-any-return]

    def agreement(self, expected: Float32, words: Sequence[int]) -> float:
        """How well a sentence, words by number, agrees with a row of `expected`: 0 or more, about 1 at best.

        As in CIDEr: the cosine of phrases weighted by rarity, averaged over the orders.
        """
        total = 0.0
        for counts in count_ngrams(words, ORDERS):
            agreed = squares = 0.0
            for phrase, count in counts.items():
                number = self._number.get(phrase)
                rarity = self._unlisted_rarity if number is None else float(self._rarity[number])
                squares += (count * rarity) ** 2
                if number is not None:
                    agreed += count * rarity * float(expected[number])
            total += agreed / math.sqrt(squares) if squares else 0.0
        return total / ORDERS

    def likelihood(self, expected: Float32, words: Sequence[int]) -> float:
        """How many of these words, by number, a caption is expected to have, by a row of `expected`.

        Up to a factor that is the image's own: compare words of one image.
        """
        listed = [self._number[(word,)] for word in words if (word,) in self._number]
        return float((expected[listed] / self._rarity[listed]).sum())
