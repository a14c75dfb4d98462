"""Qwen3-VL (Bai et al. 2025, arXiv:2511.21631): several frames to a sentence or two about them.

Runs transformers' own network. Frames and request are put together as its video processor does, which would
need torchvision: two frames become one grid of patches, with their time before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from vidsearch.errors import ModelUnavailable
from vidsearch.models.tokens import read_tokenizer
from vidsearch.models.torch_describer import TorchDescriber

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.protocols import TimedImage
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import UInt8Image

SHORT_SIDE_PIXELS = 448
"""What frames are decoded at. Their size sets how many tokens they become: 350 for two frames of 16:9."""
_VIDEO, _START, _END = "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"
_ENDS = ("<|im_end|>", "<|endoftext|>")
_LARGEST_ASPECT = 200


@dataclass(frozen=True, slots=True)
class VideoPatches:
    """How frames become patches."""

    patch_size: int
    temporal_patch_size: int
    """Frames of one grid."""
    merge_size: int
    """Patches along each side that become one token."""
    fewest_pixels: int
    """Of all frames together."""
    most_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def size(self, num_frames: int, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that frames are scaled to: whole tokens, in a number that fits.

        Raises ValueError for frames that are too long and thin.
        """
        factor = self.patch_size * self.merge_size
        if min(height, width) < factor:
            scale = max(factor / height, factor / width)
            height, width = int(height * scale), int(width * scale)
        if max(height, width) > _LARGEST_ASPECT * min(height, width):
            raise ValueError(f"frames of {height}x{width} are too long for the model")
        num_grids = round(num_frames / self.temporal_patch_size)
        sides = [round(side / factor) * factor for side in (height, width)]
        pixels = num_grids * self.temporal_patch_size * math.prod(sides)
        if pixels > self.most_pixels:
            shrink = math.sqrt(num_frames * height * width / self.most_pixels)
            sides = [max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width)]
        elif pixels < self.fewest_pixels:
            grow = math.sqrt(self.fewest_pixels / (num_frames * height * width))
            sides = [math.ceil(side * grow / factor) * factor for side in (height, width)]
        return sides[0], sides[1]

    def patches(self, frames: Sequence[UInt8Image]) -> tuple[torch.Tensor, tuple[int, int, int]]:
        """Cut frames of one size into patches: rows of numbers, and how many in time, down and across.

        The last frame is repeated until they fill whole grids.
        """
        # The reference counts a single frame as too few, and never is given one.
        num_frames = max(len(frames), self.temporal_patch_size)
        height, width = self.size(num_frames, *frames[0].shape[:2])
        scaled = [
            np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))
            for frame in frames
        ]
        scaled += [scaled[-1]] * (-len(scaled) % self.temporal_patch_size)
        pixels = torch.from_numpy(np.stack(scaled)).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        grid = (len(scaled) // self.temporal_patch_size, height // self.patch_size, width // self.patch_size)
        side, merge = self.patch_size, self.merge_size
        cut = ((pixels - mean) / std).reshape(
            grid[0], self.temporal_patch_size, 3, grid[1] // merge, merge, side, grid[2] // merge, merge, side
        )
        # In time; tokens down and across; in each token down and across; then the numbers of a patch.
        return cut.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(math.prod(grid), -1), grid


class QwenVlDescriber(TorchDescriber):
    """A VideoDescriber over a Qwen3-VL checkpoint."""

    short_side_pixels = SHORT_SIDE_PIXELS

    def __init__(
        self,
        torch_model: Any,
        tokenizer: Tokenizer,
        *,
        model: str,
        patches: VideoPatches,
        device: Device,
    ) -> None:
        """Put a model onto a device.

        Args:
            torch_model: transformers' Qwen3VLForConditionalGeneration.
            tokenizer: of the same checkpoint.
            model: name, for `model`.
            patches: how its frames are cut.
            device: where to run.
        """
        self.patches = patches
        self._video_id = int(torch_model.config.video_token_id)
        super().__init__(torch_model, tokenizer, model=model, end_tokens=_ENDS, device=device)

    def _prepare(
        self, frames: Sequence[TimedImage], duration_seconds: float, request: str
    ) -> tuple[str, dict[str, torch.Tensor]]:
        pixels, grid = self.patches.patches([frame.image for frame in frames])
        num_tokens = grid[1] * grid[2] // self.patches.merge_size**2
        times = [frame.time_seconds for frame in frames]
        text = video_request(times, request, num_tokens=num_tokens, together=self.patches.temporal_patch_size)
        ids = torch.tensor([self.tokenizer.encode(text, add_special_tokens=False).ids])
        return text, {
            "pixel_values_videos": pixels,
            "video_grid_thw": torch.tensor([grid]),
            "mm_token_type_ids": (ids == self._video_id) * 2,
        }


def video_request(times: Sequence[float], request: str, *, num_tokens: int, together: int) -> str:
    """The text of a request about frames at these times (s).

    So many `together` become `num_tokens` tokens, and have the time of their middle. As Qwen released it:
    transformers 5 leaves another pair of vision tokens around all of them.
    """
    times = [*times, *[times[-1]] * (-len(times) % together)]
    middles = [(times[i] + times[i + together - 1]) / 2 for i in range(0, len(times), together)]
    shown = "".join(f"<{middle:.1f} seconds>{_START}{_VIDEO * num_tokens}{_END}" for middle in middles)
    return f"<|im_start|>user\n{shown}{request}<|im_end|>\n<|im_start|>assistant\n"


def check_qwen_vl(checkpoint: Checkpoint) -> None:
    """Check everything but the weights. Raises ModelUnavailable."""
    tokenizer = read_tokenizer(checkpoint.folder)
    lacking = [name for name in (_VIDEO, _START, _END, *_ENDS[:1]) if tokenizer.token_to_id(name) is None]
    if lacking:
        raise ModelUnavailable(
            f"The tokenizer of {checkpoint.model} has no {', '.join(lacking)}: it is not a Qwen3-VL's."
        )
    named = checkpoint.config.get("video_token_id", 151656)
    if named != tokenizer.token_to_id(_VIDEO):
        raise ModelUnavailable(
            f"The parts of {checkpoint.model} do not fit each other: its videos are at the token "
            f"{named!s:.20}, and its tokenizer has {_VIDEO} at {tokenizer.token_to_id(_VIDEO)}."
        )
    read_patches(checkpoint)


def load_qwen_vl(checkpoint: Checkpoint, *, device: Device) -> QwenVlDescriber:
    """Load a Qwen3-VL checkpoint. Raises ModelUnavailable where it is not whole."""
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLForConditionalGeneration

    from vidsearch.models.transformers_model import load_pretrained

    check_qwen_vl(checkpoint)
    return QwenVlDescriber(
        load_pretrained(Qwen3VLForConditionalGeneration, checkpoint),
        read_tokenizer(checkpoint.folder),
        model=checkpoint.model,
        patches=read_patches(checkpoint),
        device=device,
    )


def read_patches(checkpoint: Checkpoint) -> VideoPatches:
    """Read how a checkpoint cuts frames. Raises ModelUnavailable where it does not fit its image tower."""
    settings = _video_settings(checkpoint)
    vision = checkpoint.config.get("vision_config")
    vision = vision if isinstance(vision, Mapping) else {}
    size = settings.get("size")
    size = size if isinstance(size, Mapping) else {}
    numbers = {
        "patch_size": settings.get("patch_size", 16),
        "temporal_patch_size": settings.get("temporal_patch_size", 2),
        "merge_size": settings.get("merge_size", 2),
        "shortest_edge": size.get("shortest_edge", 128 * 32 * 32),
        "longest_edge": size.get("longest_edge", 32 * 32 * 768),
    }
    wrong = [name for name, value in numbers.items() if not isinstance(value, int) or not 0 < value < 2**31]
    for name, other in (
        ("patch_size", "patch_size"),
        ("temporal_patch_size", "temporal_patch_size"),
        ("merge_size", "spatial_merge_size"),
    ):
        if vision.get(other, numbers[name]) != numbers[name]:
            wrong.append(name)
    if wrong:
        raise ModelUnavailable(
            f"The parts of {checkpoint.model} do not fit each other: its video processor's {wrong[0]} is "
            f"{str(numbers[wrong[0]])[:60]!r}."
        )
    mean, std = (settings.get(f"image_{name}", [0.5] * 3) for name in ("mean", "std"))
    return VideoPatches(
        patch_size=numbers["patch_size"],
        temporal_patch_size=numbers["temporal_patch_size"],
        merge_size=numbers["merge_size"],
        fewest_pixels=numbers["shortest_edge"],
        most_pixels=numbers["longest_edge"],
        mean=tuple(mean),
        std=tuple(std),
    )


def _video_settings(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The settings of videos: a part of processor_config.json, or the file of older repositories."""
    if (checkpoint.folder / "processor_config.json").is_file():
        found = checkpoint.read_json("processor_config.json").get("video_processor")
        if isinstance(found, Mapping):
            return found
    return checkpoint.read_json("video_preprocessor_config.json")
