"""X-CLIP: clips of several frames and texts in one space (Ni et al. 2022, arXiv:2208.02816).

What happens, such as "a door opens", is in no single frame. A clip's vector depends on the order of its
frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from vidsearch.models.clip import embed_texts, text_names, text_spec
from vidsearch.models.loading import load_model, numpy_state
from vidsearch.models.text_export import ensure_tower
from vidsearch.models.tokens import load_tokenizer
from vidsearch.models.torch_model import Runner, unit_rows
from vidsearch.models.xclip_model import XClipModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.checkpoints import EmbedderCard
    from vidsearch.models.device import Device
    from vidsearch.models.preprocess import Preprocessing
    from vidsearch.models.protocols import Clip
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_CPU_BATCH = 4
WINDOW_SECONDS = 4.0
"""X-CLIP was trained on Kinetics: actions of up to 10 seconds, 8 or 16 frames of each. Shorter windows say
better when something happens, and still hold most actions."""


class XClipEmbedder:
    """A VideoEmbedder over an X-CLIP model."""

    window_seconds = WINDOW_SECONDS

    def __init__(
        self,
        model: XClipModel,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device. `batch_size` counts clips."""
        assert model.config.clip is not None
        self.space = space
        self.num_frames = model.config.clip.num_frames
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
        self.model = model.to(device=device.torch_device, dtype=device.torch_dtype)
        self._runner = _ClipRunner(
            device,
            preprocessing,
            num_frames=self.num_frames,
            batch_size=batch_size,
            try_batch=self.model.clip_features,
        )

    @property
    def short_side_pixels(self) -> int:
        return self.preprocessing.short_side_pixels

    @property
    def batch_size(self) -> int:
        """Clips per batch at present; it shrinks where memory runs out."""
        return self._runner.batch_size

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        return embed_texts(self.model, self.tokenizer, texts, self.space.dim)

    def embed_clips(self, clips: Sequence[Clip]) -> Float32:
        """Embed clips, each `num_frames` images in the order of time.

        Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory, and ValueError for another number of
        frames.
        """
        for clip in clips:
            if len(clip) != self.num_frames:
                raise ValueError(f"a clip has {self.num_frames} frames, not {len(clip)}")
        rows = self._runner.run(
            cast("Sequence[UInt8Image]", clips),
            lambda pixels: list(unit_rows(self.model.clip_features(pixels))),
        )
        return np.stack(rows) if rows else np.empty((0, self.space.dim), dtype=np.float32)


class _ClipRunner(Runner):
    """Puts clips through a model, as its base does single images."""

    def __init__(
        self,
        device: Device,
        preprocessing: Preprocessing,
        *,
        num_frames: int,
        batch_size: int | None,
        try_batch: Callable[[torch.Tensor], object],
    ) -> None:
        self._num_frames = num_frames
        super().__init__(
            device,
            preprocessing,
            batch_size=batch_size,
            cpu_batch_size=_CPU_BATCH,
            try_batch=try_batch,
            model_name=f"clips of {num_frames}",
        )

    def pixels(self, images: Sequence[UInt8Image]) -> torch.Tensor:
        """Prepare clips. Returns (n, frames, 3, height, width)."""
        frames = [frame for clip in images for frame in clip]
        pixels = super().pixels(frames)
        return pixels.view(len(images), self._num_frames, *pixels.shape[1:])

    def _blank(self) -> UInt8Image:
        return np.stack([super()._blank()] * self._num_frames)


def load_xclip(card: EmbedderCard, *, device: Device, batch_size: int | None = None) -> XClipEmbedder:
    """Load an X-CLIP checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    config = card.config
    tokenizer = load_tokenizer(card.checkpoint, card.token_rules, config)
    model = load_model(lambda: XClipModel(config), card.checkpoint)
    ensure_tower(
        card.space,
        card.checkpoint.folder,
        spec=text_spec(config),
        names=text_names(config),
        state=lambda: numpy_state(model),
        tokenizer=tokenizer,
        reference=lambda texts: embed_texts(model, tokenizer, texts, card.space.dim),
        logit_scale=float(model.logit_scale.exp()),
    )
    return XClipEmbedder(
        model,
        tokenizer,
        space=card.space,
        preprocessing=card.preprocessing,
        device=device,
        batch_size=batch_size,
    )
