"""What embedders of windows on torch share: of clips of several frames, and of sounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from vidsearch.models.batching import BatchRunner
from vidsearch.models.torch_model import Runner, unit_rows

if TYPE_CHECKING:
    from vidsearch.models.device import Device
    from vidsearch.models.preprocess import Preprocessing
    from vidsearch.models.protocols import Clip
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_CPU_CLIPS = 4
_SOUNDS = {"cpu": 4, "cuda": 32}


class TorchVideoEmbedder:
    """A VideoEmbedder, but for its texts, over a model with `clip_features`."""

    def __init__(
        self,
        model: Any,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        num_frames: int,
        window_seconds: float,
        device: Device,
        batch_size: int | None,
    ) -> None:
        """Put a model onto a device. `batch_size` counts clips."""
        self.space = space
        self.num_frames = num_frames
        self.window_seconds = window_seconds
        self.preprocessing = preprocessing
        self.model: Any = model.to(device=device.torch_device, dtype=device.torch_dtype)
        self._runner = _ClipRunner(
            device,
            preprocessing,
            num_frames=num_frames,
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


class TorchSoundEmbedder:
    """A SoundEmbedder, but for its texts.

    A subclass says what the model makes of sounds, in `_sound_rows`.
    """

    def __init__(
        self,
        model: Any,
        *,
        space: EmbeddingSpace,
        sample_rate: int,
        window_seconds: float,
        device: Device,
        batch_size: int | None,
    ) -> None:
        """Put a model onto a device. `batch_size` counts windows; None is a number that fits."""
        self.space = space
        self.sample_rate = sample_rate
        self.window_seconds = window_seconds
        self.device = device
        self.model: Any = model.to(device=device.torch_device, dtype=device.torch_dtype)
        self._batches = BatchRunner(batch_size or _SOUNDS.get(device.kind, 4))

    @property
    def batch_size(self) -> int:
        """Windows per batch at present; it shrinks where memory runs out."""
        return self._batches.size

    def embed_sounds(self, sounds: Sequence[Float32]) -> Float32:
        """Embed windows of sound, each float32 (samples,).

        Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory, and ValueError for one longer than a
        window.
        """
        num_samples = round(self.window_seconds * self.sample_rate)
        for sound in sounds:
            if not 0 < len(sound) <= num_samples:
                raise ValueError(f"a window has 1 to {num_samples} samples, not {len(sound)}")
        rows = self._batches.run(sounds, self._embed)
        return np.stack(rows) if rows else np.empty((0, self.space.dim), dtype=np.float32)

    def _embed(self, sounds: Sequence[Float32]) -> list[Float32]:
        with torch.inference_mode():
            return list(unit_rows(self._sound_rows(sounds)))

    def _sound_rows(self, sounds: Sequence[Float32]) -> torch.Tensor:
        """Rows (n, dim), of any length, of sounds."""
        raise NotImplementedError


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
            cpu_batch_size=_CPU_CLIPS,
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
