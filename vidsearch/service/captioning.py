"""Captions of one video file, with no library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.service.models import ModelOptions, choose_models, load_models, logger
from vidsearch.types import Caption

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.captions.aggregate import AggregatedCaption
    from vidsearch.types import Frame, SamplingPlan


@dataclass(frozen=True, slots=True)
class CaptionedFile:
    """Sampled frames of a video file in words."""

    frames: tuple[Frame, ...]
    captions: tuple[Caption, ...]
    """One for each frame."""
    summary: AggregatedCaption | None
    """The whole in one line; None without frames."""


def caption_file(path: Path, plan: SamplingPlan, options: ModelOptions) -> CaptionedFile:
    """Caption the sampled frames of a video, all in memory at once, and sum them up.

    Args:
        path: A video file.
        plan: Which frames to look at.
        options: The models.

    Raises:
        QueryError: The models named write no captions.
        MediaError: The file does not decode.
        ModelUnavailable: Weights are missing.
    """
    from vidsearch.captions.aggregate import aggregate
    from vidsearch.media.decode import frames

    loaded = load_models(choose_models(None, options), options)
    if loaded.captioner is None:
        raise QueryError(f"{options.models!r} writes no captions. Use --models blip or --models mini.")
    logger.info("Captioning on %s.", loaded.device.describe())
    pictures = tuple(frames(path, plan, short_side_pixels=None))
    images = [picture.image for picture in pictures]
    captions = tuple(
        Caption(text=each.text, raw_text=each.raw_text) for each in loaded.captioner.captions(images)
    )
    embedder = loaded.embedders[0]
    summary = aggregate(
        captions,
        [1.0] * len(captions),
        image_vectors=embedder.embed_images(images),
        embed_texts=embedder.embed_texts,
    )
    return CaptionedFile(frames=pictures, captions=captions, summary=summary)
