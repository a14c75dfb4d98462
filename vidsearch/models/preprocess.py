"""Images as a checkpoint wants them, by its own preprocessor configuration.

Resizing and cropping are done by Pillow on uint8, as in the reference image processors of `transformers`
(its "pil" backend: Pillow's filters are antialiased when they shrink). The uint8 batch goes to the device,
a quarter of the bytes of floats, and is scaled and normalised there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vidsearch.errors import ModelUnavailable
from vidsearch.models.relevance import WHOLE, Region

if TYPE_CHECKING:
    import torch

    from vidsearch.types import UInt8Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)

_CROPPED = ("clip", "xclip")
"""Families that scale the shorter side and cut the middle out, unless a configuration says otherwise."""
_HALVED = ("siglip", "xclip")
"""Families whose colours are centred on a half, unless a configuration says otherwise."""

_LARGEST_SIDE = 4096
"""No model looks at larger pictures: a greater number is a mistake, and would take all memory."""
_EXTREME_ASPECT = 8
"""Pictures longer than this many times their shorter side are cropped while resized, to bound memory."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From a picture of any size to a model's input."""

    shortest_edge_pixels: int | None
    """Scale so that the shorter side has this length, or None where `height` and `width` are set."""
    height: int
    """Of the model's input, in pixels. Without a shortest edge pictures are squeezed to it."""
    width: int
    resample: int
    """Pillow's code of the filter: 2 bilinear, 3 bicubic."""
    rescale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rounds_crop: bool = False
    """Where an odd number of pixels is cropped, whether the crop's start is rounded (torchvision), not cut
    off."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, family: str) -> Preprocessing:
        """Read a checkpoint's `preprocessor_config.json`.

        `family` ("clip", "xclip", "siglip", "blip", "florence2") gives what the configuration leaves out, and
        the meaning of a size that is one number: the shorter side for CLIP and X-CLIP, both sides for the
        others. Raises ModelUnavailable for a configuration that means nothing here.
        """
        try:
            return _read(config, family)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ModelUnavailable(
                f"The checkpoint's image preprocessing cannot be read: {error}."
            ) from error

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a picture needs to lose nothing."""
        return self.shortest_edge_pixels or max(self.height, self.width)

    def region(self, height: int, width: int) -> Region:
        """Return the part of a picture of this size that the model sees."""
        if self.shortest_edge_pixels is None:
            return WHOLE
        short = min(height, width)
        share_x = min(1.0, self.width * short / (self.shortest_edge_pixels * width))
        share_y = min(1.0, self.height * short / (self.shortest_edge_pixels * height))
        return Region((1 - share_x) / 2, (1 - share_y) / 2, (1 + share_x) / 2, (1 + share_y) / 2)

    def describe(self) -> str:
        """Return all that bears on the pixels, in one line: part of a vector space's identity."""
        if self.shortest_edge_pixels:
            rounding = ", rounded" if self.rounds_crop else ""
            geometry = f"shortest {self.shortest_edge_pixels}, crop {self.height}x{self.width}{rounding}"
        else:
            geometry = f"squeeze {self.height}x{self.width}"
        numbers = ", ".join(f"{value:.6g}" for value in (self.rescale, *self.mean, *self.std))
        return f"{geometry}, filter {self.resample}, {numbers}"

    def pixels(self, image: UInt8Image) -> UInt8Image:
        """Resize and crop one RGB image. Returns uint8 (height, width, 3)."""
        picture = Image.fromarray(image)
        if self.shortest_edge_pixels is None:
            return _as_array(picture, (self.height, self.width), self.resample)
        edge = self.shortest_edge_pixels
        short, long = sorted(picture.size)
        long_edge = int(edge * long / short)
        new_width, new_height = (edge, long_edge) if picture.width <= picture.height else (long_edge, edge)
        if long > _EXTREME_ASPECT * short:
            return self._crop_while_resizing(picture, new_width, new_height)
        resized = _as_array(picture, (new_height, new_width), self.resample)
        return self._centre_crop(resized)

    def batch(self, images: list[UInt8Image]) -> UInt8Image:
        """Resize and crop images. Returns uint8 (n, height, width, 3)."""
        out = np.empty((len(images), self.height, self.width, 3), dtype=np.uint8)
        for row, image in zip(out, images, strict=True):
            row[:] = self.pixels(image)
        return out

    def normalise(self, batch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Scale and normalise on the batch's device. uint8 (n, h, w, 3) to `dtype` (n, 3, h, w)."""
        import torch

        mean = torch.tensor(self.mean, dtype=torch.float32, device=batch.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float32, device=batch.device).view(1, -1, 1, 1)
        pixels = batch.permute(0, 3, 1, 2).to(torch.float32)
        return pixels.mul_(self.rescale).sub_(mean).div_(std).to(dtype)

    def _crop_while_resizing(self, picture: Image.Image, new_width: int, new_height: int) -> UInt8Image:
        """Resize only the part that the crop keeps: the same samples, without the huge picture between."""
        crop_height, crop_width = min(self.height, new_height), min(self.width, new_width)
        left, top = self._start(new_width, crop_width), self._start(new_height, crop_height)
        scale_x, scale_y = picture.width / new_width, picture.height / new_height
        box = (left * scale_x, top * scale_y, (left + crop_width) * scale_x, (top + crop_height) * scale_y)
        kept = picture.resize((crop_width, crop_height), resample=Image.Resampling(self.resample), box=box)
        return self._centre_crop(np.asarray(kept))

    def _centre_crop(self, image: UInt8Image) -> UInt8Image:
        """Cut the middle out, with black around a picture that is too small, as the reference processors
        do."""
        height, width = self.height, self.width
        top, left = self._start(image.shape[0], height), self._start(image.shape[1], width)
        if top >= 0 and left >= 0:
            return image[top : top + height, left : left + width]
        out = np.zeros((height, width, 3), dtype=np.uint8)
        inside = image[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
        down, right = -(min(top, 0)), -(min(left, 0))
        out[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
        return out

    def _start(self, length: int, kept: int) -> int:
        """Return where the middle `kept` pixels of a length begin."""
        return round((length - kept) / 2) if self.rounds_crop else (length - kept) // 2


def _as_array(picture: Image.Image, size: tuple[int, int], resample: int) -> UInt8Image:
    height, width = size
    return np.asarray(picture.resize((width, height), resample=Image.Resampling(resample)))


def _read(config: Mapping[str, Any], family: str) -> Preprocessing:
    # transformers 5 writes one processor_config.json, with the image part inside.
    config = config.get("image_processor", config)
    default_side = 384 if family == "blip" else 224
    is_cropped = family in _CROPPED
    size = config.get("size", default_side)
    shortest: int | None = None
    height = width = default_side
    if isinstance(size, Mapping) and "shortest_edge" in size:
        shortest = int(size["shortest_edge"])
    elif isinstance(size, Mapping):
        height, width = int(size["height"]), int(size["width"])
    elif is_cropped:
        shortest = int(size)
    else:
        height = width = int(size)
    if config.get("do_center_crop", is_cropped):
        crop = config.get("crop_size", shortest or default_side)
        crop = crop if isinstance(crop, Mapping) else {"height": crop, "width": crop}
        if shortest is None and (int(crop["height"]), int(crop["width"])) != (height, width):
            raise ValueError(f"a crop to {crop} after squeezing to {height}x{width} is not supported")
        height, width = int(crop["height"]), int(crop["width"])
    elif shortest is not None:
        raise ValueError(f"a shortest edge of {shortest} without a crop leaves sizes that differ")
    for switch in ("do_resize", "do_rescale", "do_normalize"):
        if not config.get(switch, True):
            raise ValueError(f"{switch} is false, which no supported model family uses")
    for name, length in (("shortest edge", shortest or 1), ("height", height), ("width", width)):
        if not 0 < length <= _LARGEST_SIDE:
            raise ValueError(f"a {name} of {length} pixels is not from 1 to {_LARGEST_SIDE}")
    default_mean, default_std = (HALF, HALF) if family in _HALVED else (CLIP_MEAN, CLIP_STD)
    default_filter = Image.Resampling.BILINEAR if family == "xclip" else Image.Resampling.BICUBIC
    return Preprocessing(
        shortest_edge_pixels=shortest,
        height=height,
        width=width,
        resample=Image.Resampling(config.get("resample", default_filter)).value,
        rescale=float(config.get("rescale_factor", 1 / 255)),
        mean=_channels(config.get("image_mean") or default_mean),
        std=_channels(config.get("image_std") or default_std, is_divisor=True),
        rounds_crop=config.get("crop_rounding") == "nearest",
    )


def _channels(values: Sequence[Any], *, is_divisor: bool = False) -> tuple[float, ...]:
    """Read one number for each colour."""
    numbers = tuple(float(value) for value in values)
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or (is_divisor and 0.0 in numbers):
        raise ValueError(f"{list(numbers)} are not three numbers to normalise colours by")
    return numbers
