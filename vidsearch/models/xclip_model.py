"""X-CLIP's network in torch, with the parameter names of published checkpoints.

It computes what `get_video_features` and `get_text_features` of transformers' `XCLIPModel` compute
(tests/models compares them). That model can also adapt a text to one clip before comparing them; vectors that
are kept in an index cannot depend on the other side, so that this part, a tenth of a text's vector, is left
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from vidsearch.models.clip_model import ClipText, ClipVisionEmbeddings
from vidsearch.models.layers import Encoder, EncoderLayer, ProjectedAttention

if TYPE_CHECKING:
    from vidsearch.models.configs import ClipConfig, DualConfig, TransformerConfig, VisionConfig


class XClipModel(nn.Module):
    """A vision transformer whose frames exchange messages, a transformer over frames, and CLIP's text
    transformer."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        assert config.clip is not None
        self.config = config
        self.text_model = ClipText(config.text)
        self.vision_model = _Vision(config.vision, config.clip.num_frames)
        self.visual_projection = nn.Linear(config.vision.transformer.width, config.dim, bias=False)
        self.text_projection = nn.Linear(config.text.transformer.width, config.dim, bias=False)
        self.mit = _FrameIntegration(config.clip)
        self.logit_scale = nn.Parameter(torch.empty(()))

    def clip_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, frames, 3, height, width)."""
        frames = self.visual_projection(self.vision_model(pixels.flatten(0, 1)))
        rows: torch.Tensor = self.mit(frames.unflatten(0, pixels.shape[:2]))
        return rows

    def text_features(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of token ids (n, tokens)."""
        rows: torch.Tensor = self.text_projection(self.text_model(ids))
        return rows


class _Vision(nn.Module):
    def __init__(self, config: VisionConfig, num_frames: int) -> None:
        super().__init__()
        shape = config.transformer
        self.embeddings = ClipVisionEmbeddings(config)
        self.pre_layernorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)
        self.encoder = _CrossFrameEncoder(shape, num_frames)
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder(self.pre_layernorm(self.embeddings(frames)))
        rows: torch.Tensor = self.post_layernorm(tokens[:, 0])
        return rows


class _CrossFrameEncoder(nn.Module):
    def __init__(self, config: TransformerConfig, num_frames: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_CrossFrameLayer(config, num_frames) for _ in range(config.num_layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _CrossFrameLayer(EncoderLayer):
    """An encoder layer that also sees one message from each frame of its clip (Ni et al. 2022,
    arXiv:2208.02816)."""

    def __init__(self, config: TransformerConfig, num_frames: int) -> None:
        super().__init__(config, ProjectedAttention(config))
        self._num_frames = num_frames
        self.message_fc = nn.Linear(config.width, config.width)
        self.message_ln = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.message_attn = ProjectedAttention(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        messages = self.message_fc(x[:, 0]).unflatten(0, (-1, self._num_frames))
        messages = messages + self.message_attn(self.message_ln(messages))
        joined = torch.cat([x, messages.flatten(0, 1)[:, None]], dim=1)
        joined = joined + self.self_attn(self.layer_norm1(joined))
        x = joined[:, : x.shape[1]]
        rows: torch.Tensor = x + self.mlp(self.layer_norm2(x))
        return rows


class _FrameIntegration(nn.Module):
    """A transformer over the frames of a clip, whose mean is the clip's row."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        shape = config.integration
        self.position_embedding = nn.Parameter(torch.empty(1, config.num_frames, shape.width))
        self.encoder = Encoder(shape, lambda: ProjectedAttention(shape))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = (self.encoder(frames + self.position_embedding) + frames).mean(dim=1)
        return rows
