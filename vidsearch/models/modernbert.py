"""ModernBERT as a text tower (Warner et al. 2024, arXiv:2412.13663): PE-AV reads texts by it.

The network is transformers' own; `modernbert_graph.py` writes what a search runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers.models.modernbert.configuration_modernbert import ModernBertConfig
from transformers.models.modernbert.modeling_modernbert import ModernBertModel, ModernBertRotaryEmbedding

from vidsearch.errors import ModelUnavailable
from vidsearch.models.loading import load_model, numpy_state
from vidsearch.models.pe_model import Head

if TYPE_CHECKING:
    from vidsearch.models.weights import Checkpoint


class ModernBertText(nn.Module):
    """Token ids to rows: the first token's, through a head."""

    def __init__(self, config: ModernBertConfig, dim: int) -> None:
        super().__init__()
        self.text_model = ModernBertModel(config)
        self.head = Head(int(config.hidden_size), dim)

    def text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of token ids and mask (n, tokens)."""
        seen = self.text_model(input_ids=ids, attention_mask=mask)
        rows: torch.Tensor = self.head(seen.last_hidden_state[:, 0])
        return rows


def load_modernbert(
    checkpoint: Checkpoint, text: Mapping[str, Any], *, dim: int, name_of: Callable[[str], str]
) -> ModernBertText:
    """Load a text tower and its head.

    Args:
        checkpoint: where the weights are.
        text: transformers' configuration of the tower.
        dim: of its rows.
        name_of: what the checkpoint calls a weight of `ModernBertText`.

    Raises:
        ModelUnavailable: where it is not whole, or of a shape that is not supported.
    """
    try:
        config = ModernBertConfig(**text)
    except (TypeError, ValueError) as error:
        raise ModelUnavailable(
            f"The text_config of {checkpoint.model} cannot be used: {error!s:.300}."
        ) from error
    model = load_model(lambda: ModernBertText(config, dim), checkpoint, name_of=name_of)
    model.text_model.rotary_emb = ModernBertRotaryEmbedding(config)  # it has no weights in the checkpoint
    return model


def modernbert_writer(model: ModernBertText, max_tokens: int) -> Callable[[Path], None]:
    """Return what writes the tower's graph into a folder, for texts of up to `max_tokens`."""

    def write(folder: Path) -> None:
        from vidsearch.models.modernbert_graph import (
            write_modernbert,  # imports onnx, which only an export needs
        )

        write_modernbert(folder, model.text_model.config, numpy_state(model), max_tokens=max_tokens)

    return write
