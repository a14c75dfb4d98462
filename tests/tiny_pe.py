"""A tiny PE-AV checkpoint in the published layout, made without timm, which transformers' own class needs.

Its weights are numbers that depend on their names alone, so that what transformers made of them once, in
`tests/models/recorded`, can be compared with what the program makes of them (`tests/models/record.py`).
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers.models.modernbert.configuration_modernbert import ModernBertConfig

from vidsearch.models.modernbert import ModernBertText
from vidsearch.models.pe_config import read_pe_config
from vidsearch.models.pe_model import PeVideo
from vidsearch.models.pe_sound_model import PeSound
from vidsearch.models.weights import Checkpoint

_ENCODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "hidden_act": "silu",
    "attention_bias": False,
    "rms_norm_eps": 1e-05,
    "rope_parameters": {"rope_theta": 20000, "rope_type": "default"},
}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def save_tiny_pe(folder: Path) -> Path:
    """Save a PE-AV: clips of 16 frames of 42 pixels, sounds at 48 kHz, 24 dimensions."""
    folder.mkdir(parents=True, exist_ok=True)
    vocab_size = _save_tokenizer(folder)
    _write_json(folder / "config.json", _config(vocab_size))
    _write_json(
        folder / "processor_config.json",
        {
            "feature_extractor": {
                "feature_extractor_type": "PeAudioFeatureExtractor",
                "feature_size": 1,
                "hop_length": 1920,
                "padding_side": "right",
                "padding_value": 0.0,
                "return_attention_mask": True,
                "sampling_rate": 48000,
            },
            "processor_class": "PeAudioVideoProcessor",
            "video_processor": {
                "do_convert_rgb": True,
                "do_normalize": True,
                "do_rescale": True,
                "do_resize": True,
                "do_sample_frames": True,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "num_frames": 16,
                "resample": 2,
                "rescale_factor": 0.00392156862745098,
                "size": {"height": 42, "width": 42},
                "video_processor_type": "PeVideoVideoProcessor",
            },
        },
    )
    weights = {name: numbers(name, shape) for part in pe_shapes(folder) for name, shape in part.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _config(vocab_size: int) -> dict[str, Any]:
    dac = {
        "model_type": "dac",
        "encoder_hidden_size": 4,
        "downsampling_ratios": [2, 8, 10, 12],
        "codebook_dim": 8,
        "sampling_rate": 48000,
    }
    vision = {
        "model_type": "timm_wrapper",
        "architecture": "vit_pe_core_large_patch14_336",
        "do_pooling": True,
        "global_pool": "map",
        "initializer_range": 0.02,
        "label_names": [f"LABEL_{number}" for number in range(20)],
        "model_args": {
            "attn_pool_num_heads": 4,
            "depth": 2,
            "embed_dim": 32,
            "img_size": 42,
            "num_heads": 2,
        },
        "num_classes": 20,
    }
    return {
        "architectures": ["PeAudioVideoModel"],
        "model_type": "pe_audio_video",
        "audio_video_config": {
            "model_type": "pe_audio_video_encoder",
            **_ENCODER,
            "audio_config": {"model_type": "pe_audio_encoder", **_ENCODER, "dac_config": dac},
            "video_config": {"model_type": "pe_video_encoder", **_ENCODER, "vision_config": vision},
        },
        "text_config": {
            "model_type": "modernbert",
            "hidden_size": 24,
            "intermediate_size": 40,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "vocab_size": vocab_size,
            "max_position_embeddings": 512,
            "local_attention": 8,
            "pad_token_id": 0,
            "cls_token_id": 2,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "sep_token_id": 3,
        },
    }


def _save_tokenizer(folder: Path) -> int:
    """Save a tokenizer of bytes that begins and ends texts as ModernBERT's does. Returns its size."""
    vocab = {name: index for index, name in enumerate(_SPECIAL)}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocab[letter] = len(vocab)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in _SPECIAL])
    ends = [(name, vocab[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"cls": "[CLS]", "mask": "[MASK]", "pad": "[PAD]", "sep": "[SEP]", "unk": "[UNK]"}
    settings = {f"{key}_token": token for key, token in named.items()}
    _write_json(
        folder / "tokenizer_config.json",
        {**settings, "model_max_length": 512, "tokenizer_class": "PreTrainedTokenizerFast"},
    )
    return len(vocab)


def pe_shapes(folder: Path) -> list[dict[str, tuple[int, ...]]]:
    """The weights of a checkpoint by its configuration: of texts, of clips, and of sounds."""
    config = read_pe_config(Checkpoint("pe", folder))
    with torch.device("meta"):
        text = ModernBertText(ModernBertConfig(**config.text), config.dim).state_dict()
        parts = {"video_model.": PeVideo(config).state_dict(), "audio_model.": PeSound(config).state_dict()}
    heads = {"video_model.": "text_video_", "audio_model.": "text_audio_"}
    shared = {name: tuple(weight.shape) for name, weight in text.items() if name.startswith("text_model.")}
    made = [shared]
    for part, weights in parts.items():
        own = {f"{part}{name}": tuple(weight.shape) for name, weight in weights.items()}
        for name, weight in text.items():
            if name.startswith("head."):
                own[f"{part}{heads[part]}{name}"] = tuple(weight.shape)
        made.append(own)
    return made


def numbers(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Numbers that depend on a name alone: about one for scales; what goes through keeps its size."""
    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    is_scale = name.endswith("alpha") or ("norm" in name and name.endswith("weight"))
    if is_scale:
        values = 1 + 0.1 * values
    elif len(shape) > 1 and not name.endswith(("cls_token", "class_embedding", "pos_embed", "latent")):
        values = 1.5 * values / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
