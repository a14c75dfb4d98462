"""SmolVLM2 (Marafioti et al. 2025, arXiv:2504.05299): several frames to a sentence or two about them.

Runs transformers' own network and its image processor for Pillow. A request is put together as its video
processor does, which would need torchvision and num2words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch

from vidsearch.errors import ModelUnavailable
from vidsearch.models.tokens import read_tokenizer
from vidsearch.models.torch_describer import TorchDescriber

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.protocols import TimedImage
    from vidsearch.models.weights import Checkpoint

_END = "<end_of_utterance>"
_ENDS = (_END, "<|im_end|>", "<|endoftext|>")
_IMAGE, _AROUND, _WHOLE = "<image>", "<fake_token_around_image>", "<global-img>"
_INTRO = "You are provided the following series of {count} frames from a {length} [H:MM:SS] video.\n"
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


class SmolVlmDescriber(TorchDescriber):
    """A VideoDescriber over a SmolVLM2 checkpoint."""

    def __init__(
        self,
        torch_model: Any,
        processor: Any,
        tokenizer: Tokenizer,
        *,
        model: str,
        image_seq_len: int,
        device: Device,
    ) -> None:
        """Put a model onto a device.

        Args:
            torch_model: transformers' SmolVLMForConditionalGeneration.
            processor: transformers' SmolVLMImageProcessorPil, set as for the frames of videos.
            tokenizer: of the same checkpoint.
            model: name, for `model`.
            image_seq_len: how many tokens a frame becomes.
            device: where to run.
        """
        self.processor = processor
        self._image_seq_len = image_seq_len
        super().__init__(torch_model, tokenizer, model=model, end_tokens=_ENDS, device=device)

    @property
    def short_side_pixels(self) -> int:
        return int(self.processor.max_image_size["longest_edge"])

    def _prepare(
        self, frames: Sequence[TimedImage], duration_seconds: float, request: str
    ) -> tuple[str, dict[str, torch.Tensor]]:
        times = [frame.time_seconds for frame in frames]
        text = video_request(times, duration_seconds, request, image_seq_len=self._image_seq_len)
        seen = self.processor([frame.image for frame in frames], return_tensors="pt")
        return text, {"pixel_values": seen["pixel_values"]}


def video_request(
    times: Sequence[float], duration_seconds: float, request: str, *, image_seq_len: int
) -> str:
    """The text of a request about frames at these times (s), with the places of their pictures in it."""
    place = f"{_AROUND}{_WHOLE}{_IMAGE * image_seq_len}{_AROUND}"
    shown = "".join(
        f"\nFrame from {int(seconds // 60):02d}:{int(seconds % 60):02d}:{place}" for seconds in times
    )
    intro = _INTRO.format(count=_in_words(len(times)), length=timedelta(seconds=int(duration_seconds)))
    return f"<|im_start|>User: {intro}{shown}\n\n{request}{_END}\nAssistant:"


def _in_words(number: int) -> str:
    """A number below a hundred in English words: "twenty-one"."""
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def check_smolvlm(checkpoint: Checkpoint) -> None:
    """Check everything but the weights. Raises ModelUnavailable."""
    tokenizer = read_tokenizer(checkpoint.folder)
    lacking = [name for name in (_IMAGE, _AROUND, _WHOLE, _END) if tokenizer.token_to_id(name) is None]
    if lacking:
        raise ModelUnavailable(
            f"The tokenizer of {checkpoint.model} has no {', '.join(lacking)}: it is not a SmolVLM2's."
        )
    _image_seq_len(checkpoint)
    _frame_settings(checkpoint)


def load_smolvlm(checkpoint: Checkpoint, *, device: Device) -> SmolVlmDescriber:
    """Load a SmolVLM2 checkpoint. Raises ModelUnavailable where it is not whole."""
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
    from transformers.models.smolvlm.modeling_smolvlm import SmolVLMForConditionalGeneration

    from vidsearch.models.transformers_model import load_pretrained

    check_smolvlm(checkpoint)
    return SmolVlmDescriber(
        load_pretrained(SmolVLMForConditionalGeneration, checkpoint),
        SmolVLMImageProcessorPil(**_frame_settings(checkpoint)),
        read_tokenizer(checkpoint.folder),
        model=checkpoint.model,
        image_seq_len=_image_seq_len(checkpoint),
        device=device,
    )


def _image_seq_len(checkpoint: Checkpoint) -> int:
    """How many tokens a frame becomes: by the sizes that the network has."""
    config = checkpoint.config
    vision = config.get("vision_config")
    vision = vision if isinstance(vision, Mapping) else {}
    sizes = (vision.get("image_size", 224), vision.get("patch_size", 32), config.get("scale_factor", 2))
    if not all(isinstance(size, int) and 0 < size <= 2**14 for size in sizes):
        raise ModelUnavailable(f"The config.json of {checkpoint.model} has no sizes of pictures: {sizes}.")
    image_size, patch_size, scale_factor = sizes
    return int((image_size // patch_size) ** 2 // scale_factor**2)


def _frame_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """How the frames of a video are prepared: scaled to a square, and never cut into parts.

    transformers' processor takes the size of images, which they are scaled to first, for the one of videos as
    well, whatever `video_sampling` says; so do we.
    """
    settings = checkpoint.preprocessor
    sampling = settings.get("video_sampling")
    sampling = sampling if isinstance(sampling, Mapping) else {}
    size = settings.get("size") or sampling.get("video_size")
    square = settings.get("max_image_size")
    for name, value in (("size", size), ("max_image_size", square)):
        edge = value.get("longest_edge") if isinstance(value, Mapping) else None
        if not isinstance(edge, int) or not 0 < edge <= 4096:
            raise ModelUnavailable(
                f"The preprocessor_config.json of {checkpoint.model} says no {name} with a longest_edge."
            )
    return {
        "size": size,
        "max_image_size": square,
        "image_mean": settings.get("image_mean", [0.5] * 3),
        "image_std": settings.get("image_std", [0.5] * 3),
        "do_image_splitting": False,
        "do_pad": False,
    }
