"""What a checkpoint is, read from its JSON files alone: family, vector space, preprocessing. Never imports
torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from vidsearch.errors import ModelUnavailable
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import TokenRules
from vidsearch.models.weights import Checkpoint
from vidsearch.types import EmbeddingSpace

Family: TypeAlias = Literal["clip", "siglip", "blip"]
Role: TypeAlias = Literal["embedder", "captioner"]

_BLIP_MAX_TOKENS = 35
"""Texts were cut here when BLIP's retrieval model was trained (salesforce/BLIP,
`models/blip_retrieval.py`)."""


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """An embedder's checkpoint, before it is loaded."""

    checkpoint: Checkpoint
    family: Family
    space: EmbeddingSpace
    preprocessing: Preprocessing
    token_rules: TokenRules


def family_of(checkpoint: Checkpoint) -> Family:
    """Return a checkpoint's family. Raises ModelUnavailable for one that is not supported."""
    model_type = checkpoint.config.get("model_type")
    if model_type in ("clip", "siglip", "blip"):
        return cast("Family", model_type)
    if model_type == "siglip2":
        raise ModelUnavailable(
            f"{checkpoint.model} is a SigLIP 2 model of variable resolution (NaFlex), which is not "
            "supported: use one of fixed resolution, such as google/siglip2-base-patch16-224."
        )
    raise ModelUnavailable(
        f"{checkpoint.model} is a {model_type!r} model. Supported are CLIP, SigLIP and BLIP models in the "
        "layout of the transformers library."
    )


def role_of(checkpoint: Checkpoint) -> Role:
    """Return what a checkpoint is for. Raises ModelUnavailable for BLIP models for other tasks."""
    if family_of(checkpoint) != "blip":
        return "embedder"
    architectures = checkpoint.config.get("architectures") or ["BlipForConditionalGeneration"]
    roles: dict[str, Role] = {
        "BlipForConditionalGeneration": "captioner",
        "BlipForImageTextRetrieval": "embedder",
    }
    if architectures[0] not in roles:
        raise ModelUnavailable(
            f"{checkpoint.model} is a {architectures[0]}, which neither captions nor embeds images."
        )
    return roles[architectures[0]]


def embedder_card(checkpoint: Checkpoint) -> EmbedderCard:
    """Read an embedder's checkpoint. Raises ModelUnavailable where it is a captioner, or not supported."""
    if role_of(checkpoint) != "embedder":
        raise ModelUnavailable(
            f"{checkpoint.model} writes captions and embeds nothing: it cannot be an embedder."
        )
    family = family_of(checkpoint)
    preprocessing = Preprocessing.from_config(checkpoint.preprocessor, family=family)
    dim = _dim(checkpoint.config, family)
    space = EmbeddingSpace(
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=preprocessing.describe(),
        dim=dim,
    )
    rules = _token_rules(checkpoint.config, family)
    return EmbedderCard(checkpoint, family, space, preprocessing, rules)


def _dim(config: Mapping[str, Any], family: Family) -> int:
    """Read the dimension; the numbers are the defaults that published configurations leave out."""
    if family == "clip":
        return int(config.get("projection_dim") or 512)
    if family == "blip":
        return int(config.get("image_text_hidden_size") or 256)
    text = config.get("text_config") or {}
    return int(text.get("projection_size") or text.get("hidden_size") or 768)


def _token_rules(config: Mapping[str, Any], family: Family) -> TokenRules:
    text = config.get("text_config") or {}
    if family == "blip":
        return TokenRules(max_tokens=_BLIP_MAX_TOKENS, pad_to_max=False)
    if family == "siglip":
        return TokenRules(max_tokens=int(text.get("max_position_embeddings") or 64), pad_to_max=True)
    return TokenRules(max_tokens=int(text.get("max_position_embeddings") or 77), pad_to_max=False)
