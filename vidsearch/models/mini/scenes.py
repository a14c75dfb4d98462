"""What to say of a picture that the captioner has no words for: a phrase that fits, or that it is unclear.

The captioner writes fluent sentences of people and dogs, whatever it is shown. Where the embedder finds
nothing of such a sentence in a picture, or little in a strange one, a phrase from a list may fit instead ("a
supermarket"). A cosine means another thing for each phrase, so it is told in deviations from what the phrase
scores against photographs as a rule. Where none stands out, the caption says so: no words are better than
wrong ones.
Knows no image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.types import UNCLEAR_CAPTION

if TYPE_CHECKING:
    from vidsearch.models.protocols import TextEncoder
    from vidsearch.types import Float32

UNCLEAR = tuple(UNCLEAR_CAPTION.split())
_INTRODUCTION = ("a", "picture", "of")


@dataclass(frozen=True, slots=True)
class Scene:
    """The phrase that fits a picture best."""

    words: tuple[str, ...]
    """As a caption."""
    logprobs: tuple[float, ...]
    """Of each word: the phrase's own share among all phrases, and 0 for the words that lead to it."""
    height: float
    """How far it fits better than it does photographs as a rule, in deviations."""


def phrase_vectors(encoder: TextEncoder, phrases: Sequence[str]) -> Float32:
    """Unit rows (n, dim): each phrase by itself and as a caption has it, together."""
    led = encoder.embed_texts([" ".join((*_INTRODUCTION, phrase)) for phrase in phrases])
    both = encoder.embed_texts(phrases) + led
    return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


class Scenes:
    """The phrases, embedded when the first picture asks: most videos never do."""

    def __init__(self, usual: Sequence[tuple[str, float, float]], encoder: TextEncoder) -> None:
        """`usual`: each phrase with the mean and the deviation of its cosines with photographs."""
        self._phrases = [phrase for phrase, _, _ in usual]
        self._means = np.array([mean for _, mean, _ in usual], np.float32)
        self._deviations = np.array([deviation for _, _, deviation in usual], np.float32)
        self._encoder = encoder
        self._vectors: Float32 | None = None

    def best(self, embedding: Float32) -> Scene:
        """The phrase that fits an image's unit vector (dim,) best."""
        if self._vectors is None:
            self._vectors = phrase_vectors(self._encoder, self._phrases)
        heights = (self._vectors @ embedding - self._means) / self._deviations
        at = int(heights.argmax())
        logprob = -float(np.log(np.exp(heights - heights[at]).sum()))
        said = tuple(self._phrases[at].split())
        return Scene(
            words=(*_INTRODUCTION, *said),
            logprobs=(0.0,) * len(_INTRODUCTION) + (logprob,) * len(said),
            height=float(heights[at]),
        )
