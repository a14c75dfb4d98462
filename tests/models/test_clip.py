"""CLIP and SigLIP against the reference models, and their text towers against both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTokenizer, SiglipModel, SiglipTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from tests import tiny_models
from tests.models.conftest import CPU
from tests.models.contract import TEXTS, pictures
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.registry import load_embedder, load_text_encoder


def _unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows, dim=-1).detach().numpy()


def test_clip_matches_the_reference(tiny, tiny_clip):
    """The reference: transformers' own processor, tokenizer and model, put together as its documentation
    does."""
    model = CLIPModel.from_pretrained(tiny.clip).eval()
    config = json.loads((tiny.clip / "preprocessor_config.json").read_text())
    images = pictures(4)
    pixels = CLIPImageProcessorPil(**config)(images, return_tensors="pt", input_data_format="channels_last")
    tokens = CLIPTokenizer.from_pretrained(tiny.clip)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        out = model(**tokens, **pixels)
    ours_images, ours_texts = tiny_clip.embed_images(images), tiny_clip.embed_texts(TEXTS)
    np.testing.assert_allclose(ours_images, out.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours_texts, out.text_embeds.numpy(), atol=1e-5)
    logits = tiny_clip.logit_scale * ours_images @ ours_texts.T
    np.testing.assert_allclose(logits, out.logits_per_image.numpy(), atol=1e-3)
    assert tiny_clip.logit_bias is None


def test_siglip_matches_the_reference(tiny, tiny_siglip):
    """SigLIP's texts are padded to the full length, and its padding is seen: no mask."""
    model = SiglipModel.from_pretrained(tiny.siglip).eval()
    config = json.loads((tiny.siglip / "preprocessor_config.json").read_text())
    images = pictures(4)
    pixels = SiglipImageProcessorPil(**config)(images, return_tensors="pt", input_data_format="channels_last")
    tokenizer = SiglipTokenizer(str(tiny.siglip / "spiece.model"))
    ids = tokenizer(TEXTS, padding="max_length", max_length=16, return_tensors="pt").input_ids
    with torch.no_grad():
        out = model(input_ids=ids, **pixels)
    ours_images, ours_texts = tiny_siglip.embed_images(images), tiny_siglip.embed_texts(TEXTS)
    np.testing.assert_allclose(ours_images, out.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours_texts, out.text_embeds.numpy(), atol=1e-5)
    logits = ours_images @ ours_texts.T * tiny_siglip.logit_scale + tiny_siglip.logit_bias
    np.testing.assert_allclose(logits, out.logits_per_image.numpy(), atol=1e-3)


def test_siglip_reads_lower_case_without_punctuation(tiny_siglip):
    """Guards against the published tokenizer files that leave out what training did to text."""
    first, second = tiny_siglip.embed_texts(["A Red DOG, on grass!", "a red dog on grass"])
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("name", ["tiny_clip", "tiny_siglip", "tiny_blip"])
def test_bf16_keeps_the_vectors(request, tiny, name):
    full = request.getfixturevalue(name)
    folder = {"tiny_clip": tiny.clip, "tiny_siglip": tiny.siglip, "tiny_blip": tiny.blip_retrieval}[name]
    half = load_embedder(str(folder), device=Device("cpu", "bf16"))
    images = pictures(12)
    cosine = np.sum(half.embed_images(images) * full.embed_images(images), axis=1)
    assert cosine.min() >= 0.999
    assert np.sum(half.embed_texts(TEXTS) * full.embed_texts(TEXTS), axis=1).min() >= 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_keeps_the_vectors(gpu, tiny, tiny_clip, precision):
    embedder = load_embedder(str(tiny.clip), device=Device("cuda", precision))
    images = pictures(12)
    cosine = np.sum(embedder.embed_images(images) * tiny_clip.embed_images(images), axis=1)
    assert cosine.min() >= 0.999


@pytest.mark.parametrize("name", ["tiny_clip", "tiny_siglip", "tiny_blip"])
def test_text_tower_is_the_torch_tower(request, name):
    embedder = request.getfixturevalue(name)
    encoder = load_text_encoder("unused, as the space is given", space=embedder.space)
    texts = [*TEXTS, "", "a " * 200, "A Red DOG, on grass!", "犬 🐕"]
    np.testing.assert_allclose(encoder.embed_texts(texts), embedder.embed_texts(texts), atol=1e-5)
    assert encoder.space == embedder.space


@pytest.mark.parametrize(
    ("activation", "eos_token_id"), [("quick_gelu", 2), ("gelu", 49407), ("quick_gelu", 49407)]
)
def test_published_variants_of_clip_export(tmp_path, activation, eos_token_id):
    """OpenAI's CLIP uses quick_gelu and LAION's gelu; older configurations name a wrong end token, newer do
    not."""
    folder = tiny_models.save_tiny_clip(
        tmp_path / "clip", activation=activation, eos_token_id=eos_token_id, dim=8
    )
    embedder: Any = load_embedder(str(folder), device=CPU)
    encoder: Any = load_text_encoder(str(folder))
    np.testing.assert_allclose(encoder.embed_texts(TEXTS), embedder.embed_texts(TEXTS), atol=1e-5)
    assert encoder.logit_scale == pytest.approx(embedder.logit_scale)


def test_an_unknown_activation_is_an_error(tmp_path):
    folder = tiny_models.save_tiny_clip(tmp_path / "clip", activation="relu")
    with pytest.raises(ModelUnavailable, match="relu"):
        load_embedder(str(folder), device=CPU)


def test_a_vocabulary_without_tokenizer_json_will_do(tmp_path, tiny, tiny_clip):
    """Older CLIP checkpoints have vocab.json and merges.txt alone."""
    folder = _copy(tiny.clip, tmp_path)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [" ".join(merge) for merge in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    (folder / "tokenizer.json").unlink()
    embedder = load_embedder(str(folder), device=CPU)
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), tiny_clip.embed_texts(TEXTS), atol=1e-6)


def test_pickled_weights_with_old_buffers_will_do(tmp_path, tiny, tiny_clip):
    """Published pytorch_model.bin files hold position_ids, which newer models no longer know."""
    folder = _copy(tiny.clip, tmp_path)
    state = load_file(folder / "model.safetensors")
    state["text_model.embeddings.position_ids"] = torch.arange(20)[None]
    state["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    images = pictures(3)
    embedder = load_embedder(str(folder), device=CPU)
    np.testing.assert_allclose(embedder.embed_images(images), tiny_clip.embed_images(images), atol=1e-6)


@pytest.mark.parametrize(
    "lost", ["visual_projection.weight", "text_model.encoder.layers.1.mlp.fc1.bias", "logit_scale"]
)
def test_a_missing_weight_is_an_error(tmp_path, tiny, lost):
    """transformers fills missing weights with random numbers and goes on: vectors without a meaning."""
    folder = _copy(tiny.clip, tmp_path)
    state = load_file(folder / "model.safetensors")
    del state[lost]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=lost):
        load_embedder(str(folder), device=CPU)


def test_a_torn_weights_file_is_an_error(tmp_path, tiny):
    folder = _copy(tiny.clip, tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        load_embedder(str(folder), device=CPU)


def _copy(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "copy"))
