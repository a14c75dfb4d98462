"""Captions of chapters and whole videos, by a model that reads several frames at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypedDict

from vidsearch.errors import QueryError
from vidsearch.service.models import pick_device

if TYPE_CHECKING:
    from vidsearch.captions.parts import PartLevel, PartsReport
    from vidsearch.ingest import ProgressState
    from vidsearch.store.store import Store
    from vidsearch.types import Video

DEFAULT_DESCRIBER = "smolvlm"
MOST_WORDS = 400


class DescribeSettings(TypedDict, total=False):
    """The settings of `Library.describe`."""

    captioner: str
    """"smolvlm" (the default), a hub id or a folder."""
    level: PartLevel
    """"chapter" (the default) or "video"."""
    prompt: str | None
    """The instruction for the model. Default: to say in a sentence what happens."""
    num_words: int | None
    """The approximate length of a caption. Default: 25 for chapters, 40 for videos."""
    language: str | None
    """The language of the captions: "German". Default: English, or that of the prompt."""
    device: str
    """"auto", "cpu", "cuda" or "mps"."""
    precision: str
    """"auto", "fp32", "bf16" or "fp16"."""


def describe(
    store: Store,
    videos: Sequence[Video],
    settings: DescribeSettings,
    *,
    on_progress: Callable[[ProgressState], None] | None,
    stop: threading.Event | None,
) -> PartsReport:
    """See `Library.describe`."""
    from vidsearch.captions.parts import PartRequest, describe_parts
    from vidsearch.models.registry import load_describer

    level, num_words = settings.get("level", "chapter"), settings.get("num_words")
    if num_words is not None and not 0 < num_words <= MOST_WORDS:
        raise QueryError(f"A caption has 1 to {MOST_WORDS} words, not {num_words}.")
    if level not in ("chapter", "video"):
        raise QueryError(f"The level must be chapter or video, not {level!r}.")
    request = PartRequest(level, settings.get("prompt"), num_words, settings.get("language"))
    name = settings.get("captioner", DEFAULT_DESCRIBER)
    device = pick_device(
        name, device=settings.get("device", "auto"), precision=settings.get("precision", "auto")
    )
    describer = load_describer(name, device=device)
    return describe_parts(store, videos, describer, request, on_progress=on_progress, stop=stop)
