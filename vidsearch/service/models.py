"""Chooses a library's models, and loads them.

Remarks (which models were chosen and why) and warnings (an idle GPU) go to the logger "vidsearch".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidsearch.errors import LibraryError, QueryError

if TYPE_CHECKING:
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import (
        Captioner,
        CaptionExplainer,
        Embedder,
        Explainer,
        SoundEmbedder,
        VideoEmbedder,
    )
    from vidsearch.store.store import Store
    from vidsearch.types import LibraryModels

logger = logging.getLogger("vidsearch")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which models to run, and how. None means the library's own, or the default for a new library."""

    models: str | None = None
    """"auto", or names, hub ids and folders, separated by commas."""
    embedder: str | None = None
    """Embedders without a captioner, separated by commas."""
    wants_captions: bool = True
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    num_beams: int | None = None
    prompt: str | None = None
    moving: bool | None = None
    """Whether to embed windows of moving pictures; None to do as before in the library, or to do it where
    `moving_model` is given."""
    moving_model: str | None = None
    """None for the library's, or "xclip"."""
    sounds: bool | None = None
    """Whether to embed windows of sound; None likewise."""
    sound_model: str | None = None
    """None for the library's, or "clap"."""


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """Loaded models, and their device."""

    embedders: Sequence[Embedder]
    captioner: Captioner | None
    device: Device
    moving: Sequence[VideoEmbedder] = ()
    sounds: Sequence[SoundEmbedder] = ()

    def stream_analyzers(self) -> list[StreamAnalyzer]:
        """Return the analyzers that embed windows of moving pictures and of sound."""
        if not self.moving and not self.sounds:
            return []
        from vidsearch.ingest.windows import ClipAnalyzer, SoundAnalyzer

        return [*map(ClipAnalyzer, self.moving), *map(SoundAnalyzer, self.sounds)]


def choose_models(store: Store | None, options: ModelOptions) -> LibraryModels:
    """Choose the models to run: the library's, or the options' while it has no videos.

    Args:
        store: The library; None if it does not exist yet.
        options: The options.

    Raises:
        LibraryError: The options name other models than those that the library was indexed with.
        ModelUnavailable: There is no model of this name.
    """
    from vidsearch.models.registry import resolve_models

    kept = None if store is None else store.models
    if kept is not None and options.models is None and options.embedder is None:
        return _with_windows(kept, kept, options)
    asked = resolve_models(options.models or "auto", embedder=options.embedder)
    models = _with_windows(asked.models, kept, options)
    if store is not None:
        check_models(store, models)
    if asked.reason and models != kept:
        logger.info(asked.reason)
    return models


def _with_windows(models: LibraryModels, kept: LibraryModels | None, options: ModelOptions) -> LibraryModels:
    """Add the models for moving pictures and for sound: the options', or the library's.

    Raises ModelUnavailable for a model of another kind.
    """
    from vidsearch.models.choosing import window_model

    moving, sounds = window_models(options, models, kept)
    if moving not in (models.moving, kept and kept.moving):
        moving = tuple(window_model(name, "video embedder") for name in moving)
    if sounds not in (models.sounds, kept and kept.sounds):
        sounds = tuple(window_model(name, "sound embedder") for name in sounds)
    return replace(models, moving=moving, sounds=sounds)


def window_models(
    options: ModelOptions, *found: LibraryModels | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the models for moving pictures and for sound: those that the options name, else the
    first that are found, else the default ones if they are wanted."""

    def chosen(
        is_wanted: bool | None, name: str | None, default: str, have: list[tuple[str, ...]]
    ) -> tuple[str, ...]:
        if is_wanted is False:
            return ()
        if name is not None:
            return (name,)
        return next(filter(None, have), (default,) if is_wanted else ())

    have = [models for models in found if models is not None]
    return (
        chosen(options.moving, options.moving_model, "xclip", [models.moving for models in have]),
        chosen(options.sounds, options.sound_model, "clap", [models.sounds for models in have]),
    )


def check_models(store: Store, models: LibraryModels) -> None:
    """Raise LibraryError if the library was indexed with other models.

    Models for moving pictures and for sound may differ: their vectors are independent of the others.
    """
    kept = store.models
    if kept is None or not store.videos():
        return
    if (kept.embedders, kept.captioner) != (models.embedders, models.captioner):
        raise LibraryError(
            f"The library at {store.address} was made with {describe_models(kept)}, "
            f"not with {describe_models(models)}. "
            "Index into another library with --library, or leave --models and --embedder out."
        )


def describe_models(models: LibraryModels) -> str:
    """Return one short line: "clip, blip (captions by blip)"."""
    captions = f"captions by {models.captioner}" if models.captioner else "no captions"
    return f"{', '.join((*models.embedders, *models.moving, *models.sounds))} ({captions})"


def load_models(models: LibraryModels, options: ModelOptions) -> LoadedModels:
    """Load models onto the options' device.

    Raises:
        ModelUnavailable: Weights are missing, or the device is not available.
    """
    from vidsearch.models.registry import (
        load_captioner,
        load_embedder,
        load_sound_embedder,
        load_video_embedder,
    )

    captioners = [models.captioner] if models.captioner else []
    names = (*models.embedders, *captioners, *models.moving, *models.sounds)
    device = pick_device(*names, device=options.device, precision=options.precision)
    embedders = [
        load_embedder(name, device=device, batch_size=options.batch_size) for name in models.embedders
    ]
    captioner = None
    if models.captioner is not None and options.wants_captions:
        captioner = load_captioner(
            models.captioner,
            device=device,
            batch_size=options.batch_size,
            num_beams=options.num_beams,
            prompt=options.prompt,
        )
    return LoadedModels(
        embedders=embedders,
        captioner=captioner,
        device=device,
        moving=[load_video_embedder(name, device=device) for name in models.moving],
        sounds=[load_sound_embedder(name, device=device) for name in models.sounds],
    )


def load_library_captioner(store: Store, options: ModelOptions) -> tuple[Captioner, Device]:
    """Load the options' captioner, or the library's own.

    Raises:
        QueryError: There is neither.
        ModelUnavailable: It cannot be loaded.
    """
    from vidsearch.models.registry import load_captioner

    name = options.models or (store.models.captioner if store.models else None)
    if name is None:
        raise QueryError("The library has no captioner: name one, such as --models blip.")
    device = pick_device(name, device=options.device, precision=options.precision)
    captioner = load_captioner(
        name,
        device=device,
        batch_size=options.batch_size,
        num_beams=options.num_beams,
        prompt=options.prompt,
    )
    return captioner, device


def load_explainer(name: str, *, device: str = "auto") -> Explainer:
    """Load an embedder's explainer. Raises ModelUnavailable."""
    from vidsearch.models.registry import load_explainer as load

    return load(name, device=pick_device(name, device=device, precision="fp32"))


def load_caption_explainer(name: str, *, device: str = "auto") -> CaptionExplainer:
    """Load a captioner's explainer. Raises ModelUnavailable."""
    from vidsearch.models.registry import load_caption_explainer as load

    return load(name, device=pick_device(name, device=device, precision="fp32"))


def pick_device(*models: str, device: str, precision: str) -> Device:
    """Choose the device for models. Warns of a GPU that would be idle."""
    from vidsearch.models.device import idle_gpu_warning
    from vidsearch.models.registry import device_for, uses_torch

    chosen = device_for(models, device, precision)
    warning = idle_gpu_warning(chosen) if uses_torch(models) else None
    if warning:
        logger.warning(warning)
    return chosen
