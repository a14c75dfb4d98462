"""Relevance as a picture: a heat map over the image, and a legend under it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from vidsearch.models.relevance import Region, Relevance
    from vidsearch.types import Float32, UInt8Image

_COLOURS = cv2.COLORMAP_INFERNO
"""Perceptually uniform, and readable without colour vision and in print (matplotlib's inferno)."""
_STRONGEST = 0.65
"""Opacity of the heat map where it is hottest: what is there stays to be seen."""
_TILE_PIXELS = 280
_LEAST_TEXT_PIXELS = 15
_TEXT_SHARE = 1 / 48
"""Of an image's width: the height of its legend's text."""
_MARGIN_PIXELS = 8


def overlay(
    image: UInt8Image, relevance: Relevance, *, title: str | None = None, with_legend: bool = True
) -> UInt8Image:
    """Draw the heat map over an image. Returns uint8 (height, width, 3), with a legend higher than the image.

    The legend's `title` is the text that is explained and its score, unless another is given.

    Colours are scaled to the map's own range: they show where, not how much.
    """
    heat = heat_map(relevance.grid, relevance.region, image.shape[0], image.shape[1])
    colours = cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), _COLOURS)[:, :, ::-1]
    opacity = (heat * _STRONGEST)[:, :, None]
    mixed: UInt8Image = np.round(image * (1 - opacity) + colours * opacity).astype(np.uint8)
    title = title or f"“{relevance.text}”  {relevance.score:.3f}"
    parts = [mixed, _legend(title, image.shape[1])] if with_legend else [mixed]
    return np.concatenate(parts)


def word_sheet(image: UInt8Image, relevance: Relevance, *, num_columns: int = 4) -> UInt8Image:
    """Draw a heat map for the whole text, then one for each of its words, row by row on one sheet."""
    small = cv2.resize(image, (_TILE_PIXELS, _TILE_PIXELS * image.shape[0] // image.shape[1]))
    tiles = [overlay(small, relevance)]
    tiles += [overlay(small, replace(relevance, grid=word.grid), title=word.word) for word in relevance.words]
    height = max(tile.shape[0] for tile in tiles)
    blank = np.full((height, _TILE_PIXELS, 3), 255, dtype=np.uint8)
    tiles = [np.concatenate([tile, blank[tile.shape[0] :]]) for tile in tiles]
    tiles += [blank] * (-len(tiles) % num_columns)
    rows = [np.concatenate(tiles[i : i + num_columns], axis=1) for i in range(0, len(tiles), num_columns)]
    return np.concatenate(rows)


def heat_map(grid: Float32, region: Region, height: int, width: int) -> Float32:
    """Spread a grid over an image. Returns float32 (height, width) in [0, 1], and 0 outside the region.

    It is 0 up to the grid's median, too: half of the region stays as it is.
    """
    top, bottom = (
        round(region.top * height),
        max(round(region.bottom * height), round(region.top * height) + 1),
    )
    left, right = round(region.left * width), max(round(region.right * width), round(region.left * width) + 1)
    least, high = float(grid.min()), float(grid.max())
    low = min(float(np.median(grid)), (least + high) / 2)
    scaled = np.maximum(grid - low, 0) / (high - low) if high > low else np.zeros_like(grid)
    spread = cv2.resize(
        scaled.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_CUBIC
    )
    out = np.zeros((height, width), dtype=np.float32)
    out[top:bottom, left:right] = np.clip(spread, 0, 1)[: height - top, : width - left]
    return out


def _legend(title: str, width: int) -> UInt8Image:
    """Draw the title, and the colours from little to much."""
    text_pixels = max(_LEAST_TEXT_PIXELS, round(width * _TEXT_SHARE))
    font = ImageFont.load_default(size=text_pixels)
    lines = _lines(title, font, width - 2 * _MARGIN_PIXELS)
    line_height = text_pixels + 4
    height = 3 * _MARGIN_PIXELS + line_height * (len(lines) + 1)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((_MARGIN_PIXELS, _MARGIN_PIXELS + number * line_height), line, fill="black", font=font)
    top = 2 * _MARGIN_PIXELS + line_height * len(lines)
    little, much = "less", "more"
    left = _MARGIN_PIXELS + round(font.getlength(little)) + 6
    right = max(left + 1, width - _MARGIN_PIXELS - round(font.getlength(much)) - 6)
    ramp = np.linspace(0, 255, right - left, dtype=np.uint8)[None].repeat(line_height - 4, axis=0)
    picture.paste(Image.fromarray(cv2.applyColorMap(ramp, _COLOURS)[:, :, ::-1].copy()), (left, top))
    draw.text((_MARGIN_PIXELS, top - 2), little, fill="black", font=font)
    draw.text((right + 6, top - 2), much, fill="black", font=font)
    return np.asarray(picture)


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Break a text into lines of at most `width` pixels; a longer word stands alone."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
