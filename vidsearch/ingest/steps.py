"""Pixels -> vectors and captions: the two steps that run a model, as functions of plain data.

Knows no thread, no video and no library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.models.protocols import Captioner, Embedder
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image


def embed(images: Sequence[UInt8Image], embedders: Sequence[Embedder]) -> list[dict[EmbeddingSpace, Float32]]:
    """Embed each image in every embedder's space. Raises ModelOutOfMemory."""
    rows = [(embedder.space, embedder.embed_images(images)) for embedder in embedders]
    return [{space: vectors[index] for space, vectors in rows} for index in range(len(images))]


def caption(images: Sequence[UInt8Image], captioner: Captioner) -> list[Caption]:
    """Caption each image. Raises ModelOutOfMemory."""
    return [
        Caption(
            text=generated.text,
            raw_text=generated.raw_text,
            origin=CaptionOrigin.MODEL,
            model=captioner.model,
            prompt=captioner.prompt,
            mean_logprob=_mean(generated.token_logprobs),
        )
        for generated in captioner.captions(images)
    ]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
