"""Exports a text tower to ONNX, once for a checkpoint, and compares the export with the torch tower."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from vidsearch.errors import ModelUnavailable
from vidsearch.models.text_onnx import OnnxTextEncoder, TowerCard, has_tower, tower_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.types import EmbeddingSpace, Float32

_MIN_COSINE = 0.9999

Pool: TypeAlias = Literal["first", "last", "highest id", "end token"]

_PROBES = (
    "a dog",
    "two people walk along a beach at sunset, talking",
    "A red car; 3 trees & a house!",
    "the quick brown fox jumps over the lazy dog " * 12,
)
"""Short, ordinary, with capitals and signs, and longer than any tower's limit."""


@dataclass(frozen=True, slots=True)
class TransformerSpec:
    """A text tower's shape, in the words that its three families share."""

    num_layers: int
    num_heads: int
    layer_norm_eps: float
    activation: str
    """transformers' name: "quick_gelu", "gelu" or "gelu_pytorch_tanh"."""
    norm_first: bool
    """Layer norms before attention and MLP (CLIP, SigLIP), or after their residual sums (BERT in BLIP)."""
    mask: Literal["causal", "padding", "none"]
    pool: Pool
    end_token_id: int = 0


@dataclass(frozen=True, slots=True)
class LayerNames:
    """Where one layer's weights are, below its prefix."""

    query: str
    key: str
    value: str
    attention_out: str
    attention_norm: str
    mlp_in: str
    mlp_out: str
    mlp_norm: str


@dataclass(frozen=True, slots=True)
class TowerNames:
    """Where a tower's weights are in a state dict."""

    tokens: str
    positions: str
    embedding_norm: str | None
    layer: Callable[[int], str]
    """Prefix of layer i, with its dot."""
    layer_names: LayerNames
    final_norm: str | None
    projection: str
    pooler: str | None = None
    """A layer before the projection, with a tanh (RoBERTa in CLAP)."""
    projection_out: str | None = None
    """The projection's second layer, behind a ReLU (CLAP)."""


BERT_LAYER = LayerNames(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_out="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    mlp_in="intermediate.dense",
    mlp_out="output.dense",
    mlp_norm="output.LayerNorm",
)
"""Of BERT (BLIP) and RoBERTa (CLAP)."""


def bert_spec(*, num_layers: int, num_heads: int, layer_norm_eps: float, activation: str) -> TransformerSpec:
    """Return the shape of a tower of BERT's kind, whose first token stands for the text."""
    return TransformerSpec(
        num_layers=num_layers,
        num_heads=num_heads,
        layer_norm_eps=layer_norm_eps,
        activation=activation,
        norm_first=False,
        mask="padding",
        pool="first",
    )


def tower_writer(
    spec: TransformerSpec, names: TowerNames, state: Callable[[], Mapping[str, Float32]]
) -> Callable[[Path], None]:
    """Return what writes the tower of this shape, of weights by name, into a folder."""

    def write(folder: Path) -> None:
        from vidsearch.models.text_graph import write_graph  # imports onnx, which only an export needs

        write_graph(folder, spec, names, state())

    return write


def ensure_tower(
    space: EmbeddingSpace,
    checkpoint_folder: Path,
    *,
    write: Callable[[Path], None],
    tokenizer: Tokenizer,
    reference: Callable[[Sequence[str]], Float32],
    logit_scale: float | None = None,
    logit_bias: float | None = None,
) -> Path:
    """Export a text tower unless it is there already. Two processes take turns; it appears whole or not at
    all.

    Args:
        space: whose tower it is.
        checkpoint_folder: where the whole model is; noted beside the tower.
        write: writes tower.onnx and tower.weights into a folder; see `tower_writer`.
        tokenizer: kept beside the tower.
        reference: the torch tower: unit rows for texts.
        logit_scale: what a cosine is multiplied by.
        logit_bias: what is then added.

    Returns:
        The tower's folder.

    Raises:
        ModelUnavailable: where the export's vectors differ from the reference (cosine below 0.9999), or it
            cannot be written.
    """
    from filelock import FileLock

    folder = tower_folder(space)
    if has_tower(space):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if has_tower(space):
                return folder
            draft = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            try:
                write(draft)
                (draft / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
                card = TowerCard(space, logit_scale, logit_bias, str(checkpoint_folder.absolute()))
                (draft / "tower.json").write_text(card.to_json(), encoding="utf-8")
                _compare(draft, space, reference)
                shutil.rmtree(folder, ignore_errors=True)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ModelUnavailable(
            f"The text half of {space.model} cannot be written to {folder.parent}: {error.strerror}. Free "
            f"some space, or set VIDSEARCH_CACHE to another folder."
        ) from error
    return folder


def _compare(folder: Path, space: EmbeddingSpace, reference: Callable[[Sequence[str]], Float32]) -> None:
    exported = OnnxTextEncoder(folder).embed_texts(_PROBES)
    cosine = float(np.min(np.sum(exported * reference(_PROBES), axis=1)))
    if not cosine >= _MIN_COSINE:
        raise ModelUnavailable(
            f"The text tower of {space.model} does not survive its export (cosine {cosine:.5f}): "
            "its layout is not one that this version knows."
        )
