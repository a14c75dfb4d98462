"""Models of published sizes with random weights: as fast and as large as the real ones, with no download.

What they say means nothing. A caption of random weights has no end, so that each one is as long as a caption
may be: real ones are shorter, and come faster. Shares preprocessing and batching with the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    GenerationConfig,
)

from vidsearch.models.blip import fuse_vision_attention
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.torch_model import Runner, unit_rows
from vidsearch.types import GeneratedCaption, Space

if TYPE_CHECKING:
    from vidsearch.models.device import Device
    from vidsearch.types import Float32, UInt8Image

_CLIP_DIM = 512
_CPU_BATCH = 16
_CAPTION_CPU_BATCH = 8
_MAX_NEW_TOKENS = 20


class RandomClip:
    """The image tower of CLIP ViT-B/32 (openai/clip-vit-base-patch32's configuration)."""

    def __init__(self, device: Device, *, batch_size: int | None = None) -> None:
        torch.manual_seed(0)
        self.space = Space("random-clip", "random", "clip", _CLIP_DIM)
        self._model: Any = CLIPVisionModelWithProjection(
            CLIPVisionConfig(patch_size=32, image_size=224, projection_dim=_CLIP_DIM)
        )
        self._model.eval().requires_grad_(False).to(device=device.torch_device, dtype=device.torch_dtype)
        self._runner = Runner(
            device,
            Preprocessing.from_config({"size": {"shortest_edge": 224}, "crop_size": 224}, family="clip"),
            batch_size=batch_size,
            cpu_batch_size=_CPU_BATCH,
            try_batch=self._rows,
        )

    @property
    def short_side_pixels(self) -> int:
        return 224

    @property
    def batch_size(self) -> int:
        return self._runner.batch_size

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        rows = self._runner.run(images, lambda pixels: list(unit_rows(self._rows(pixels))))
        return np.stack(rows) if rows else np.empty((0, _CLIP_DIM), dtype=np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        raise NotImplementedError("random weights have nothing to say of a text")

    def _rows(self, pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self._model(pixel_values=pixels).image_embeds
        return rows


class RandomBlip:
    """BLIP base for captions (Salesforce/blip-image-captioning-base's configuration)."""

    model = "random-blip"
    prompt = None

    def __init__(self, device: Device, *, batch_size: int | None = None, num_beams: int = 3) -> None:
        torch.manual_seed(0)
        config = BlipConfig(vision_config={"image_size": 384}, text_config={"encoder_hidden_size": 768})
        self._model: Any = BlipForConditionalGeneration(config)
        fuse_vision_attention(self._model.vision_model)
        self._model.eval().requires_grad_(False).to(device=device.torch_device, dtype=device.torch_dtype)
        self._start = int(config.text_config.bos_token_id)
        self._settings = GenerationConfig(
            do_sample=False,
            num_beams=num_beams,
            max_new_tokens=_MAX_NEW_TOKENS,
            bos_token_id=self._start,
            eos_token_id=config.text_config.sep_token_id,
            pad_token_id=config.text_config.pad_token_id,
        )
        self._runner = Runner(
            device,
            Preprocessing.from_config({}, family="blip"),
            batch_size=batch_size,
            cpu_batch_size=_CAPTION_CPU_BATCH,
            try_batch=self._generate,
        )

    @property
    def short_side_pixels(self) -> int:
        return 384

    @property
    def batch_size(self) -> int:
        return self._runner.batch_size

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        return self._runner.run(images, self._generate)

    def _generate(self, pixels: torch.Tensor) -> list[GeneratedCaption]:
        seen = self._model.vision_model(pixel_values=pixels).last_hidden_state
        starts = torch.full((len(pixels), 1), self._start, device=pixels.device)
        written = self._model.text_decoder.generate(
            input_ids=starts,
            attention_mask=torch.ones_like(starts),
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=pixels.device),
            generation_config=self._settings,
        )
        texts = [" ".join(map(str, ids)) for ids in written[:, 1:].tolist()]
        return [GeneratedCaption(text, text, (), ()) for text in texts]
