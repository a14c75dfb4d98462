"""What a checkpoint is, read from its JSON files alone: family, role, sizes, vector space, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.errors import ModelUnavailable
from vidsearch.models.configs import DualConfig, Family, read_dual_config
from vidsearch.models.known import FAMILIES
from vidsearch.models.pe_config import MODEL_TYPES as PE_MODEL_TYPES
from vidsearch.models.pe_config import check_pe, pe_space, read_pe_config
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import TokenRules, load_tokenizer, read_tokenizer
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.models.weights import Checkpoint
    from vidsearch.tracks import TrackKind

Role: TypeAlias = Literal[
    "embedder",
    "captioner",
    "video embedder",
    "sound embedder",
    "video and sound embedder",
    "describer",
    "transcriber",
]

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
CLAP = "clap"
SMOLVLM = "smolvlm"
QWEN_VL = "qwen3_vl"
"""The `model_type`s of models that are none of the families."""


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
        f"{checkpoint.model} is a {str(model_type)[:60]!r} model. Supported are {FAMILIES} in the layout of "
        "the transformers library, open_clip's vision transformers, and Whisper in CTranslate2's layout."
    )


def is_florence(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a Florence-2."""
    return checkpoint.config.get("model_type") == FLORENCE


def is_clap(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a CLAP."""
    return checkpoint.config.get("model_type") == CLAP


def is_qwen_vl(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a Qwen3-VL."""
    return checkpoint.config.get("model_type") == QWEN_VL


def is_pe(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a PE-AV."""
    return checkpoint.config.get("model_type") in PE_MODEL_TYPES


def is_smolvlm(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a SmolVLM2."""
    return checkpoint.config.get("model_type") == SMOLVLM


def is_whisper(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint is a Whisper in CTranslate2's layout."""
    return "alignment_heads" in checkpoint.config


def role_of(checkpoint: Checkpoint) -> Role:
    """Return what a checkpoint is for. Raises ModelUnavailable for BLIP models for other tasks."""
    if is_whisper(checkpoint):
        return "transcriber"
    if is_florence(checkpoint):
        return "captioner"
    if is_clap(checkpoint):
        return "sound embedder"
    if is_smolvlm(checkpoint) or is_qwen_vl(checkpoint):
        return "describer"
    if is_pe(checkpoint):
        return "video and sound embedder" if read_pe_config(checkpoint).sound else "video embedder"
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
    role = role_of(checkpoint)
    if role in ("captioner", "describer"):
        raise ModelUnavailable(
            f"{checkpoint.model} writes captions and embeds nothing: it cannot be an embedder."
        )
    if role == "sound embedder":
        raise ModelUnavailable(f"{checkpoint.model} embeds sounds, not pictures: --sounds listens by it.")
    if is_pe(checkpoint):
        raise ModelUnavailable(f"{checkpoint.model} embeds clips of several frames, not single images.")
    config = read_config(checkpoint)
    preprocessing = read_preprocessing(checkpoint, config)
    space = EmbeddingSpace(
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=preprocessing.describe(),
        dim=config.dim,
        kind="clip" if config.family == "xclip" else "frames",
    )
    return EmbedderCard(checkpoint, config, space, preprocessing, _token_rules(config))


def space_of(checkpoint: Checkpoint, kind: TrackKind | None = None) -> EmbeddingSpace:
    """The space of an embedder's vectors, of images, clips or sounds. Raises ModelUnavailable.

    `kind` tells sounds ("sound") from clips where a checkpoint embeds both.
    """
    if is_pe(checkpoint):
        return pe_space(checkpoint, sounds=kind == "sound")
    return clap_space(checkpoint) if is_clap(checkpoint) else embedder_card(checkpoint).space


def clap_space(checkpoint: Checkpoint) -> EmbeddingSpace:
    """The space of a CLAP's vectors. Raises ModelUnavailable."""
    check_clap(checkpoint)
    settings = checkpoint.preprocessor
    named = ("sampling_rate", "max_length_s", "fft_window_size", "hop_length", "truncation", "padding")
    return EmbeddingSpace(
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=", ".join(f"{name} {settings.get(name)}" for name in named),
        dim=int(checkpoint.config.get("projection_dim", 512)),
        kind="sound",
    )


def check_clap(checkpoint: Checkpoint) -> None:
    """Check all of a CLAP but its weights. Raises ModelUnavailable, naming what is wrong."""
    config, settings = checkpoint.config, checkpoint.preprocessor
    parts = ("text_config", "audio_config")
    wrong = [f"the config.json has no {part}" for part in parts if not isinstance(config.get(part), dict)]
    dim = config.get("projection_dim", 512)
    if not isinstance(dim, int) or not 0 < dim < 2**16:
        wrong.append(f"projection_dim is {str(dim)[:60]!r}")
    if config.get("projection_hidden_act", "relu") != "relu":
        wrong.append(f"projection_hidden_act is {str(config['projection_hidden_act'])[:60]!r}, not 'relu'")
    for name, highest in (("sampling_rate", 192_000), ("max_length_s", 60)):
        value = settings.get(name)
        if not isinstance(value, int) or not 0 < value <= highest:
            wrong.append(f"the preprocessor's {name} is {str(value)[:60]!r}")
    if not (checkpoint.folder / "tokenizer.json").is_file():
        wrong.append("there is no tokenizer.json")
    if wrong:
        raise ModelUnavailable(f"{checkpoint.model} cannot be used as a CLAP: {'; '.join(wrong)}.")
    read_tokenizer(checkpoint.folder)


def check_readable(checkpoint: Checkpoint) -> None:
    """Check everything but the weights, so that none are fetched in vain. Raises ModelUnavailable."""
    if is_florence(checkpoint):
        from vidsearch.models.florence import check_florence

        check_florence(checkpoint)
        return
    if is_clap(checkpoint):
        check_clap(checkpoint)
        return
    if is_pe(checkpoint):
        check_pe(checkpoint)
        return
    if is_smolvlm(checkpoint):
        from vidsearch.models.smolvlm import check_smolvlm

        check_smolvlm(checkpoint)
        return
    if is_qwen_vl(checkpoint):
        from vidsearch.models.qwen_vl import check_qwen_vl

        check_qwen_vl(checkpoint)
        return
    if role_of(checkpoint) == "transcriber":
        return
    config = read_config(checkpoint)
    read_preprocessing(checkpoint, config)
    load_tokenizer(checkpoint, _token_rules(config), config)


def _token_rules(config: DualConfig) -> TokenRules:
    if config.family == "blip":
        return TokenRules(max_tokens=min(_BLIP_MAX_TOKENS, config.text.max_tokens), pad_to_max=False)
    return TokenRules(max_tokens=config.text.max_tokens, pad_to_max=config.family == "siglip")
