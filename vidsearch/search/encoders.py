"""Loads the models that a search needs on first use: given ones, or the registry's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from vidsearch.models.protocols import Embedder, Matcher, TextEncoder
    from vidsearch.types import EmbeddingSpace

TextEncoders: TypeAlias = "Mapping[EmbeddingSpace, TextEncoder] | Callable[[EmbeddingSpace], TextEncoder]"
"""Encoders by space, or what loads one."""
Embedders: TypeAlias = "Mapping[EmbeddingSpace, Embedder] | Callable[[EmbeddingSpace], Embedder]"

Model = TypeVar("Model")


def loader(
    models: Mapping[EmbeddingSpace, Model] | Callable[[EmbeddingSpace], Model],
) -> Callable[[EmbeddingSpace], Model]:
    """A function that returns a space's model, or raises ModelUnavailable if the mapping lacks it."""
    if callable(models):
        return models

    def load(space: EmbeddingSpace) -> Model:
        if space not in models:
            raise ModelUnavailable(
                f"No encoder was given for {space.model}, which the library has vectors of."
            )
        return models[space]

    return load


def load_text_encoder(space: EmbeddingSpace) -> TextEncoder:
    """The registry's text encoder of a space."""
    from vidsearch.models import registry

    return registry.load_text_encoder(space.model, space=space)


def load_embedder(space: EmbeddingSpace) -> Embedder:
    """The registry's embedder of a space."""
    from vidsearch.models import registry

    return registry.load_embedder(space.model, device=registry.device_for([space.model]), space=space)


def load_matcher(name: str) -> Matcher:
    """The registry's model that reads picture and words together."""
    from vidsearch.models import registry

    return registry.load_matcher(name, device=registry.device_for([name]))
