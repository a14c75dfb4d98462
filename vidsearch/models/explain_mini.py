"""Why `mini` found an image: its image vector is a mean over the cells of a grid, and so is each similarity.

What a cell adds to the similarity is its vector's product with the query's, exactly: no gradient and no
approximation (the idea of class activation maps, Zhou et al., CVPR 2016, arXiv:1512.04150). Words are
explained by their own vectors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vidsearch.models.relevance import WHOLE, Relevance, WordRelevance

if TYPE_CHECKING:
    from vidsearch.models.mini import MiniCaptioner, MiniEmbedder
    from vidsearch.types import Float32, UInt8Image


class MiniExplainer:
    """An Explainer over the mini embedder, and a CaptionExplainer with the captioner beside it."""

    method = "exact share of the similarity"

    def __init__(self, embedder: MiniEmbedder, captioner: MiniCaptioner | None = None) -> None:
        self._embedder = embedder
        self._captioner = captioner

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Return the query's and each word's share of similarity by cell. The mean of a grid is the
        similarity."""
        words = re.findall(r"\w[\w'’-]*", query)
        rows = self._embedder.embed_texts([query, *words])
        cells: Float32 = self._embedder.grid([image])[0]
        grids = cells @ rows.T
        return Relevance(
            text=query,
            grid=grids[:, :, 0].copy(),
            region=WHOLE,
            score=float(grids[:, :, 0].mean()),
            method=self.method,
            words=tuple(
                WordRelevance(word, grids[:, :, index].copy()) for index, word in enumerate(words, start=1)
            ),
        )

    def explain_caption(self, image: UInt8Image) -> Relevance:
        """Caption an image, and return where the caption and each of its words are to be seen."""
        if self._captioner is None:
            raise TypeError("this explainer has no captioner")
        (caption,) = self._captioner.captions([image])
        return self.explain(image, caption.text)
