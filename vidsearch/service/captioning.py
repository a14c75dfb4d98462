"""Captions of one video file, without a library."""

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
    """The captions of a video file's sampled frames."""

    frames: tuple[Frame, ...]
    captions: tuple[Caption, ...]
    """One for each frame."""
    summary: AggregatedCaption | None
    """One caption for the whole file; None without frames."""


def caption_file(path: Path, plan: SamplingPlan, options: ModelOptions) -> CaptionedFile:
    """Caption the sampled frames of a video, and summarize them. All frames are in memory at once.

    Args:
        path: The video file.
        plan: Which frames to sample.
        options: The models.

    Raises:
        QueryError: None of the models writes captions.
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
