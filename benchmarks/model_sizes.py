"""Processor seconds for a picture, a window or a text, for models at their published sizes.

    python benchmarks/model_sizes.py [NAME ...] [--runs 2] [--json FILE]

Random weights in fp32 on one thread, so that it runs without the weights; the work is the same. One model is
in memory at a time: `clip-h` takes 4 GB, `qwen3-vl-2b` 9. Processor time of the best run, all else on the
machine left out as far as the operating system counts it so.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidsearch.models.clip_model import ClipModel, SiglipModel
from vidsearch.models.configs import read_dual_config
from vidsearch.models.device import Device
from vidsearch.models.pe_config import NUM_FRAMES, EncoderConfig, PeConfig, TowerConfig
from vidsearch.models.pe_model import PeVideo
from vidsearch.models.random_weights import random_captioner
from vidsearch.models.xclip_model import XClipModel

_BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24}
_HUGE = {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16, "num_hidden_layers": 32}

_NUM_WORDS = 16
_QWEN_VIDEO = 151_656


def _clip(vision: dict[str, Any], text: dict[str, Any], dim: int) -> Callable[[], object]:
    config = read_dual_config(
        {"vision_config": vision, "text_config": text, "projection_dim": dim}, family="clip", model="clip"
    )
    model = ClipModel(config).eval()
    pixels = torch.rand(1, 3, config.vision.image_size, config.vision.image_size)
    return lambda: model.image_features(pixels)


def _siglip(vision: dict[str, Any], vocab_size: int) -> Callable[[], object]:
    sizes = {key: value for key, value in vision.items() if key in _BASE}
    config = read_dual_config(
        {"vision_config": vision, "text_config": {**sizes, "vocab_size": vocab_size}},
        family="siglip",
        model="siglip",
    )
    model = SiglipModel(config).eval()
    pixels = torch.rand(1, 3, config.vision.image_size, config.vision.image_size)
    return lambda: model.image_features(pixels)


def _xclip() -> Callable[[], object]:
    config = read_dual_config(
        {"vision_config": _BASE, "text_config": {}, "projection_dim": 512}, family="xclip", model="xclip"
    )
    model = XClipModel(config).eval()
    pixels = torch.rand(1, 8, 3, 224, 224)
    return lambda: model.clip_features(pixels)


def _pe_video() -> Callable[[], object]:
    tower = TowerConfig(patch_size=14, width=1024, num_layers=24, num_heads=16, image_size=336)
    frames = EncoderConfig(1792, 4800, 4, 14, 14, 128, 1e-5, 20_000.0)
    config = PeConfig(dim=1024, tower=tower, num_features=1024, video=frames, text={})
    model = PeVideo(config).eval()
    pixels = torch.rand(1, NUM_FRAMES, 3, 336, 336)
    return lambda: model.clip_features(pixels)


def _clap() -> Callable[[], object]:
    from transformers import ClapConfig, ClapModel

    model: Any = ClapModel(ClapConfig()).eval()
    mel = torch.rand(1, 1, 1001, 64)
    return lambda: model.get_audio_features(input_features=mel)


def _smolvlm() -> Callable[[], object]:
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    config = SmolVLMConfig(
        text_config={
            "model_type": "llama",
            "hidden_size": 960,
            "intermediate_size": 2560,
            "num_hidden_layers": 32,
            "num_attention_heads": 15,
            "num_key_value_heads": 5,
            "head_dim": 64,
            "vocab_size": 49280,
            "max_position_embeddings": 8192,
            "pad_token_id": 2,
        },
        vision_config={**_BASE, "image_size": 512, "patch_size": 16},
        scale_factor=4,
        image_token_id=49190,
        pad_token_id=2,
    )
    model: Any = SmolVLMForConditionalGeneration(config).eval()
    num_frames = 4
    ids = torch.tensor([[49190] * 64 * num_frames + [5] * 64])
    pixels = torch.rand(1, num_frames, 3, 512, 512)
    return lambda: model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=pixels,
        max_new_tokens=_NUM_WORDS,
        min_new_tokens=_NUM_WORDS,
        do_sample=False,
    )


def _blip(name: str) -> Callable[[], object]:
    captioner = random_captioner(name, device=Device("cpu", "fp32"), batch_size=1, num_beams=1)
    image = np.random.default_rng(0).integers(0, 256, (384, 384, 3), dtype=np.uint8)
    return lambda: captioner.captions([image])


def _florence(width: int, text: dict[str, Any], vision: dict[str, Any]) -> Callable[[], object]:
    from transformers import Florence2Config, Florence2ForConditionalGeneration

    config = Florence2Config(
        text_config={"model_type": "bart", "vocab_size": 51_328, "d_model": width, **text},
        vision_config={"projection_dim": width, **vision},
        image_token_id=51_289,
    )
    model: Any = Florence2ForConditionalGeneration(config).eval()
    ids = torch.tensor([[51_289] * 577 + [0] + [5] * 6 + [2]])
    pixels = torch.rand(1, 3, 768, 768)
    return lambda: model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=pixels,
        num_beams=3,
        max_new_tokens=_NUM_WORDS,
        min_new_tokens=_NUM_WORDS,
        do_sample=False,
    )


def _qwen_vl() -> Callable[[], object]:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    config = Qwen3VLConfig(
        text_config={
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151_936,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5_000_000,
                "mrope_section": [24, 20, 20],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "out_hidden_size": 2048,
            "deepstack_visual_indexes": [5, 11, 17],
        },
        video_token_id=_QWEN_VIDEO,
        tie_word_embeddings=True,
    )
    model: Any = Qwen3VLForConditionalGeneration(config).eval()
    # Four frames of 448 x 800, two and two together, each pair 28 x 50 patches and 14 x 25 tokens.
    shown = [*[5] * 8, 151_652, *[_QWEN_VIDEO] * 350, 151_653]
    ids = torch.tensor([shown * 2 + [5] * 24])
    patches = torch.rand(2 * 28 * 50, 3 * 2 * 16 * 16)
    return lambda: model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values_videos=patches,
        video_grid_thw=torch.tensor([[2, 28, 50]]),
        mm_token_type_ids=(ids == _QWEN_VIDEO) * 2,
        max_new_tokens=_NUM_WORDS,
        min_new_tokens=_NUM_WORDS,
        do_sample=False,
    )


def _florence_sizes(num_layers: int, num_heads: int) -> dict[str, Any]:
    sizes = {"layers": num_layers, "attention_heads": num_heads, "ffn_dim": 256 * num_heads}
    return {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in sizes.items()}


MODELS: dict[str, tuple[str, Callable[[], Callable[[], object]]]] = {
    "clip": ("image", lambda: _clip({**_BASE, "patch_size": 32}, {}, 512)),
    "clip-l": ("image", lambda: _clip({**_LARGE, "patch_size": 14}, {}, 768)),
    "clip-h": ("image", lambda: _clip({**_HUGE, "patch_size": 14}, _LARGE, 1024)),
    "siglip": ("image", lambda: _siglip(_BASE, 32_000)),
    "siglip2-large": ("image", lambda: _siglip({**_LARGE, "image_size": 384}, 256_000)),
    "xclip": ("window of 8 frames", _xclip),
    "pe-av": ("window of 16 frames", _pe_video),
    "clap": ("window of 10 s", _clap),
    "blip": ("image, greedy, 20 tokens", lambda: _blip("blip")),
    "blip-large": ("image, greedy, 20 tokens", lambda: _blip("blip-large")),
    "florence2": ("image, 3 beams of 16 tokens", lambda: _florence(768, _florence_sizes(6, 12), {})),
    "florence2-large": (
        "image, 3 beams of 16 tokens",
        lambda: _florence(
            1024,
            _florence_sizes(12, 16),
            {
                "embed_dim": [256, 512, 1024, 2048],
                "num_heads": [8, 16, 32, 64],
                "num_groups": [8, 16, 32, 64],
            },
        ),
    ),
    "smolvlm": ("4 frames and 16 tokens", _smolvlm),
    "qwen3-vl-2b": ("4 frames and 16 tokens", _qwen_vl),
}


def main() -> None:
    """Measure, and print a line for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MODELS)}; else all")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measured = {}
    for name in options.names or MODELS:
        unit, make = MODELS[name]
        run = make()
        seconds = []
        with torch.inference_mode():
            for _ in range(options.runs + 1):
                before = time.process_time()
                run()
                seconds.append(time.process_time() - before)
        measured[name] = {"unit": unit, "cpu_seconds": min(seconds[1:])}
        print(f"{name:14} {min(seconds[1:]):8.3f} CPU seconds for one {unit}", flush=True)
        del run
        gc.collect()
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
