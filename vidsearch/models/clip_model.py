"""CLIP's and SigLIP's networks in torch, with the parameter names of published checkpoints.

They compute what `CLIPModel` and `SiglipModel` of transformers compute (tests/models compares them), without
importing transformers, which takes several times as long as importing torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from vidsearch.models.layers import (
    Attention,
    Encoder,
    Mlp,
    ProjectedAttention,
    TextEmbeddings,
    embedding,
    patch_convolution,
    split_heads,
)

if TYPE_CHECKING:
    from vidsearch.models.configs import DualConfig, TextConfig, TransformerConfig, VisionConfig


class ClipModel(nn.Module):
    """CLIP: a vision transformer with a class token, and a causal text transformer."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = ClipText(config.text)
        self.vision_model = _ClipVision(config.vision)
        self.visual_projection = nn.Linear(config.vision.transformer.width, config.dim, bias=False)
        self.text_projection = nn.Linear(config.text.transformer.width, config.dim, bias=False)
        self.logit_scale = nn.Parameter(torch.empty(()))

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, 3, height, width)."""
        rows: torch.Tensor = self.visual_projection(self.vision_model(pixels))
        return rows

    def text_features(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of token ids (n, tokens)."""
        rows: torch.Tensor = self.text_projection(self.text_model(ids))
        return rows


class SiglipModel(nn.Module):
    """SigLIP and SigLIP 2 at fixed resolution: both towers see all positions, and images are pooled by
    attention."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = _SiglipText(config.text, config.dim)
        self.vision_model = _SiglipVision(config.vision)
        self.logit_scale = nn.Parameter(torch.empty(1))
        self.logit_bias = nn.Parameter(torch.empty(1))

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, 3, height, width)."""
        rows: torch.Tensor = self.vision_model(pixels)
        return rows

    def text_features(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of token ids (n, tokens), padded to the full length."""
        rows: torch.Tensor = self.text_model(ids)
        return rows


class _ClipVision(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        shape = config.transformer
        self.embeddings = ClipVisionEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)  # misspelled as published
        self.encoder = Encoder(shape, lambda: ProjectedAttention(shape))
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder(self.pre_layrnorm(self.embeddings(pixels)))
        rows: torch.Tensor = self.post_layernorm(tokens[:, 0])
        return rows


class ClipVisionEmbeddings(nn.Module):
    """A class token and patches (n, 1 + patches, width), with their positions."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.transformer.width
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = patch_convolution(config, bias=False)
        self.position_embedding = embedding(config.num_patches + 1, width)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        rows: torch.Tensor = torch.cat([first, patches], dim=1) + self.position_embedding.weight
        return rows


class ClipText(nn.Module):
    """A causal text transformer. Returns a row (n, width) for each text, before its projection."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        shape = config.transformer
        self._config = config
        self.embeddings = TextEmbeddings(config.vocab_size, config.max_tokens, shape.width)
        self.encoder = Encoder(shape, lambda: ProjectedAttention(shape, is_causal=True))
        self.final_layer_norm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        tokens = self.final_layer_norm(self.encoder(self.embeddings(ids)))
        found = ids if self._config.pools_highest_id else (ids == self._config.end_token_id).int()
        places = found.argmax(dim=-1)[:, None, None].expand(-1, 1, tokens.shape[2])
        rows: torch.Tensor = tokens.gather(1, places)[:, 0]
        return rows


class _SiglipVision(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        shape = config.transformer
        self.embeddings = _SiglipVisionEmbeddings(config)
        self.encoder = Encoder(shape, lambda: ProjectedAttention(shape))
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)
        self.head = _AttentionPool(shape)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.head(self.post_layernorm(self.encoder(self.embeddings(pixels))))
        return rows


class _SiglipVisionEmbeddings(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embedding = patch_convolution(config, bias=True)
        self.position_embedding = embedding(config.num_patches, config.transformer.width)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        rows: torch.Tensor = patches + self.position_embedding.weight
        return rows


class _AttentionPool(nn.Module):
    """One learnt query that attends to all tokens."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.empty(1, 1, config.width))
        self.attention = _PoolAttention(config)
        self.layernorm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        pooled = self.attention(self.probe.expand(len(tokens), -1, -1), tokens)
        rows: torch.Tensor = (pooled + self.mlp(self.layernorm(pooled)))[:, 0]
        return rows


class _PoolAttention(Attention):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * config.width, config.width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * config.width))
        self.out_proj = nn.Linear(config.width, config.width)

    def forward(self, query: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        parts = (
            split_heads(nn.functional.linear(source, weight, bias), self._num_heads)
            for source, weight, bias in zip((query, tokens, tokens), weights, biases, strict=True)
        )
        rows: torch.Tensor = self.out_proj(self.attend(*parts).transpose(1, 2).flatten(2))
        return rows


class _SiglipText(nn.Module):
    def __init__(self, config: TextConfig, dim: int) -> None:
        super().__init__()
        shape = config.transformer
        self.embeddings = TextEmbeddings(config.vocab_size, config.max_tokens, shape.width)
        self.encoder = Encoder(shape, lambda: ProjectedAttention(shape))
        self.final_layer_norm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)
        self.head = nn.Linear(shape.width, dim)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        tokens = self.final_layer_norm(self.encoder(self.embeddings(ids)))
        rows: torch.Tensor = self.head(tokens[:, -1])
        return rows
