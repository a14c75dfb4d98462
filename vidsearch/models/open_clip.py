"""Checkpoints in the layout of open_clip: their configuration and weights in the terms of CLIP's published
layout.

Covers open_clip's own vision and text transformers (`open_clip_config.json` without a timm or Hugging Face
tower). Nothing here needs torch: weights are renamed and split by their own methods.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch

CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
)

_USED = {
    "image_size", "patch_size", "head_width", "width", "layers", "heads", "mlp_ratio", "context_length",
    "vocab_size",
}  # fmt: skip
_WITHOUT_EFFECT = re.compile(
    r"patch_dropout|output_tokens|pad_id|eos_id|attn_pooler_.*|hf_.*|tokenizer_.*|timm_.*"
)
"""Settings of training and tokenizers, and of towers that are ruled out by `timm_model_name` and
`hf_model_name`."""
_PLAIN = {"pool_type": ("tok", "argmax"), "proj_type": ("linear",), "pos_embed_type": ("learnable",)}


def clip_config(config: Mapping[str, Any], *, model: str) -> dict[str, Any]:
    """Return what the config.json of a CLIP model would say.

    Args:
        config: the content of `open_clip_config.json`.
        model: name for messages.

    Raises:
        ModelUnavailable: where the architecture is not a plain CLIP vision transformer.
    """
    parts, vision, text = _parts(config)
    if parts is None or vision is None or text is None:
        raise ModelUnavailable(f"The {CONFIG_FILE} of {model} does not describe a CLIP model.")
    other = _other_architecture(vision, text, parts)
    if other:
        raise ModelUnavailable(
            f"{model} is an open_clip model of another architecture than CLIP's vision transformer "
            f"({other}), which is not supported."
        )
    try:
        activation = "quick_gelu" if parts.get("quick_gelu") else "gelu"
        width, heads = int(text.get("width", 512)), int(text.get("heads", 8))
        return {
            "model_type": "clip",
            "projection_dim": int(parts["embed_dim"]),
            "vision_config": {
                "hidden_size": int(vision.get("width", 768)),
                "intermediate_size": int(vision.get("width", 768) * vision.get("mlp_ratio", 4.0)),
                "num_hidden_layers": int(vision.get("layers", 12)),
                "num_attention_heads": int(vision.get("width", 768)) // int(vision.get("head_width", 64)),
                "image_size": vision.get("image_size", 224),
                "patch_size": vision.get("patch_size", 16),
                "hidden_act": activation,
                "layer_norm_eps": 1e-5,
            },
            "text_config": {
                "vocab_size": int(text.get("vocab_size", 49408)),
                "hidden_size": width,
                "intermediate_size": int(width * text.get("mlp_ratio", 4.0)),
                "num_hidden_layers": int(text.get("layers", 12)),
                "num_attention_heads": heads,
                "max_position_embeddings": int(text.get("context_length", 77)),
                "hidden_act": activation,
                "layer_norm_eps": 1e-5,
                # open_clip pools where the token id is highest, which is the end token's.
                "eos_token_id": 2,
            },
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelUnavailable(f"The {CONFIG_FILE} of {model} cannot be read: {error!r}.") from error


def preprocessor_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the preprocessor_config.json of a CLIP model would say."""
    image = _object(config.get("preprocess_cfg")) or {}
    _, vision, _ = _parts(config)
    side = (vision or {}).get("image_size", 224)
    height, width = side if isinstance(side, list) and len(side) == 2 else (side, side)
    mode = image.get("resize_mode", "shortest")
    if mode not in ("shortest", "squash"):
        raise ModelUnavailable(f"Images resized by open_clip's mode {mode!r} are not supported.")
    is_squeezed = mode == "squash"
    return {
        "size": {"height": height, "width": width} if is_squeezed else {"shortest_edge": min(height, width)},
        "do_center_crop": not is_squeezed,
        "crop_size": {"height": height, "width": width},
        "crop_rounding": "nearest",  # torchvision's CenterCrop, which open_clip uses
        "resample": {"bicubic": 3, "bilinear": 2}.get(image.get("interpolation", "bicubic"), 3),
        **{
            f"image_{name}": image[name]
            for name in ("mean", "std")
            if isinstance(image.get(name), list) and len(image[name]) == 3
        },
    }


def _parts(
    config: Mapping[str, Any],
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Return the model's part of a configuration, and its towers'; None for what is not there."""
    parts = _object(config.get("model_cfg"))
    if parts is None:
        return None, None, None
    return parts, _object(parts.get("vision_cfg")), _object(parts.get("text_cfg"))


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def rename_weights(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give open_clip's weights the names and shapes that they have in CLIP's published layout.

    Raises KeyError where one is missing.
    """
    # A CustomTextCLIP keeps its text tower below a prefix.
    state = {re.sub(r"^text\.(?=\w+)", "", name): weight for name, weight in state.items()}
    renamed = {
        "logit_scale": state["logit_scale"].reshape(()),
        "text_projection.weight": state["text_projection"].T,
        "visual_projection.weight": state["visual.proj"].T,
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
    }
    norms = {
        "ln_final": "text_model.final_layer_norm",
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
    }
    for name, weight in state.items():
        whole, _, kind = name.rpartition(".")
        if whole in norms:
            renamed[f"{norms[whole]}.{kind}"] = weight
        layer = re.fullmatch(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)", name)
        if layer is not None:
            prefix = f"{'vision' if layer[1] else 'text'}_model.encoder.layers.{layer[2]}."
            for part, value in _layer_weights(layer[3], weight):
                renamed[prefix + part] = value
    return renamed


_LAYER_PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def _layer_weights(name: str, weight: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    joint = re.fullmatch(r"attn\.in_proj_(weight|bias)", name)
    if joint is not None:
        parts = zip("qkv", weight.chunk(3), strict=True)
        return [(f"self_attn.{letter}_proj.{joint[1]}", part) for letter, part in parts]
    whole, _, kind = name.rpartition(".")
    return [(f"{_LAYER_PARTS[whole]}.{kind}", weight)] if whole in _LAYER_PARTS else []


def _other_architecture(
    vision: Mapping[str, Any], text: Mapping[str, Any], parts: Mapping[str, Any]
) -> str | None:
    """Return what makes a model other than plain CLIP, in words, or None."""
    if vision.get("timm_model_name"):
        return f"timm's {vision['timm_model_name']}"
    if text.get("hf_model_name"):
        return f"the text model {text['hf_model_name']}"
    if isinstance(vision.get("layers"), list):
        return "a residual network"
    for name, value in (*vision.items(), *text.items()):
        is_plain = (
            not value or name in _USED or value in _PLAIN.get(name, ()) or _WITHOUT_EFFECT.fullmatch(name)
        )
        if not is_plain:
            return f"{name} {value}"
    if parts.get("multimodal_cfg"):
        return "a captioning decoder"
    return None
