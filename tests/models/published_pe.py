"""PE-AV at its published sizes, of numbers that depend on their names alone (see `tests/tiny_pe.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from tests.models.published import trained_bytes, write_json
from tests.tiny_pe import numbers, pe_shapes

PE = {
    "facebook/pe-av-small-16-frame": (768, 2048, 6, 12),
    "facebook/pe-av-large-16-frame": (1792, 4800, 14, 28),
}
"""Widths of transformers and of their inner layers, heads, and layers of sound; there are 4 of clips."""
_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
_FIRST_SPECIAL, _VOCAB = 50_280, 50_368


def full_clip() -> np.ndarray:
    """A clip of 16 frames at the side that the model sees, so that nothing is scaled."""
    rng = np.random.default_rng(8)
    rows, columns = np.mgrid[:336, :336]
    frames = []
    for index in range(16):
        waves = [np.sin((rows + 5 * index) / (9 + 4 * i)) * np.cos(columns / (13 - i)) for i in range(3)]
        frames.append(128 + 100 * np.stack(waves, axis=-1) + rng.integers(-20, 21, (336, 336, 3)))
    return np.stack(frames).astype(np.uint8)


def save_pe(folder: Path, name: str) -> Path:
    """Save a published model's layout and sizes, without the parts that are not used, in three shards."""
    folder.mkdir(parents=True, exist_ok=True)
    _save_tokenizer(folder)
    write_json(folder / "config.json", _config(name))
    listens = {"feature_extractor_type": "PeAudioFeatureExtractor", "feature_size": 1, "hop_length": 1920}
    sees = {
        "do_convert_rgb": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "num_frames": 16,
        "resample": 2,
        "size": {"height": 336, "width": 336},
        "video_processor_type": "PeVideoVideoProcessor",
    }
    content = {"feature_extractor": {**listens, "sampling_rate": 48000}, "video_processor": sees}
    write_json(folder / "processor_config.json", content)
    where: dict[str, str] = {}
    for number, part in enumerate(pe_shapes(folder), start=1):
        shard = f"model-{number:05d}-of-00003.safetensors"
        save_file(
            {key: numbers(key, shape) for key, shape in part.items()},
            folder / shard,
            metadata={"format": "pt"},
        )
        where.update(dict.fromkeys(part, shard))
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})
    return folder


def _config(name: str) -> dict[str, Any]:
    width, inner, heads, sound_layers = PE[name]
    encoder = {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": 128,
        "hidden_act": "silu",
        "attention_bias": False,
        "max_position_embeddings": 10_000,
        "rms_norm_eps": 1e-05,
        "rope_parameters": {"rope_theta": 20000, "rope_type": "default"},
    }
    dac = {"model_type": "dac", "downsampling_ratios": [2, 8, 10, 12], "encoder_hidden_size": 64}
    vision = {
        "model_type": "timm_wrapper",
        "architecture": "vit_pe_core_large_patch14_336",
        "do_pooling": True,
        "global_pool": "map",
        "num_classes": 1024,
    }
    sound = {**encoder, "num_hidden_layers": sound_layers, "dac_config": {**dac, "codebook_dim": 128}}
    clip = {**encoder, "num_hidden_layers": 4, "vision_config": vision}
    text = {
        "model_type": "modernbert",
        "vocab_size": _VOCAB,
        "hidden_size": 1024,
        "intermediate_size": 2624,
        "num_hidden_layers": 22,
        "num_attention_heads": 16,
        "local_attention": 128,
        "norm_bias": False,
        **{f"{role}_token_id": _FIRST_SPECIAL + place for role, place in (("cls", 1), ("bos", 1))},
        **{
            f"{role}_token_id": _FIRST_SPECIAL + place for role, place in (("sep", 2), ("eos", 2), ("pad", 3))
        },
    }
    parts = {
        "audio_config": {"model_type": "pe_audio_encoder", **sound},
        "video_config": {"model_type": "pe_video_encoder", **clip},
    }
    both = {"model_type": "pe_audio_video_encoder", **encoder, "num_hidden_layers": 6, **parts}
    return {"model_type": "pe_audio_video", "audio_video_config": both, "text_config": text}


def _save_tokenizer(folder: Path) -> None:
    vocab, merges = trained_bytes(_FIRST_SPECIAL)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    unused = [f"[unused{number}]" for number in range(_VOCAB - _FIRST_SPECIAL - len(_SPECIAL))]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in (*_SPECIAL, *unused)])
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {f"{token.strip('[]').lower()}_token": token for token in _SPECIAL}
    write_json(
        folder / "tokenizer_config.json",
        {**named, "model_max_length": 8192, "tokenizer_class": "PreTrainedTokenizerFast"},
    )
