"""Checkpoints in open_clip's layout: against transformers' CLIP of the same weights, and open_clip itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPModel

from tests.models.conftest import CPU
from tests.models.contract import TEXTS, pictures
from vidsearch.errors import ModelUnavailable
from vidsearch.models import weights
from vidsearch.models.registry import load_embedder, load_text_encoder, resolve_models


def _save_open_clip(tiny_clip: Path, folder: Path, *, suffix: str = "safetensors", prefix: str = "") -> Path:
    """Write transformers' CLIP as open_clip would: `prefix` is "text." for its CustomTextCLIP."""
    folder.mkdir()
    reference = CLIPModel.from_pretrained(tiny_clip)
    text, vision = reference.text_model, reference.vision_model
    state = {
        "logit_scale": reference.logit_scale,
        "visual.class_embedding": vision.embeddings.class_embedding,
        "visual.positional_embedding": vision.embeddings.position_embedding.weight,
        "visual.conv1.weight": vision.embeddings.patch_embedding.weight,
        "visual.proj": reference.visual_projection.weight.T,
        f"{prefix}positional_embedding": text.embeddings.position_embedding.weight,
        f"{prefix}token_embedding.weight": text.embeddings.token_embedding.weight,
        f"{prefix}text_projection": reference.text_projection.weight.T,
    }
    norms = {
        "visual.ln_pre": vision.pre_layrnorm,
        "visual.ln_post": vision.post_layernorm,
        f"{prefix}ln_final": text.final_layer_norm,
    }
    for tower, top in ((vision, "visual."), (text, prefix)):
        for index, layer in enumerate(tower.encoder.layers):
            at = f"{top}transformer.resblocks.{index}"
            attention = layer.self_attn
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            state[f"{at}.attn.in_proj_weight"] = torch.cat([each.weight for each in projections])
            state[f"{at}.attn.in_proj_bias"] = torch.cat([each.bias for each in projections])
            norms |= {
                f"{at}.ln_1": layer.layer_norm1,
                f"{at}.ln_2": layer.layer_norm2,
                f"{at}.attn.out_proj": attention.out_proj,
                f"{at}.mlp.c_fc": layer.mlp.fc1,
                f"{at}.mlp.c_proj": layer.mlp.fc2,
            }
    for name, module in norms.items():
        state |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    state = {name: weight.detach().contiguous() for name, weight in state.items()}
    if suffix == "safetensors":
        save_file(state, folder / "open_clip_model.safetensors")
    else:
        torch.save(state, folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps(_config(reference)))
    shutil.copy(tiny_clip / "tokenizer.json", folder)
    return folder


def _config(reference: Any) -> dict[str, Any]:
    vocab_size = reference.config.text_config.vocab_size
    vision = {"image_size": 32, "layers": 3, "width": 32, "head_width": 8, "patch_size": 8, "mlp_ratio": 2.0}
    text = {
        "context_length": 20,
        "vocab_size": vocab_size,
        "width": 32,
        "heads": 4,
        "layers": 3,
        "mlp_ratio": 2.0,
    }
    return {
        "model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {
            "mean": [0.48145466, 0.4578275, 0.40821073],
            "std": [0.26862954, 0.26130258, 0.27577711],
        },
    }


@pytest.mark.parametrize(("suffix", "prefix"), [("safetensors", ""), ("bin", ""), ("safetensors", "text.")])
@pytest.mark.parametrize("door", ["hub", "folder"])
def test_a_vision_transformer_is_loaded(hub, tmp_path, tiny, tiny_clip, suffix, prefix, door):
    folder = _save_open_clip(tiny.clip, tmp_path / "model", suffix=suffix, prefix=prefix)
    hub.models["laion/open-clip-only"] = folder
    name = "laion/open-clip-only" if door == "hub" else str(folder)
    assert resolve_models(name).models.embedders == (name,)
    embedder: Any = load_embedder(name, device=CPU)
    images = [image for image in pictures(5) if (min(image.shape[:2]) % 2) == 0]
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), tiny_clip.embed_texts(TEXTS), atol=1e-5)
    np.testing.assert_allclose(
        load_text_encoder(name).embed_texts(TEXTS), tiny_clip.embed_texts(TEXTS), atol=1e-5
    )
    square = [np.ascontiguousarray(image[:24, :24]) for image in images if min(image.shape[:2]) >= 24]
    np.testing.assert_allclose(embedder.embed_images(square), tiny_clip.embed_images(square), atol=1e-5)
    if door == "hub":
        assert weights.cached(name) is not None


@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_it_is_what_open_clip_makes_of_it(tmp_path, tiny, mode):
    """open_clip's own model, transform and weights, where it is installed (`pip install open_clip_torch`)."""
    open_clip = pytest.importorskip("open_clip")
    folder = _save_open_clip(tiny.clip, tmp_path / "model")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["resize_mode"] = mode
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    embedder = load_embedder(str(folder), device=CPU)
    images = [np.ascontiguousarray(image) for image in pictures(6)]
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
    ids = torch.zeros((len(TEXTS), 20), dtype=torch.long)
    for row, text in zip(ids, TEXTS, strict=True):
        encoded = torch.tensor(embedder.tokenizer.encode(text).ids)  # type: ignore[attr-defined]
        row[: len(encoded)] = encoded
    with torch.no_grad():
        image_rows = model.encode_image(pixels, normalize=True).numpy()
        text_rows = model.encode_text(ids, normalize=True).numpy()
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), text_rows, atol=1e-5)
    assert np.sum(embedder.embed_images(images) * image_rows, axis=1).min() > 0.9999


@pytest.mark.parametrize(
    ("section", "change", "named"),
    [
        ("vision_cfg", {"timm_model_name": "vit_base_patch16_siglip_224"}, "timm's vit_base"),
        ("vision_cfg", {"layers": [3, 4, 6, 3]}, "residual network"),
        ("vision_cfg", {"attentional_pool": True}, "attentional_pool"),
        ("vision_cfg", {"ls_init_value": 1e-5}, "ls_init_value"),
        ("vision_cfg", {"pool_type": "avg"}, "pool_type avg"),
        ("vision_cfg", {"qk_norm": True}, "qk_norm"),
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "xlm-roberta-base"),
        ("text_cfg", {"no_causal_mask": True}, "no_causal_mask"),
        ("text_cfg", {"some_new_part": 3}, "some_new_part"),
    ],
)
def test_other_architectures_are_named_in_one_line(tmp_path, tiny, section, change, named):
    folder = _save_open_clip(tiny.clip, tmp_path / "model")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"][section] |= change
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match=named) as caught:
        load_embedder(str(folder), device=CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"model_cfg": 3}', '{"model_cfg": {"vision_cfg": {}, "text_cfg": {}}}',
                '{"model_cfg": {"embed_dim": 24, "vision_cfg": {"width": "wide"}, "text_cfg": {}}}',
                '{"model_cfg": {"embed_dim": 24, "vision_cfg": {"head_width": 0}, "text_cfg": {}}}']
)  # fmt: skip
def test_a_broken_configuration_is_one_line(tmp_path, tiny, content):
    folder = _save_open_clip(tiny.clip, tmp_path / "model")
    (folder / "open_clip_config.json").write_text(content)
    with pytest.raises(ModelUnavailable) as caught:
        load_embedder(str(folder), device=CPU)
    assert "\n" not in str(caught.value)
