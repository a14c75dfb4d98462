"""PE-AV's network of videos in torch, with the parameter names of published checkpoints.

It computes what transformers' `PeVideoModel` computes, whose image tower needs timm and with it torchvision.
A frame goes through Perception Encoder's vision transformer; a transformer over the frames makes a row of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import normalize, scaled_dot_product_attention, silu

from vidsearch.models.layers import join_heads, split_heads

if TYPE_CHECKING:
    from vidsearch.models.pe_config import EncoderConfig, PeConfig, TowerConfig


class PeVideo(nn.Module):
    """Frames in order to rows."""

    def __init__(self, config: PeConfig) -> None:
        super().__init__()
        self.video_encoder = Encoder(config.video, _Embedder(config))
        self.video_head = Head(config.video.width, config.dim)

    def clip_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, frames, 3, height, width)."""
        rows: torch.Tensor = self.video_head(self.video_encoder(pixels))
        return rows


class Head(nn.Module):
    """From a tower's rows into the space that all share."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width, eps=1e-6)
        self.proj = nn.Linear(width, dim, bias=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.proj(self.layer_norm(rows))
        return projected


def rotated(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Turn each pair of neighbours of (..., tokens, width) by angles (tokens, width / 2)."""
    even, odd = x[..., ::2].float(), x[..., 1::2].float()
    cos, sin = angles.cos(), angles.sin()
    turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return turned.flatten(-2).to(x.dtype)


class Encoder(nn.Module):
    """A transformer over the frames of a clip, or the moments of a sound, which `embedder` makes rows of."""

    def __init__(self, shape: EncoderConfig, embedder: nn.Module) -> None:
        super().__init__()
        self._shape = shape
        self.embedder = embedder
        self.patch_embedder = _First(shape.width)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.num_layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.rms_norm_eps)
        self.output = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, shown: torch.Tensor) -> torch.Tensor:
        x = self.patch_embedder(self.embedder(shown))
        places = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        steps = torch.arange(0, self._shape.head_width, 2, device=x.device, dtype=torch.float32)
        angles = places[:, None] * self._shape.rope_theta ** -(steps / self._shape.head_width)
        for layer in self.layers:
            x = layer(x, angles)
        rows: torch.Tensor = self.output(self.norm(x[:, 0]))
        return rows


class _Embedder(nn.Module):
    """Each frame's features, of length one, in the encoder's width."""

    def __init__(self, config: PeConfig) -> None:
        super().__init__()
        self.vision_model = nn.ModuleDict({"timm_model": Tower(config.tower, config.num_features)})
        self.proj = nn.Linear(config.num_features, config.video.width, bias=False)
        self.data_proj = nn.Linear(config.video.width, config.video.width)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.vision_model["timm_model"](pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2])
        rows: torch.Tensor = self.data_proj(self.proj(normalize(features, dim=-1)))
        return rows


class _First(nn.Module):
    """A class token before the frames, and convolutions over them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(1, 1, width))
        self.resnet_block = nn.ModuleDict({"block1": _Convolution(width), "block2": _Convolution(width)})

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.class_embedding.expand(len(frames), -1, -1), frames], dim=1).transpose(1, 2)
        rows: torch.Tensor = x + self.resnet_block["block2"](self.resnet_block["block1"](x))
        return rows.transpose(1, 2)


class _Convolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.groupnorm = nn.GroupNorm(1, width)
        self.project = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.project(silu(self.groupnorm(x)))
        return rows


class _Layer(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.rms_norm_eps)
        self.self_attn = _Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.rms_norm_eps)
        self.mlp = _GatedMlp(config)

    def forward(self, x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), angles)
        rows: torch.Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return rows


class _Attention(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self._config = config
        inner, keys = config.num_heads * config.head_width, config.num_key_heads * config.head_width
        self.q_proj = nn.Linear(config.width, inner, bias=False)
        self.k_proj = nn.Linear(config.width, keys, bias=False)
        self.v_proj = nn.Linear(config.width, keys, bias=False)
        self.o_proj = nn.Linear(inner, config.width, bias=False)
        self.q_norm = nn.RMSNorm(config.head_width, eps=config.rms_norm_eps)
        self.k_norm = nn.RMSNorm(config.head_width, eps=config.rms_norm_eps)

    def forward(self, x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        query = rotated(self.q_norm(split_heads(self.q_proj(x), self._config.num_heads)), angles)
        key = rotated(self.k_norm(split_heads(self.k_proj(x), self._config.num_key_heads)), angles)
        value = split_heads(self.v_proj(x), self._config.num_key_heads)
        shared = self._config.num_heads // self._config.num_key_heads
        key, value = (part.repeat_interleave(shared, dim=1) for part in (key, value))
        rows: torch.Tensor = self.o_proj(join_heads(scaled_dot_product_attention(query, key, value)))
        return rows


class _GatedMlp(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))
        return rows


class Tower(nn.Module):
    """A vision transformer whose patches also have rotary positions, pooled by attention."""

    def __init__(self, config: TowerConfig, num_features: int) -> None:
        super().__init__()
        self._config = config
        width, side = config.width, config.image_size // config.patch_size
        num_tokens = side**2 + config.has_class_token
        self.cls_token = nn.Parameter(torch.empty(1, 1, width)) if config.has_class_token else None
        self.pos_embed = nn.Parameter(torch.empty(1, num_tokens, width))
        patches = nn.Conv2d(3, width, config.patch_size, stride=config.patch_size, bias=False)
        self.patch_embed = nn.ModuleDict({"proj": patches})
        self.norm_pre = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(width)
        self.attn_pool = _AttentionPool(config)
        self.head = nn.Linear(width, num_features)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed["proj"](pixels).flatten(2).transpose(1, 2)
        angles = self._angles(x.device)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
            angles = torch.cat([torch.zeros_like(angles[:1]), angles])
        x = self.norm_pre(x + self.pos_embed)
        for block in self.blocks:
            x = block(x, angles)
        rows: torch.Tensor = self.head(self.attn_pool(self.norm(x)))
        return rows

    def _angles(self, device: torch.device) -> torch.Tensor:
        """Rotary positions of patches, row by row: the first half of them by column, the second by row."""
        config = self._config
        side, quarter = config.image_size // config.patch_size, config.width // config.num_heads // 4
        places = torch.arange(side, device=device, dtype=torch.float32) + config.first_place
        places = places / side * config.trained_grid
        steps = torch.arange(quarter, device=device, dtype=torch.float32) / quarter
        angles = places[:, None] * 10_000.0**-steps
        columns, rows = angles.repeat(side, 1), angles.repeat_interleave(side, dim=0)
        return torch.cat([columns, rows], dim=1)


class _Block(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attn = _TowerAttention(config)
        self.norm2 = nn.LayerNorm(config.width)
        self.mlp = _TowerMlp(config.width, round(config.width * config.mlp_ratio))

    def forward(self, x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), angles)
        rows: torch.Tensor = x + self.mlp(self.norm2(x))
        return rows


class _TowerAttention(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        query, key, value = (split_heads(part, self._num_heads) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = scaled_dot_product_attention(rotated(query, angles), rotated(key, angles), value)
        rows: torch.Tensor = self.proj(join_heads(mixed))
        return rows


class _TowerMlp(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return rows


class _AttentionPool(nn.Module):
    """One learnt query that attends to all tokens."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.width
        self._num_heads = config.num_pool_heads
        self.latent = nn.Parameter(torch.empty(1, 1, width))
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.mlp = _TowerMlp(width, 4 * width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        query = split_heads(self.q(self.latent).expand(len(tokens), -1, -1), self._num_heads)
        key, value = (split_heads(part, self._num_heads) for part in self.kv(tokens).chunk(2, dim=-1))
        x = self.proj(join_heads(scaled_dot_product_attention(query, key, value)))
        rows: torch.Tensor = (x + self.mlp(self.norm(x)))[:, 0]
        return rows
