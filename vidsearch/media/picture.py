"""Converts a decoded picture into an upright RGB array of a given size, in one step."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from vidsearch.media.images import size_for_short_side
from vidsearch.media.orientation import orientation_of

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from vidsearch.types import UInt8Image

_SHRINK = Interpolation.AREA | Interpolation.FULL_CHR_H_INT
"""Area averaging loses least; without the second flag chroma is computed at half the available width."""

_KEEP = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND

_UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED: the stream does not name its colour matrix."""


def to_image(
    picture: VideoFrame, *, short_side_pixels: int | None = None, sample_aspect_ratio: Fraction = Fraction(1)
) -> UInt8Image:
    """Convert to uint8 (height, width, 3), RGB, upright, with square pixels.

    The picture is scaled down, never up, to a shorter side of `short_side_pixels`. Scaling and colour
    conversion are one pass of swscale, so that no full-size RGB picture is allocated. Non-square pixels are
    widened. If the stream does not name its colour matrix, BT.709 is assumed from 720 lines or 1280 columns
    and BT.601 below, as players do. HDR is not tone-mapped: such pictures look pale.
    """
    width, height = display_size(picture, sample_aspect_ratio)
    width, height = size_for_short_side(width, height, short_side_pixels)
    rgb = picture.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_guessed_matrix(picture),
        dst_color_range=ColorRange.JPEG,
        interpolation=_SHRINK if width < picture.width or height < picture.height else _KEEP,
        threads=1,
    )
    image = cast("UInt8Image", rgb.to_ndarray())
    return np.ascontiguousarray(orientation_of(picture).upright(image))


def display_size(picture: VideoFrame, sample_aspect_ratio: Fraction) -> tuple[int, int]:
    """(width, height) with square pixels, before rotation; neither is smaller than stored."""
    if sample_aspect_ratio >= 1:
        return round(picture.width * sample_aspect_ratio), picture.height
    return picture.width, round(picture.height / sample_aspect_ratio)


def _guessed_matrix(picture: VideoFrame) -> Colorspace | None:
    if picture.colorspace != _UNSPECIFIED or picture.format.is_rgb:
        return None
    return Colorspace.ITU709 if picture.height >= 720 or picture.width >= 1280 else Colorspace.ITU601
