"""The embedder of `mini`: images and texts in one space of 384 dimensions, and where in an image a
vector comes from."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.images import SIDE_PIXELS, squeeze
from vidsearch.models.mini.text import MiniTextEncoder

if TYPE_CHECKING:
    import onnxruntime

    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

GRID = 9
"""Rows and columns of the cells that the tower parts an image into."""
KNOWN_SHARE = 0.3
"""ConSE's share in the vector of a picture like the training ones; for one that is not it is 1."""
_BATCH = 8


_OUTPUTS = ("embedding", "head", "conse", "classes", "cells")
"""Of the tower, in the order of the fields of `ImageFeatures`."""
_REMEMBERED = 64
"""Images (15 MB): an ingest captions a picture once the next 32 are embedded, at the latest."""


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What the image tower says of n images.

    embedding: unit rows (n, 384). head: unit rows (n, 384), the trained part alone. conse: unit
    rows (n, 384), what
    ImageNet's classes say. classes: ImageNet probabilities (n, 1000). cells: the captioner's view
    (n, 81, 704).
    """

    embedding: Float32
    head: Float32
    conse: Float32
    classes: Float32
    cells: Float32

    def rows(self) -> Iterator[ImageFeatures]:
        """Yield those of one image after the other, without copying them."""
        for row in range(len(self.embedding)):
            yield ImageFeatures(*(getattr(self, name)[row : row + 1] for name in _OUTPUTS))

    @classmethod
    def stack(cls, parts: Sequence[ImageFeatures]) -> ImageFeatures:
        """Return the features of several images together."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _OUTPUTS))

    def strangeness(self) -> Float32:
        """How unlike the training photographs the images are, 0 to 1, by the tower's gate: float32 (n,).

        The embedding is head + share * conse, scaled; the share follows from its cosines with both.
        """
        between = (self.head * self.conse).sum(axis=1)
        ratio = (self.embedding * self.conse).sum(axis=1) / (self.embedding * self.head).sum(axis=1)
        share = (ratio - between) / (1 - ratio * between)
        return np.clip((share - KNOWN_SHARE) / (1 - KNOWN_SHARE), 0, 1).astype(np.float32)  # type: ignore[no-any-return]


class FeatureMemory:
    """The features of the last images that a tower ran on, by the pixels that it saw."""

    def __init__(self) -> None:
        self._features: OrderedDict[bytes, ImageFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, pixels: UInt8Image, features: ImageFeatures) -> None:
        """Remember features, and forget the oldest."""
        with self._lock:
            for image, each in zip(pixels, features.rows(), strict=True):
                self._features[_key(image)] = each
            while len(self._features) > _REMEMBERED:
                self._features.popitem(last=False)

    def find(self, pixels: UInt8Image) -> list[ImageFeatures | None]:
        """Return what is remembered of each image."""
        with self._lock:
            return [self._features.get(_key(image)) for image in pixels]


def _key(pixels: UInt8Image) -> bytes:
    return hashlib.blake2b(pixels.data, digest_size=16).digest()


_MEMORIES: WeakKeyDictionary[onnxruntime.InferenceSession, FeatureMemory] = WeakKeyDictionary()
"""Of the sessions whose features somebody asks for again."""


class ImageTower:
    """The image half, shared by the embedder and the captioner."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._session = weights.session("image.onnx", num_threads=num_threads, folder=folder)

    def features(self, images: Sequence[UInt8Image]) -> Iterator[ImageFeatures]:
        """Yield features of up to 8 images at a time, in order."""
        for start in range(0, len(images), _BATCH):
            pixels = squeeze(images[start : start + _BATCH])
            features = self._run(pixels)
            memory = _MEMORIES.get(self._session)
            if memory is not None:
                memory.keep(pixels, features)
            yield features

    def remember(self) -> None:
        """From now on keep the features of the last images, for `features_again` of this tower."""
        self._memory = _MEMORIES.setdefault(self._session, FeatureMemory())

    def features_again(self, images: Sequence[UInt8Image]) -> Iterator[ImageFeatures]:
        """Yield the same as `features`, and run the tower on those images alone that no tower with the same
        session ran on of late. Needs `remember`."""
        for start in range(0, len(images), _BATCH):
            pixels = squeeze(images[start : start + _BATCH])
            known = self._memory.find(pixels)
            unknown = [row for row, each in enumerate(known) if each is None]
            if unknown:
                made = self._run(pixels[unknown])
                for row, each in zip(unknown, made.rows(), strict=True):
                    known[row] = each
            yield ImageFeatures.stack([each for each in known if each is not None])

    def _run(self, pixels: UInt8Image) -> ImageFeatures:
        nothing = np.empty(0, np.int64)
        return ImageFeatures(*self._session.run(_OUTPUTS, {"images": pixels, "grid_of": nothing}))

    def grid(self, images: Sequence[UInt8Image]) -> Float32:
        """See `MiniEmbedder.grid`."""
        out = np.empty((len(images), GRID, GRID, 384), np.float32)
        for start in range(0, len(images), _BATCH):
            pixels = squeeze(images[start : start + _BATCH])
            rows = np.arange(len(pixels), dtype=np.int64)
            out[start : start + len(pixels)] = self._session.run(
                ["grid"], {"images": pixels, "grid_of": rows}
            )[0]
        return out


class MiniEmbedder:
    """Images and texts to unit vectors: EfficientNet-Lite2 and MiniLM, fine-tuned together."""

    def __init__(self, *, num_threads: int | None = None, folder: Path = weights.FOLDER) -> None:
        self._tower = ImageTower(num_threads=num_threads, folder=folder)
        self._num_threads, self._folder = num_threads, folder
        self._text: MiniTextEncoder | None = None
        self._space = weights.space(folder)

    @property
    def space(self) -> EmbeddingSpace:
        """What made the vectors; the same as MiniTextEncoder's."""
        return self._space

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that an image needs to lose nothing."""
        return SIDE_PIXELS

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Embed images. Returns float32 (n, 384), unit rows. Raises ValueError for anything but
        uint8 (h, w, 3)."""
        parts = [features.embedding for features in self._tower.features(images)]
        return np.concatenate(parts) if parts else np.empty((0, self._space.dim), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, 384), unit rows. The text tower is loaded at the first
        call."""
        if self._text is None:
            self._text = MiniTextEncoder(num_threads=self._num_threads, folder=self._folder)
        return self._text.embed_texts(texts)

    def grid(self, images: Sequence[UInt8Image]) -> Float32:
        """What each part of an image adds to its vector. Returns float32 (n, 9, 9, 384), rows from
        the top.

        The decomposition is exact: the mean over the 81 cells, scaled to length 1, is the row that
        `embed_images`
        gives. So `grid @ query` is each cell's share of the image's similarity to the query, the
        same idea as class
        activation maps (Zhou et al., CVPR 2016).
        """
        return self._tower.grid(images)
