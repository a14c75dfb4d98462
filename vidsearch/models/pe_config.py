"""What a PE-AV checkpoint is (Vyas et al. 2025, arXiv:2512.19687), by its JSON files. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ModelUnavailable
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import read_tokenizer
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.weights import Checkpoint

MODEL_TYPES = ("pe_audio_video", "pe_video")
MAX_TOKENS = 512
"""Its authors cut texts here (facebookresearch/perception_models, `audio_visual_encoder/transforms.py`)."""
NUM_FRAMES = 16
WINDOW_SECONDS = 8.0
"""The checkpoints of a fixed number of frames take 16 of each video. Two a second show most actions whole.
Sound is cut alike, so that what is seen and what is heard lie side by side."""

_LARGEST = 1 << 20
_TEXT = {
    "model_type": "modernbert",
    "vocab_size": 50368,
    "hidden_size": 1024,
    "intermediate_size": 2624,
    "num_hidden_layers": 22,
    "num_attention_heads": 16,
    "max_position_embeddings": 8192,
    "pad_token_id": 50283,
}
"""What published configurations leave out."""


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """An image tower of Perception Encoder (Bolya et al. 2025, arXiv:2504.13181), as timm builds it."""

    patch_size: int
    width: int
    num_layers: int
    num_heads: int
    image_size: int
    mlp_ratio: float = 4.0
    has_class_token: bool = True
    num_pool_heads: int = 8
    first_place: float = 1.0
    """Of the rows and columns of patches, as rotary positions count them."""
    trained_grid: int = 24
    """Patches along a side that rotary positions are scaled to."""


TOWERS = {
    "vit_pe_core_tiny_patch16_384": TowerConfig(16, 192, 12, 3, 384),
    "vit_pe_core_small_patch16_384": TowerConfig(16, 384, 12, 6, 384),
    "vit_pe_core_base_patch16_224": TowerConfig(16, 768, 12, 12, 224, trained_grid=14),
    "vit_pe_core_large_patch14_336": TowerConfig(14, 1024, 24, 16, 336),
    "vit_pe_core_gigantic_patch14_448": TowerConfig(
        14, 1536, 50, 16, 448, mlp_ratio=8960 / 1536, has_class_token=False, first_place=0.0, trained_grid=32
    ),
}
"""By timm's names."""
_TIMM_NAMES = {
    "patch_size": "patch_size",
    "embed_dim": "width",
    "depth": "num_layers",
    "num_heads": "num_heads",
    "img_size": "image_size",
    "attn_pool_num_heads": "num_pool_heads",
}


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """The encoder of a codec of sound."""

    first_width: int
    strides: tuple[int, ...]
    dim: int

    @property
    def width(self) -> int:
        return self.first_width << len(self.strides)

    @property
    def hop(self) -> int:
        """Samples that become one moment."""
        return math.prod(self.strides)


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """A transformer over the frames of a clip, or the moments of a sound."""

    width: int
    mlp_width: int
    num_layers: int
    num_heads: int
    num_key_heads: int
    head_width: int
    rms_norm_eps: float
    rope_theta: float


@dataclass(frozen=True, slots=True)
class PeConfig:
    """What there is in a checkpoint."""

    dim: int
    """Of the space that video, sound and text share."""
    tower: TowerConfig
    num_features: int
    """Of a frame, between the tower and the encoder."""
    video: EncoderConfig
    text: Mapping[str, Any]
    """transformers' configuration of a ModernBERT."""
    sound: EncoderConfig | None = None
    codec: CodecConfig | None = None
    """Of checkpoints that hear."""


def read_pe_config(checkpoint: Checkpoint) -> PeConfig:
    """Read a config.json. Raises ModelUnavailable, naming what is wrong."""
    config = checkpoint.config
    try:
        part = config.get("audio_video_config", config)
        text = {**_TEXT, **config["text_config"]}
        video, sound = part["video_config"], part.get("audio_config")
        _check_text(text)
        return PeConfig(
            dim=_count(text, "hidden_size"),
            tower=_tower(video["vision_config"]),
            num_features=_count(video["vision_config"], "num_classes", 1024),
            video=_encoder(video),
            text=text,
            sound=None if sound is None else _encoder(sound),
            codec=None if sound is None else _codec(sound.get("dac_config") or {}),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelUnavailable(
            f"The config.json of {checkpoint.model} cannot be used: {error!s:.300}."
        ) from error


def _check_text(text: Mapping[str, Any]) -> None:
    if text["model_type"] != "modernbert":
        raise ValueError(f"its texts are read by {str(text['model_type'])[:60]!r}, not by modernbert")
    highest = _count(text, "vocab_size") - 1
    _count(text, "max_position_embeddings")
    pad_id = text["pad_token_id"]
    if not isinstance(pad_id, int) or not 0 <= pad_id <= highest:
        raise ValueError(f"pad_token_id is {str(pad_id)[:60]!r}, not a token of the vocabulary")


def _tower(vision: Mapping[str, Any]) -> TowerConfig:
    name = vision["architecture"]
    if name not in TOWERS:
        raise ValueError(f"its image tower is {str(name)[:60]!r}, not one of {', '.join(TOWERS)}")
    given = vision.get("model_args") or {}
    unknown = sorted(set(given) - set(_TIMM_NAMES))
    if unknown:
        raise ValueError(f"its image tower has an unknown {unknown[0][:60]!r}")
    sizes: dict[str, Any] = {_TIMM_NAMES[key]: _count(given, key) for key in given}
    return replace(TOWERS[name], **sizes)


def _codec(values: Mapping[str, Any]) -> CodecConfig:
    strides = values.get("downsampling_ratios", [2, 8, 10, 12])
    if not isinstance(strides, list) or not 0 < len(strides) <= 8:
        raise ValueError(f"its codec's downsampling_ratios are {str(strides)[:60]}")
    return CodecConfig(
        first_width=_count(values, "encoder_hidden_size", 64),
        strides=tuple(_count({"downsampling_ratios": each}, "downsampling_ratios") for each in strides),
        dim=_count(values, "codebook_dim", 128),
    )


def _encoder(values: Mapping[str, Any]) -> EncoderConfig:
    if values.get("hidden_act", "silu") != "silu" or values.get("attention_bias"):
        raise ValueError("its encoder of frames has another activation, or biases")
    rope = values.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"its rotary positions are {str(rope['rope_type'])[:60]!r}")
    num_heads = _count(values, "num_attention_heads", 14)
    return EncoderConfig(
        width=_count(values, "hidden_size", 1792),
        mlp_width=_count(values, "intermediate_size", 4800),
        num_layers=_count(values, "num_hidden_layers", 6),
        num_heads=num_heads,
        num_key_heads=_count(values, "num_key_value_heads", num_heads),
        head_width=_count(values, "head_dim", 128),
        rms_norm_eps=float(values.get("rms_norm_eps", 1e-5)),
        rope_theta=float(rope.get("rope_theta", 20_000)),
    )


def _count(values: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = values.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST:
        raise ValueError(f"{name} is {str(value)[:60]!r}, not a number from 1 to {_LARGEST}")
    return value


def pe_preprocessing(checkpoint: Checkpoint, config: PeConfig) -> Preprocessing:
    """Read how frames are prepared. Raises ModelUnavailable where that does not fit the image tower."""
    settings = {"resample": 2, **_processor(checkpoint, "video_processor", "video_preprocessor_config.json")}
    preprocessing = Preprocessing.from_config(settings, family="siglip")
    side = config.tower.image_size
    if (preprocessing.height, preprocessing.width) != (side, side):
        raise ModelUnavailable(
            f"The parts of {checkpoint.model} do not fit each other: its frames are prepared at "
            f"{preprocessing.height}x{preprocessing.width}, and its image tower takes {side}x{side}."
        )
    return preprocessing


def pe_sample_rate(checkpoint: Checkpoint) -> int:
    """Samples a second that a checkpoint hears. Raises ModelUnavailable."""
    settings = _processor(checkpoint, "feature_extractor", "preprocessor_config.json")
    rate = settings.get("sampling_rate", 48_000)
    if not isinstance(rate, int) or not 0 < rate <= 192_000 or settings.get("feature_size", 1) != 1:
        raise ModelUnavailable(f"The sound that {checkpoint.model} hears is not said: {str(rate)[:60]!r}.")
    return rate


def _processor(checkpoint: Checkpoint, part: str, older: str) -> Mapping[str, Any]:
    """A part of processor_config.json, or the file that held it before transformers 5."""
    name = "processor_config.json"
    if (checkpoint.folder / name).is_file():
        found = checkpoint.read_json(name).get(part)
        if isinstance(found, Mapping):
            return found
    return checkpoint.read_json(older)


def pe_tokenizer(checkpoint: Checkpoint, config: PeConfig) -> Tokenizer:
    """Read a checkpoint's tokenizer, set to cut and pad. Raises ModelUnavailable."""
    tokenizer = read_tokenizer(checkpoint.folder)
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if highest >= config.text["vocab_size"]:
        raise ModelUnavailable(
            f"The tokenizer in {checkpoint.folder} is another model's: it has a token {highest}."
        )
    pad_id = config.text["pad_token_id"]
    tokenizer.enable_truncation(min(MAX_TOKENS, config.text["max_position_embeddings"]))
    tokenizer.enable_padding(pad_id=pad_id, pad_token=tokenizer.id_to_token(pad_id) or "[PAD]")
    return tokenizer


def check_pe(checkpoint: Checkpoint) -> None:
    """Check everything but the weights. Raises ModelUnavailable."""
    config = read_pe_config(checkpoint)
    pe_tokenizer(checkpoint, config)
    pe_preprocessing(checkpoint, config)
    if config.sound is not None:
        pe_sample_rate(checkpoint)


def pe_space(checkpoint: Checkpoint, *, sounds: bool) -> EmbeddingSpace:
    """The space of a checkpoint's clips, or of its sounds.

    They are one space, but a text has a vector of its own for each. Raises ModelUnavailable.
    """
    config = read_pe_config(checkpoint)
    if sounds and config.sound is None:
        raise ModelUnavailable(
            f"{checkpoint.model} hears nothing: it was made of videos without their sound."
        )
    prepared = (
        f"sound {pe_sample_rate(checkpoint)}" if sounds else pe_preprocessing(checkpoint, config).describe()
    )
    return EmbeddingSpace(
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=prepared,
        dim=config.dim,
        kind="sound" if sounds else "clip",
    )
