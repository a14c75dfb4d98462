"""The captioner's decoder: how likely each word is after others, given a picture.

What writes captions and what matches words with pictures share it. It knows neither, and no embedder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.beam import END, MAX_WORDS, START, UNKNOWN
from vidsearch.models.mini.embedder import GRID, ImageFeatures

if TYPE_CHECKING:
    import onnxruntime

    from vidsearch.types import Float32

_WORD = re.compile(r"[a-z]+|[0-9]+")


def words_of(text: str) -> list[str]:
    """Lower-cased words without punctuation: the units that the decoder reads and writes."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the decoder attends to in n images: keys and values, both (layers, n, heads, 83, head width).

    Of the 83, 81 are the image's cells, and two stand for the whole image.
    """

    keys: Float32
    values: Float32


class CaptionDecoder:
    """The two networks, and the words by number."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._encode = weights.session("caption_encode.onnx", num_threads=num_threads, folder=folder)
        self._step = weights.session("caption_step.onnx", num_threads=num_threads, folder=folder)
        self.words: list[str] = weights.read_json("captioner.json", folder)["words"]
        self.number = {word: i for i, word in enumerate(self.words)}

    def pictures(
        self, features: ImageFeatures, rows: slice | npt.NDArray[np.int64] = slice(None)
    ) -> Pictures:
        """What to attend to in these images, or in some rows of them."""
        inputs = {"cells": features.cells[rows], "head": features.head[rows], "conse": features.conse[rows]}
        return Pictures(*self._encode.run(["keys", "values"], inputs))

    def steps(self, pictures: Pictures) -> Steps:
        """Begin sentences about each image."""
        return Steps(self._step, pictures)

    def likelihood(self, pictures: Pictures, words: Sequence[str]) -> Float32:
        """How likely the decoder is to say just these words of each image: float32 (n,).

        The mean log-probability of a word, the end counting as one. Of more words than `MAX_WORDS` the first
        are read, and no end. Words outside the vocabulary are read as unknown.
        """
        said = [*(self.number.get(word, UNKNOWN) for word in words), END][: MAX_WORDS + 1]
        if len(words) > MAX_WORDS:
            said.pop()
        num_images = pictures.keys.shape[1]
        steps = self.steps(pictures)
        found = np.empty((num_images, len(said)), np.float32)
        for position, (before, word) in enumerate(zip([START, *said], said, strict=False)):
            found[:, position] = steps(np.full(num_images, before, np.int64), None)[:, word]
        return found.mean(axis=1)  # type: ignore[no-any-return]


class Steps:
    """A beam search's `Step`, with its cache. `attention` holds the last step's: (rows, 81)."""

    def __init__(self, session: onnxruntime.InferenceSession, pictures: Pictures) -> None:
        self._session, self._pictures = session, pictures
        layers, num_images, heads, _, head_width = pictures.keys.shape
        self._past_keys: Float32 = np.empty((layers, num_images, heads, 0, head_width), np.float32)
        self._past_values = self._past_keys
        self.attention: Float32 = np.empty((num_images, GRID * GRID), np.float32)

    def __call__(self, token: npt.NDArray[np.int64], rows: npt.NDArray[np.int64] | None) -> Float32:
        """Read the next words (rows,). Returns log-probabilities (rows, vocabulary) of what follows."""
        if rows is not None:
            self._keep(rows)
        logprobs, self._past_keys, self._past_values, self.attention = self._session.run(
            ["logprobs", "keys", "values", "attention"],
            {
                "token": token,
                "past_keys": self._past_keys,
                "past_values": self._past_values,
                "picture_keys": self._pictures.keys,
                "picture_values": self._pictures.values,
            },
        )
        return logprobs  # type: ignore[no-any-return]

    def _keep(self, rows: npt.NDArray[np.int64]) -> None:
        """Go on from these rows alone, and without the images that have none of them."""
        num_images = self._pictures.keys.shape[1]
        images = np.unique(rows // (self._past_keys.shape[1] // num_images))
        if len(images) < num_images:
            self._pictures = Pictures(self._pictures.keys[:, images], self._pictures.values[:, images])
        self._past_keys, self._past_values = self._past_keys[:, rows], self._past_values[:, rows]
