"""What a checkpoint is, read from its JSON files alone: family, role, sizes, vector space, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.errors import ModelUnavailable
from vidsearch.models.configs import DualConfig, Family, read_dual_config
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import TokenRules, load_tokenizer
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.models.weights import Checkpoint

Role: TypeAlias = Literal["embedder", "captioner", "video embedder"]

_BLIP_MAX_TOKENS = 35
"""Texts were cut here when BLIP's retrieval model was trained (salesforce/BLIP,
`models/blip_retrieval.py`)."""

_FAMILIES: dict[str, Family] = {
    "clip": "clip",
    "metaclip_2": "clip",
    "siglip": "siglip",
    "blip": "blip",
    "xclip": "xclip",
}
"""By `model_type`. MetaCLIP 2 is CLIP with a tokenizer of many languages."""

FLORENCE = "florence2"
"""The `model_type` of a captioner that is none of the families."""


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """An embedder's checkpoint, before it is loaded."""

    checkpoint: Checkpoint
    config: DualConfig
    space: EmbeddingSpace
    preprocessing: Preprocessing
    token_rules: TokenRules

    @property
    def family(self) -> Family:
        return self.config.family


def family_of(checkpoint: Checkpoint) -> Family:
    """Return a checkpoint's family. Raises ModelUnavailable for one that is not supported."""
    model_type = checkpoint.config.get("model_type")
    if isinstance(model_type, str) and model_type in _FAMILIES:
        return _FAMILIES[model_type]
    if model_type == "siglip2":
        raise ModelUnavailable(
            f"{checkpoint.model} is a SigLIP 2 model of variable resolution (NaFlex), which is not "
            "supported: use one of fixed resolution, such as google/siglip2-base-patch16-224."
        )
    raise ModelUnavailable(
        f"{checkpoint.model} is a {str(model_type)[:60]!r} model. Supported are CLIP, SigLIP, MetaCLIP 2 "
        f"and BLIP models in the layout of the transformers library, and open_clip's vision transformers."
    )


def is_florence(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a Florence-2."""
    return checkpoint.config.get("model_type") == FLORENCE


def role_of(checkpoint: Checkpoint) -> Role:
    """Return what a checkpoint is for. Raises ModelUnavailable for BLIP models for other tasks."""
    if is_florence(checkpoint):
        return "captioner"
    family = family_of(checkpoint)
    if family != "blip":
        return "video embedder" if family == "xclip" else "embedder"
    architectures = checkpoint.config.get("architectures") or ["BlipForConditionalGeneration"]
    name = str(architectures[0]) if isinstance(architectures, list) else str(architectures)
    roles: dict[str, Role] = {
        "BlipForConditionalGeneration": "captioner",
        "BlipForImageTextRetrieval": "embedder",
    }
    if name not in roles:
        raise ModelUnavailable(f"{checkpoint.model} is a {name}, which neither captions nor embeds images.")
    return roles[name]


def read_config(checkpoint: Checkpoint) -> DualConfig:
    """Read a checkpoint's sizes. Raises ModelUnavailable."""
    return read_dual_config(checkpoint.config, family=family_of(checkpoint), model=checkpoint.model)


def read_preprocessing(checkpoint: Checkpoint, config: DualConfig) -> Preprocessing:
    """Read how a checkpoint wants its images. Raises ModelUnavailable where its parts do not fit each
    other."""
    preprocessing = Preprocessing.from_config(checkpoint.preprocessor, family=config.family)
    side = config.vision.image_size
    if (preprocessing.height, preprocessing.width) != (side, side):
        raise ModelUnavailable(
            f"The parts of {checkpoint.model} do not fit each other: its preprocessor makes images of "
            f"{preprocessing.height}x{preprocessing.width}, and its image tower takes {side}x{side}."
        )
    return preprocessing


def embedder_card(checkpoint: Checkpoint) -> EmbedderCard:
    """Read the checkpoint of an embedder of images or of clips.

    Raises ModelUnavailable where it is a captioner, or not supported.
    """
    if role_of(checkpoint) == "captioner":
        raise ModelUnavailable(
            f"{checkpoint.model} writes captions and embeds nothing: it cannot be an embedder."
        )
    config = read_config(checkpoint)
    preprocessing = read_preprocessing(checkpoint, config)
    space = EmbeddingSpace(
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=preprocessing.describe(),
        dim=config.dim,
    )
    return EmbedderCard(checkpoint, config, space, preprocessing, _token_rules(config))


def check_readable(checkpoint: Checkpoint) -> None:
    """Check everything but the weights, so that none are fetched in vain. Raises ModelUnavailable."""
    if is_florence(checkpoint):
        from vidsearch.models.florence import check_florence

        check_florence(checkpoint)
        return
    role_of(checkpoint)
    config = read_config(checkpoint)
    read_preprocessing(checkpoint, config)
    load_tokenizer(checkpoint, _token_rules(config), config)


def _token_rules(config: DualConfig) -> TokenRules:
    if config.family == "blip":
        return TokenRules(max_tokens=min(_BLIP_MAX_TOKENS, config.text.max_tokens), pad_to_max=False)
    return TokenRules(max_tokens=config.text.max_tokens, pad_to_max=config.family == "siglip")
