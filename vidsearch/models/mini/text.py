"""The text tower of `mini`, apart from its image tower: a search loads this and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import vidsearch.models.mini.weights as weights

if TYPE_CHECKING:
    from vidsearch.types import EmbeddingSpace, Float32

_BATCH = 32


class MiniTextEncoder:
    """Words to vectors: a fine-tuned MiniLM of 6 layers. English; reads the first 46 word
    pieces."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(weights.checked("tokenizer.json", folder)))
        self._session = weights.session(weights.TEXT_GRAPH, num_threads=num_threads, folder=folder)
        self._space = weights.space(folder)

    @property
    def space(self) -> EmbeddingSpace:
        """What made the vectors."""
        return self._space

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, 384), unit rows."""
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(rows), self._space.dim), np.float32)
        # Texts of one length go together: without padding, no text's vector depends on its
        # neighbours.
        by_length: dict[int, list[int]] = {}
        for i, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(i)
        for same in by_length.values():
            for start in range(0, len(same), _BATCH):
                chosen = same[start : start + _BATCH]
                ids = np.array([rows[i] for i in chosen], np.int64)
                vectors[chosen] = self._session.run(["embedding"], {"ids": ids})[0]
        return vectors
