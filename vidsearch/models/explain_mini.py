"""Why `mini` found an image: where in it the similarity comes from.

An image vector of `mini` is a mean over the cells of a grid, and so is each similarity: what a cell adds is
its vector's product with the query's, exactly (as in class activation maps, Zhou et al., CVPR 2016,
arXiv:1512.04150). Two things are done to these shares, both measured by `benchmarks/heat_boxes.py`:

- What the cell adds to the similarity with any text is taken off: its mean share for a few texts that name
  nothing (as in Li et al., CLIP Surgery, arXiv:2304.05653). Without that, a map shows where there is
  something to see, and less of what was asked for.
- Parts of the image are embedded too, at two further scales. The grid is coarse, and each of its cells has
  looked at much of the image; in a part that shows an object large, cells are finer and see less around it.

Words are explained by their own vectors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.models.relevance import WHOLE, Relevance, WordRelevance

if TYPE_CHECKING:
    from vidsearch.models.mini import MiniCaptioner, MiniEmbedder
    from vidsearch.types import Float32, UInt8Image

SIDE = 27
"""Rows and columns of a map: three for each cell of the embedder's grid."""
_NEUTRAL = ("a photo", "a picture", "a picture of something", "an image", "a scene")
_NEUTRAL_SHARE = 0.7
# How wide the parts are, as shares of the image, and how many there are in a row and in a column.
_SCALES = ((1.0, 1), (0.6, 2), (0.4, 3))
_BLUR_CELLS = 2.0


class MiniExplainer:
    """An Explainer over the mini embedder, and a CaptionExplainer with the captioner beside it."""

    method = "share of the similarity at three scales"

    def __init__(self, embedder: MiniEmbedder, captioner: MiniCaptioner | None = None) -> None:
        self._embedder = embedder
        self._captioner = captioner

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Return where the query and each of its words are seen: maps of 27 x 27 cells.

        The mean of a map is the image's similarity to its text.
        """
        words = re.findall(r"\w[\w'’-]*", query)
        maps = self._maps(image, [query, *words])
        return Relevance(
            text=query,
            grid=maps[0],
            region=WHOLE,
            score=float(maps[0].mean()),
            method=self.method,
            words=tuple(WordRelevance(word, grid) for word, grid in zip(words, maps[1:], strict=True)),
        )

    def explain_caption(self, image: UInt8Image) -> Relevance:
        """Caption an image, and return where the caption and each of its words are to be seen."""
        if self._captioner is None:
            raise TypeError("this explainer has no captioner")
        (caption,) = self._captioner.captions([image])
        return self.explain(image, caption.text)

    def _maps(self, image: UInt8Image, texts: list[str]) -> Float32:
        """One map for each text: float32 (texts, SIDE, SIDE)."""
        vectors = self._embedder.embed_texts([*texts, *_NEUTRAL])
        queries, neutral = vectors[: len(texts)], vectors[len(texts) :].mean(axis=0)
        wanted = (queries - _NEUTRAL_SHARE * neutral).T
        places = [place for share, count in _SCALES for place in _places(share, count)]
        grids = self._embedder.grid([_part(image, *place) for place in places])
        out = np.zeros((SIDE, SIDE, len(texts)), np.float32)
        for share, _ in _SCALES:
            chosen = [i for i, place in enumerate(places) if place[2] == share]
            together = _together([grids[i] @ wanted for i in chosen], [places[i] for i in chosen])
            out += _standardised(together)
        blurred = np.moveaxis(_standardised(_blurred(out)), 2, 0)
        similarities = (grids[0] @ queries.T).mean(axis=(0, 1))
        spread = (grids[0] @ wanted).std(axis=(0, 1))
        return np.asarray(similarities[:, None, None] + spread[:, None, None] * blurred, np.float32)


def _places(share: float, count: int) -> list[tuple[float, float, float]]:
    """Left, top and side of `count` x `count` squares that cover an image, all as shares of its sides."""
    starts = np.linspace(0, 1 - share, count).tolist()
    return [(left, top, share) for top in starts for left in starts]


def _part(image: UInt8Image, left: float, top: float, share: float) -> UInt8Image:
    height, width = image.shape[:2]
    rows = slice(int(top * height), max(int((top + share) * height), int(top * height) + 1))
    columns = slice(int(left * width), max(int((left + share) * width), int(left * width) + 1))
    return np.ascontiguousarray(image[rows, columns])


def _together(maps: list[Float32], places: list[tuple[float, float, float]]) -> Float32:
    """Lay the maps of an image's parts (9, 9, texts) where the parts are: (SIDE, SIDE, texts).

    Where parts overlap, a cell counts for more towards the middle of its part.
    """
    total = np.zeros((SIDE, SIDE, maps[0].shape[2]), np.float32)
    weights = np.zeros((SIDE, SIDE, 1), np.float32)
    for cells, (left, top, share) in zip(maps, places, strict=True):
        down, across = _spread(top, share, len(cells)), _spread(left, share, len(cells))
        total += np.einsum("yi,xj,ijt->yxt", down, across, cells)
        weights += np.outer(down.sum(axis=1), across.sum(axis=1))[:, :, None]
    return total / weights


def _spread(start: float, share: float, num_cells: int) -> Float32:
    """What each cell of a part's side counts for on the image's side: float32 (SIDE, num_cells).

    `start` and `share` say where the part is. Linear between the cells' middles, and under a Hann window with
    its foot raised off 0; a place outside the part has none.
    """
    within = ((np.arange(SIDE) + 0.5) / SIDE - start) / share
    at = np.clip(within * num_cells - 0.5, 0, num_cells - 1)
    linear = np.maximum(1 - np.abs(at[:, None] - np.arange(num_cells)), 0)
    window = np.where((within > 0) & (within < 1), 0.55 - 0.5 * np.cos(2 * np.pi * within), 0)
    return np.asarray(linear * window[:, None], np.float32)


def _standardised(maps: Float32) -> Float32:
    """Maps (rows, columns, n), each with mean 0 and deviation 1; one that is the same everywhere is 0."""
    deviations = maps.std(axis=(0, 1))
    centred = maps - maps.mean(axis=(0, 1))
    return np.asarray(centred / np.where(deviations > 1e-9, deviations, 1), np.float32)


def _blurred(maps: Float32) -> Float32:
    """Maps (SIDE, SIDE, n) under a Gaussian of `_BLUR_CELLS`."""
    apart = np.subtract.outer(np.arange(SIDE), np.arange(SIDE)) / _BLUR_CELLS
    kernel = np.exp(-0.5 * apart**2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("yi,xj,ijt->yxt", kernel, kernel, maps, optimize=True), np.float32)
