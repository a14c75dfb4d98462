"""PE-AV's network of sounds in torch: what transformers' `PeAudioModel` computes, and its parameter names.

A sound goes through the encoder of a codec (DAC, Kumar et al. 2023, arXiv:2306.06546), and then through
such a transformer as the frames of a clip.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from vidsearch.models.pe_model import Encoder, Head

if TYPE_CHECKING:
    from vidsearch.models.pe_config import CodecConfig, PeConfig


class PeSound(nn.Module):
    """Sounds to rows."""

    def __init__(self, config: PeConfig) -> None:
        super().__init__()
        assert config.sound is not None
        assert config.codec is not None
        self.audio_encoder = Encoder(config.sound, _Embedder(config.codec, config.sound.width))
        self.audio_head = Head(config.sound.width, config.dim)

    def sound_features(self, samples: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of sounds (n, samples) of whole hops."""
        rows: torch.Tensor = self.audio_head(self.audio_encoder(samples[:, None]))
        return rows


class _Embedder(nn.Module):
    """The codec's rows, one for each hop, in the encoder's width."""

    def __init__(self, codec: CodecConfig, width: int) -> None:
        super().__init__()
        self.dac_encoder = _Codec(codec)
        self.bottleneck = nn.Conv1d(codec.width, codec.dim, 1)
        self.data_proj = nn.Linear(codec.dim, width)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.data_proj(self.bottleneck(self.dac_encoder(samples)).transpose(1, 2))
        return rows


class _Codec(nn.Module):
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths = [config.first_width << index for index in range(len(config.strides) + 1)]
        self.conv1 = nn.Conv1d(1, widths[0], kernel_size=7, padding=3)
        self.block = nn.ModuleList(map(_CodecBlock, widths, config.strides))
        self.snake1 = _Snake(config.width)
        self.conv2 = nn.Conv1d(config.width, config.width, kernel_size=3, padding=1)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        x = self.conv1(samples)
        for block in self.block:
            x = block(x)
        rows: torch.Tensor = self.conv2(self.snake1(x))
        return rows


class _CodecBlock(nn.Module):
    """Three residual units, and a convolution to twice as many channels of so many times fewer moments."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.res_unit1, self.res_unit2, self.res_unit3 = (
            _Residual(width, dilation) for dilation in (1, 3, 9)
        )
        self.snake1 = _Snake(width)
        self.conv1 = nn.Conv1d(
            width, 2 * width, kernel_size=2 * stride, stride=stride, padding=math.ceil(stride / 2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.conv1(self.snake1(self.res_unit3(self.res_unit2(self.res_unit1(x)))))
        return rows


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.snake1 = _Snake(width)
        self.conv1 = nn.Conv1d(width, width, kernel_size=7, dilation=dilation, padding=3 * dilation)
        self.snake2 = _Snake(width)
        self.conv2 = nn.Conv1d(width, width, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = x + self.conv2(self.snake2(self.conv1(self.snake1(x))))
        return rows


class _Snake(nn.Module):
    """A periodic activation (Ziyin et al. 2020, arXiv:2006.08195)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(1, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).square()
