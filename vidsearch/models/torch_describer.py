"""What describers of several frames on transformers' networks share: SmolVLM2 and Qwen3-VL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidsearch.errors import ModelOutOfMemory
from vidsearch.models.batching import is_out_of_memory
from vidsearch.models.tokens import written_caption

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.protocols import TimedImage
    from vidsearch.types import GeneratedCaption

MAX_FRAMES = 16
"""Of a request. Published settings allow 64 and more, which takes four times as long."""
_TOKENS_PER_WORD = 2.5
"""At most, in most languages."""


class TorchDescriber:
    """A VideoDescriber. A subclass says how frames and a request are put, in `_prepare`."""

    def __init__(
        self, torch_model: Any, tokenizer: Tokenizer, *, model: str, end_tokens: Sequence[str], device: Device
    ) -> None:
        """Put a model onto a device.

        Args:
            torch_model: a network of transformers that generates.
            tokenizer: of the same checkpoint.
            model: name, for `model`.
            end_tokens: any of which ends an answer; those that the vocabulary lacks are passed over.
            device: where to run.
        """
        self.model = model
        self.max_frames = MAX_FRAMES
        self.tokenizer = tokenizer
        self._device = device
        ends = (tokenizer.token_to_id(name) for name in end_tokens)
        self._end_ids = [token for token in ends if token is not None]
        self.torch_model: Any = torch_model.to(device=device.torch_device, dtype=device.torch_dtype)

    def describe(
        self, frames: Sequence[TimedImage], *, duration_seconds: float, request: str, max_words: int
    ) -> GeneratedCaption:
        """Say something of the frames of a video, or of a part of one.

        Args:
            frames: In the order of time, at their times from the start of the part.
            duration_seconds: Of the part.
            request: What is to be said.
            max_words: Of the answer, about.

        Raises:
            ModelOutOfMemory: The frames do not fit together.
            ValueError: No frame, or too many.
        """
        if not 0 < len(frames) <= self.max_frames:
            raise ValueError(f"1 to {self.max_frames} frames are described at once, not {len(frames)}")
        text, seen = self._prepare(frames, duration_seconds, request)
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        try:
            return self._generate(ids, seen, max_new_tokens=round(max_words * _TOKENS_PER_WORD))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise ModelOutOfMemory(
                f"{len(frames)} frames do not fit in the device's memory: use --device cpu, --precision "
                "bf16 or fp16, or a smaller model."
            ) from error

    def _prepare(
        self, frames: Sequence[TimedImage], duration_seconds: float, request: str
    ) -> tuple[str, dict[str, torch.Tensor]]:
        """The text of a request, and what the network takes beside its ids."""
        raise NotImplementedError

    def _generate(
        self, ids: list[int], seen: dict[str, torch.Tensor], *, max_new_tokens: int
    ) -> GeneratedCaption:
        asked = torch.tensor([ids], device=self._device.torch_device)
        with torch.inference_mode():
            written = self.torch_model.generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                **{name: self._on_device(value) for name, value in seen.items()},
                max_new_tokens=max_new_tokens,
                do_sample=False,
                num_beams=1,
                eos_token_id=self._end_ids,
                return_dict_in_generate=True,
                output_scores=True,
            )
        new = written.sequences[0, len(ids) :].tolist()
        logprobs = [
            float(torch.log_softmax(scores[0].float(), dim=-1)[token])
            for scores, token in zip(written.scores, new, strict=True)
        ]
        raw = self.tokenizer.decode(new, skip_special_tokens=True).strip()
        return written_caption(self.tokenizer, raw, new, logprobs)

    def _on_device(self, value: torch.Tensor) -> torch.Tensor:
        dtype = self._device.torch_dtype if value.is_floating_point() else value.dtype
        return value.to(self._device.torch_device, dtype)
