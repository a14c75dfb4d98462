"""From options to a library and its models: the one place where the command line decides what to load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.cli import console
from vidsearch.errors import LibraryError

if TYPE_CHECKING:
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import Captioner, Embedder
    from vidsearch.store.library import Library
    from vidsearch.types import LibraryModels


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the user asked for; None means "as the library has it", or the default of a new one."""

    models: str | None = None
    embedder: str | None = None
    wants_captions: bool = True
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    num_beams: int | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """Models ready to run, and what they run on."""

    embedders: Sequence[Embedder]
    captioner: Captioner | None
    device: Device


def open_library(path: Path) -> Library:
    """An existing library to read. Raises LibraryNotFound."""
    from vidsearch.store.library import Library

    return Library.open(path)


def library_models(library: Library, options: ModelOptions) -> LibraryModels:
    """The models that this library is made with: chosen on its first use, and the same ever after.

    Raises LibraryError where other models are asked for than those it has.
    """
    from vidsearch.models.registry import resolve_models

    kept = library.models
    if kept is not None and options.models is None and options.embedder is None:
        return kept
    asked = resolve_models(options.models or "auto", embedder=options.embedder)
    if kept is None:
        if asked.reason:
            console.note(asked.reason)
        library.set_models(asked.models)
        return asked.models
    if asked.models != kept:
        raise LibraryError(
            f"The library at {library.path} was made with {describe(kept)}, "
            f"not with {describe(asked.models)}. "
            "Index into another folder with --library, or leave --models and --embedder out."
        )
    return kept


def describe(models: LibraryModels) -> str:
    """`clip, blip; captions by blip`."""
    captions = f"captions by {models.captioner}" if models.captioner else "no captions"
    return f"{', '.join(models.embedders)} ({captions})"


def load(models: LibraryModels, options: ModelOptions) -> LoadedModels:
    """Load models onto the device that the options name, and say aloud what they run on."""
    from vidsearch.models.registry import load_captioner, load_embedder

    names = (*models.embedders, *([models.captioner] if models.captioner else []))
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
    return LoadedModels(embedders=embedders, captioner=captioner, device=device)


def pick_device(*models: str, device: str, precision: str) -> Device:
    """The device that these models are to run on. Warns of a GPU that would stand idle."""
    from vidsearch.models.device import idle_gpu_warning
    from vidsearch.models.registry import device_for, uses_torch

    chosen = device_for(models, device, precision)
    warning = idle_gpu_warning(chosen) if uses_torch(models) else None
    if warning:
        console.warn(warning)
    return chosen
