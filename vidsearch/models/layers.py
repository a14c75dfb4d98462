"""Transformer layers that CLIP, SigLIP and BLIP share, in torch.

Parameters have the names that published checkpoints give them, so that a state dict loads as it is. Attention
runs on torch's fused kernels, unless its maps are asked for (`recorded_attention`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

if TYPE_CHECKING:
    from vidsearch.models.configs import TransformerConfig, VisionConfig


def activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return an activation by its name in a configuration (`configs.ACTIVATION_NAMES`)."""
    if name == "quick_gelu":
        return lambda x: x * torch.sigmoid(1.702 * x)
    return gelu if name == "gelu" else partial(gelu, approximate="tanh")


def split_heads(rows: torch.Tensor, num_heads: int) -> torch.Tensor:
    """Split (batch, tokens, width) into (batch, heads, tokens, width of a head)."""
    return rows.view(*rows.shape[:2], num_heads, -1).transpose(1, 2)


def join_heads(rows: torch.Tensor) -> torch.Tensor:
    """Undo `split_heads`."""
    return rows.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Scaled dot-product attention over split heads, without weights of its own."""

    maps: list[torch.Tensor] | None = None
    """Where set, each call adds its attention map (batch, heads, queries, keys), at the price of speed."""

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        mask: torch.Tensor | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        """Attend over (batch, heads, tokens, width). `mask` is True where a key may be seen."""
        if self.maps is None:
            return scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=is_causal)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if is_causal:
            mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        attention = scores.softmax(dim=-1)
        self.maps.append(attention)
        mixed: torch.Tensor = attention @ value
        return mixed


@contextmanager
def recorded_attention(modules: Iterable[Attention]) -> Iterator[list[torch.Tensor]]:
    """Collect the attention maps of modules while the block runs, in the order of their calls."""
    modules = list(modules)
    maps: list[torch.Tensor] = []
    for module in modules:
        module.maps = maps
    try:
        yield maps
    finally:
        for module in modules:
            module.maps = None


class ProjectedAttention(Attention):
    """Self-attention with a projection each for queries, keys and values (CLIP, SigLIP)."""

    def __init__(self, config: TransformerConfig, *, is_causal: bool = False) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self._is_causal = is_causal
        self.q_proj = nn.Linear(config.width, config.width)
        self.k_proj = nn.Linear(config.width, config.width)
        self.v_proj = nn.Linear(config.width, config.width)
        self.out_proj = nn.Linear(config.width, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            split_heads(projection(x), self._num_heads)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        rows: torch.Tensor = self.out_proj(
            join_heads(self.attend(query, key, value, is_causal=self._is_causal))
        )
        return rows


class JointAttention(Attention):
    """Self-attention with one projection for queries, keys and values (BLIP's image tower)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.projection = nn.Linear(config.width, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (split_heads(part, self._num_heads) for part in self.qkv(x).chunk(3, dim=-1))
        rows: torch.Tensor = self.projection(join_heads(self.attend(query, key, value)))
        return rows


class Mlp(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self._activate = activation(config.activation)
        self.fc1 = nn.Linear(config.width, config.mlp_width)
        self.fc2 = nn.Linear(config.mlp_width, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.fc2(self._activate(self.fc1(x)))
        return rows


class EncoderLayer(nn.Module):
    """A transformer layer with its norms before attention and MLP."""

    def __init__(self, config: TransformerConfig, attention: Attention) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.self_attn = attention
        self.layer_norm2 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        rows: torch.Tensor = x + self.mlp(self.layer_norm2(x))
        return rows


class Encoder(nn.Module):
    """A stack of layers. `make_attention` makes each layer's attention."""

    def __init__(self, config: TransformerConfig, make_attention: Callable[[], Attention]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config, make_attention()) for _ in range(config.num_layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def attentions(self) -> list[Any]:
        """Return each layer's attention module, first layer first."""
        return [layer.self_attn for layer in self.layers]


class TextEmbeddings(nn.Module):
    """Token and position embeddings, summed (CLIP, SigLIP)."""

    def __init__(self, vocab_size: int, max_tokens: int, width: int) -> None:
        super().__init__()
        self.token_embedding = embedding(vocab_size, width)
        self.position_embedding = embedding(max_tokens, width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        return rows


def embedding(num_rows: int, width: int) -> nn.Embedding:
    """Return an embedding whose weights are loaded later.

    Its own constructor draws weights at random. For a model whose weights are not there yet that imports
    torch's compiler: 1.2 processor seconds, as long as torch itself takes.
    """
    return nn.Embedding(num_rows, width, _weight=torch.empty(num_rows, width))


def patch_convolution(config: VisionConfig, *, bias: bool) -> nn.Conv2d:
    """Return the convolution that turns pixels into patches."""
    return nn.Conv2d(3, config.transformer.width, config.patch_size, stride=config.patch_size, bias=bias)
