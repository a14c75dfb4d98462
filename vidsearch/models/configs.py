"""The sizes of a model's towers, read from a checkpoint's config.json. Needs no torch.

Published configurations leave out what equals the defaults of `transformers`; those defaults are filled in
here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vidsearch.errors import ModelUnavailable

Family: TypeAlias = Literal["clip", "siglip", "blip", "xclip"]

ACTIVATION_NAMES = ("gelu", "quick_gelu", "gelu_pytorch_tanh", "gelu_new")

_LARGEST = 1 << 24
"""No size in a configuration is larger: a greater number is a mistake, and would ask for all memory."""

_WRONG_END_TOKEN = 2

_VISION_DEFAULTS: dict[Family, dict[str, Any]] = {
    "clip": {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "image_size": 224, "patch_size": 32},
    "siglip": {
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
        "image_size": 224,
        "patch_size": 16,
    },
    "blip": {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "image_size": 384, "patch_size": 16},
    "xclip": {
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        "image_size": 224,
        "patch_size": 32,
        "num_frames": 8,
        "mit_hidden_size": 512,
        "mit_intermediate_size": 2048,
        "mit_num_hidden_layers": 1,
        "mit_num_attention_heads": 8,
    },
}
_VISION_SIZES = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
_CLIP_TEXT = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": 49407,
}
_TEXT_DEFAULTS: dict[Family, dict[str, Any]] = {
    "clip": _CLIP_TEXT,
    "xclip": {**_CLIP_TEXT, "eos_token_id": _WRONG_END_TOKEN},
    "siglip": {
        **_VISION_SIZES,
        "vocab_size": 32000,
        "max_position_embeddings": 64,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
        "eos_token_id": 1,
    },
    "blip": {
        **_VISION_SIZES,
        "vocab_size": 30524,
        "num_attention_heads": 8,
        "max_position_embeddings": 512,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "eos_token_id": 2,
        "bos_token_id": 30522,
        "sep_token_id": 102,
        "pad_token_id": 0,
    },
}


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """The shape of a stack of transformer layers."""

    width: int
    mlp_width: int
    num_layers: int
    num_heads: int
    activation: str
    """One of ACTIVATION_NAMES."""
    layer_norm_eps: float


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """An image tower."""

    transformer: TransformerConfig
    image_size: int
    """Side of the square input in pixels."""
    patch_size: int

    @property
    def num_patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True, slots=True)
class TextConfig:
    """A text tower."""

    transformer: TransformerConfig
    vocab_size: int
    max_tokens: int
    end_token_id: int
    """CLIP: where a text is pooled."""
    pools_highest_id: bool
    """CLIP's first published configurations name a wrong end token, 2. Those models pool at the highest token
    id, which is the true end token's."""
    start_token_id: int
    """BLIP's decoder: what every caption begins with. 0 in other families."""
    separator_token_id: int
    """BLIP's decoder: what every caption ends with. 0 in other families."""


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """What X-CLIP has beyond CLIP: how it reads several frames."""

    num_frames: int
    integration: TransformerConfig
    """Of the transformer over the frames' vectors."""


@dataclass(frozen=True, slots=True)
class DualConfig:
    """A model with an image and a text tower."""

    family: Family
    vision: VisionConfig
    text: TextConfig
    dim: int
    """Of the space that both towers share."""
    clip: ClipConfig | None = None
    """Of models that look at several frames at once."""


def read_dual_config(config: Mapping[str, Any], *, family: Family, model: str) -> DualConfig:
    """Read a config.json.

    Args:
        config: the file's content.
        family: which defaults hold.
        model: name for messages.

    Raises:
        ModelUnavailable: where a value is not what it must be, naming it.
    """
    try:
        vision = _section(config, "vision_config")
        text = _section(config, "text_config")
        return DualConfig(
            family=family,
            vision=_vision(vision, family),
            text=_text(text, family, pools_highest_id=config.get("model_type") in ("clip", "xclip")),
            dim=_dim(config, text, family),
            clip=_clip(vision) if family == "xclip" else None,
        )
    except ValueError as error:
        raise ModelUnavailable(f"The config.json of {model} cannot be used: {error}.") from error


def _section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a configuration. CLIP's oldest repeat a part as `..._dict`, which then counts."""
    part: dict[str, Any] = {}
    for key in (name, f"{name}_dict"):
        value = config.get(key)
        if value is None:
            continue
        if not isinstance(value, Mapping):
            raise ValueError(f"{key} is not an object")  # noqa: TRY004
        part.update(value)
    return part


def _vision(part: Mapping[str, Any], family: Family) -> VisionConfig:
    values = {**_VISION_SIZES, **_VISION_DEFAULTS[family], **_without_nulls(part)}
    if values.get("num_channels", 3) != 3:
        raise ValueError(f"num_channels is {values['num_channels']}: images have 3")
    vision = VisionConfig(
        transformer=_transformer(values),
        image_size=_side(values, "image_size"),
        patch_size=_side(values, "patch_size"),
    )
    if vision.patch_size > vision.image_size:
        raise ValueError(f"patch_size is {vision.patch_size}, larger than image_size, {vision.image_size}")
    return vision


def _clip(part: Mapping[str, Any]) -> ClipConfig:
    values = {**_VISION_DEFAULTS["xclip"], **_without_nulls(part)}
    own = {name.removeprefix("mit_"): value for name, value in values.items() if name.startswith("mit_")}
    return ClipConfig(_count(values, "num_frames"), _transformer({**values, **own}))


def _text(part: Mapping[str, Any], family: Family, *, pools_highest_id: bool) -> TextConfig:
    values = {**_TEXT_DEFAULTS[family], **_without_nulls(part)}
    end = values["eos_token_id"]
    end = end[0] if isinstance(end, list) and end else end
    return TextConfig(
        transformer=_transformer(values),
        vocab_size=_count(values, "vocab_size"),
        max_tokens=_count(values, "max_position_embeddings"),
        end_token_id=_count({"eos_token_id": end}, "eos_token_id"),
        pools_highest_id=pools_highest_id and end == _WRONG_END_TOKEN,
        start_token_id=_token(values, "bos_token_id") if family == "blip" else 0,
        separator_token_id=_token(values, "sep_token_id") if family == "blip" else 0,
    )


def _dim(config: Mapping[str, Any], text: Mapping[str, Any], family: Family) -> int:
    if family in ("clip", "xclip"):
        return _count({"projection_dim": config.get("projection_dim") or 512}, "projection_dim")
    if family == "blip":
        size = config.get("image_text_hidden_size") or 256
        return _count({"image_text_hidden_size": size}, "image_text_hidden_size")
    size = text.get("projection_size") or text.get("hidden_size") or _TEXT_DEFAULTS["siglip"]["hidden_size"]
    return _count({"projection_size": size}, "projection_size")


def _transformer(values: Mapping[str, Any]) -> TransformerConfig:
    activation = values["hidden_act"]
    if activation not in ACTIVATION_NAMES:
        raise ValueError(f"hidden_act is {activation!r}, not one of {', '.join(ACTIVATION_NAMES)}")
    epsilon = values["layer_norm_eps"]
    if not isinstance(epsilon, int | float) or not 0 < epsilon < 1:
        raise ValueError(f"layer_norm_eps is {epsilon!r}, not a small number")
    transformer = TransformerConfig(
        width=_count(values, "hidden_size"),
        mlp_width=_count(values, "intermediate_size"),
        num_layers=_count(values, "num_hidden_layers"),
        num_heads=_count(values, "num_attention_heads"),
        activation=activation,
        layer_norm_eps=float(epsilon),
    )
    if transformer.width % transformer.num_heads:
        raise ValueError(
            f"hidden_size is {transformer.width}, which {transformer.num_heads} attention heads do not divide"
        )
    return transformer


def _side(values: Mapping[str, Any], name: str) -> int:
    """Read a length that is one number, or the same number twice."""
    value = values[name]
    if isinstance(value, list) and len(value) == 2 and value[0] == value[1]:
        value = value[0]
    return _count({name: value}, name)


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST:
        raise ValueError(f"{name} is {str(value)[:60]!r}, not a number from 1 to {_LARGEST}")
    return value


def _token(values: Mapping[str, Any], name: str) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _count(values, "vocab_size"):
        raise ValueError(f"{name} is {str(value)[:60]!r}, not a token of the vocabulary")
    return value


def _without_nulls(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if value is not None}
