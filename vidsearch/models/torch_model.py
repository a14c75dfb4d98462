"""What every torch model here needs: batches that fit, and pixels on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from vidsearch.models.batching import BatchRunner, fastest_batch_size
from vidsearch.models.device import cpu_has_amx
from vidsearch.models.tokens import encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.preprocess import Preprocessing
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_LARGEST_BATCH = 256
_TEXT_BATCH = 64
_SHARE_OF_FREE_MEMORY = 0.6
_SIZES_ON_AMX = (8, 16, 32)
_QUICK_SECONDS = 0.05
"""Of an image: batch sizes of slower models are not measured, which would take as long as it saves."""


def unit_rows(rows: torch.Tensor) -> Float32:
    """Return rows of length one as float32 on the CPU. The division is in fp32 whatever the model's
    precision."""
    unit: Float32 = torch.nn.functional.normalize(rows.float(), dim=-1).cpu().numpy()
    return unit


def embed_texts(
    texts: Sequence[str],
    tokenizer: Tokenizer,
    text_rows: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    *,
    dim: int,
    device: torch.device,
) -> Float32:
    """Embed texts in batches.

    Args:
        texts: of any lengths.
        tokenizer: set to cut and pad.
        text_rows: rows (n, dim), of any length, of token ids and mask (n, tokens).
        dim: of the rows.
        device: where the model is.

    Returns:
        float32 (n, dim), unit rows.
    """
    rows = np.empty((len(texts), dim), dtype=np.float32)
    for start in range(0, len(texts), _TEXT_BATCH):
        batch = encode(tokenizer, texts[start : start + _TEXT_BATCH])
        ids, mask = (torch.from_numpy(each).to(device) for each in batch)
        with torch.inference_mode():
            rows[start : start + _TEXT_BATCH] = unit_rows(text_rows(ids, mask))
    return rows


class Runner:
    """Puts images through a torch model in batches that fit its device."""

    def __init__(
        self,
        device: Device,
        preprocessing: Preprocessing,
        *,
        batch_size: int | None,
        cpu_batch_size: int,
        try_batch: Callable[[torch.Tensor], object],
        model_name: str,
    ) -> None:
        """Choose a batch size, where none is given.

        Args:
            device: where the model is.
            preprocessing: of its images.
            batch_size: None is what fits in the free memory on CUDA; the fastest of a few on a CPU with AMX,
                where one size may take 1.4 times as long as the next; else `cpu_batch_size`.
            cpu_batch_size: for CPUs.
            try_batch: runs the model on pixels, to learn how much memory and time an image takes.
            model_name: what a measured size is kept under.
        """
        self._device = device
        self._preprocessing = preprocessing
        if batch_size is None:
            if device.kind == "cuda":
                batch_size = self._size_for_cuda(try_batch)
            elif device.kind == "cpu" and device.precision == "bf16" and cpu_has_amx():
                batch_size = self._size_for_amx(try_batch, model_name, cpu_batch_size)
            else:
                batch_size = cpu_batch_size
        self._batches = BatchRunner(batch_size, release=self._release)

    @property
    def batch_size(self) -> int:
        return self._batches.size

    def run(
        self, images: Sequence[UInt8Image], function: Callable[[torch.Tensor], Sequence[Any]]
    ) -> list[Any]:
        """Apply `function` to batches of pixels (n, 3, height, width). Returns one result per image, in
        order.

        Raises ModelOutOfMemory where one image alone does not fit.
        """

        def on_device(batch: Sequence[UInt8Image]) -> Sequence[Any]:
            with torch.inference_mode():
                return function(self.pixels(batch))

        return self._batches.run(images, on_device)

    def pixels(self, images: Sequence[UInt8Image]) -> torch.Tensor:
        """Prepare images: uint8 to the device, normalised there. Returns (n, 3, height, width)."""
        batch = torch.from_numpy(self._preprocessing.batch(list(images)))
        if self._device.kind == "cuda":
            batch = batch.pin_memory().to(self._device.torch_device, non_blocking=True)
        else:
            batch = batch.to(self._device.torch_device)
        return self._preprocessing.normalise(batch, self._device.torch_dtype)

    def _size_for_amx(self, try_batch: Callable[[torch.Tensor], object], model_name: str, usual: int) -> int:
        def run(num_images: int) -> None:
            with torch.inference_mode():
                try_batch(self._blank_pixels(num_images))

        run(1)
        started = time.perf_counter()
        run(1)
        if time.perf_counter() - started > _QUICK_SECONDS:
            return usual
        key = (
            f"{self._device.name}, {torch.get_num_threads()} threads, torch {torch.__version__}, {model_name}"
        )
        return fastest_batch_size(run, _SIZES_ON_AMX, key=key)

    def _blank_pixels(self, num_images: int) -> torch.Tensor:
        return self.pixels([self._blank()] * num_images)

    def _blank(self) -> UInt8Image:
        return np.zeros((self._preprocessing.height, self._preprocessing.width, 3), dtype=np.uint8)

    def _size_for_cuda(self, try_batch: Callable[[torch.Tensor], object]) -> int:
        device = self._device.torch_device

        def peak_bytes(num_images: int) -> int:
            torch.cuda.reset_peak_memory_stats(device)
            with torch.inference_mode():
                try_batch(self._blank_pixels(num_images))
            return torch.cuda.max_memory_allocated(device)

        peak_bytes(1)  # the first run also allocates what later ones share
        free_bytes, _ = torch.cuda.mem_get_info(device)
        return fitting_batch_size(peak_bytes, free_bytes)

    def _release(self) -> None:
        if self._device.kind == "cuda":
            with torch.cuda.device(self._device.torch_device):
                torch.cuda.empty_cache()
        elif self._device.kind == "mps":
            torch.mps.empty_cache()


class TorchEmbedder:
    """What CLIP's and BLIP's embedders share: a model on a device, and images through it in batches.

    A subclass says what the model makes of pixels, in `_image_rows`, and what it needs for that.
    """

    _IMAGE_PARTS: ClassVar[tuple[str, ...]]
    """The model's modules that images go through. The rest is for texts, which an ingest has none of: almost
    half of CLIP, whose weights then are not even read."""

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None,
        cpu_batch_size: int,
    ) -> None:
        """Put a model onto a device; see `Runner` for the batch sizes."""
        self.space = space
        self.device = device
        self.preprocessing = preprocessing
        self.tokenizer = tokenizer
        self._model: Any = model
        for name, part in model.named_children():
            if name in self._IMAGE_PARTS:
                part.to(device=device.torch_device, dtype=device.torch_dtype)
        self._runner = Runner(
            device,
            preprocessing,
            batch_size=batch_size,
            cpu_batch_size=cpu_batch_size,
            try_batch=self._image_rows,
            model_name=f"{type(model).__name__} of {sum(w.numel() for w in model.parameters())}",
        )

    @property
    def model(self) -> Any:
        """The whole model on the device, with what it needs for texts."""
        return self._model.to(device=self.device.torch_device, dtype=self.device.torch_dtype)

    @property
    def short_side_pixels(self) -> int:
        return self.preprocessing.short_side_pixels

    @property
    def batch_size(self) -> int:
        """Images per batch at present; it shrinks where memory runs out."""
        return self._runner.batch_size

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Embed images. Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory."""
        rows = self._runner.run(images, lambda pixels: list(unit_rows(self._image_rows(pixels))))
        return np.stack(rows) if rows else np.empty((0, self.space.dim), dtype=np.float32)

    def _image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, 3, height, width)."""
        raise NotImplementedError


def fitting_batch_size(peak_bytes: Callable[[int], int], free_bytes: int) -> int:
    """Return a power of two of images that takes no more than a share of the free memory, at most 256.

    `peak_bytes(n)` runs n images and returns the peak memory in use.
    """
    per_image = max(1, (peak_bytes(4) - peak_bytes(2)) // 2)
    fits = min(_LARGEST_BATCH, max(1, int(free_bytes * _SHARE_OF_FREE_MEMORY) // per_image))
    return 1 << (fits.bit_length() - 1)
