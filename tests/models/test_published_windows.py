"""Embedders of clips and of sounds at their published sizes, with random weights in the published layout,
against the reference classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoTokenizer, RobertaTokenizer
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from tests import tiny_models
from tests.models.conftest import CPU
from tests.models.contract import TEXTS, clips, sounds
from tests.models.published import SOME, least_cosine, save_weights, spread, trained_bytes, write_json
from tests.models.published_pe import PE, full_clip, save_pe
from tests.models.record import PE_FILES, RECORDED, pe_sounds
from tests.models.texts import many_texts
from vidsearch.models.registry import load_sound_embedder, load_text_encoder, load_video_embedder

pytestmark = pytest.mark.slow


def _compare_texts(name: str, embedder: Any, expected: torch.Tensor, ids: list[list[int]]) -> None:
    assert spread(expected) > 0.05
    texts = many_texts()
    encoded = [embedder.tokenizer.encode(text).ids for text in texts]
    num_equal = sum(first == second for first, second in zip(encoded, ids, strict=True))
    by_torch = least_cosine(embedder.embed_texts(texts[SOME]), expected)
    encoder = load_text_encoder(name, space=embedder.space)
    by_onnx = least_cosine(encoder.embed_texts(texts[SOME]), expected)
    print(f"texts {by_torch:.7f}, by ONNX {by_onnx:.7f}, token ids {num_equal} of {len(texts)}")
    assert min(by_torch, by_onnx) >= 0.9999
    assert num_equal == len(texts)


def test_xclip(tmp_path):
    """microsoft/xclip-base-patch32, of pickled weights with the places that older versions kept."""
    tokenizer = tiny_models.clip_tokenizer(size=49_408)
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    reference: Any = transformers.XCLIPModel(transformers.XCLIPConfig()).eval()
    with torch.no_grad():
        reference.mit.position_embedding.normal_(std=0.1)
        for name, weight in reference.vision_model.named_parameters():
            if weight.ndim > 1 and "embedding" not in name:
                weight.normal_(std=1.5 / weight.shape[1] ** 0.5)  # so that frames differ
    places = {
        "text_model.embeddings.position_ids": torch.arange(77)[None],
        "vision_model.embeddings.position_ids": torch.arange(50)[None],
    }
    save_weights(reference, tmp_path, "pytorch_model.bin", **places)
    settings = {
        "crop_size": {"height": 224, "width": 224},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 2,
        "size": {"shortest_edge": 224},
    }
    write_json(
        tmp_path / "preprocessor_config.json",
        {**settings, "feature_extractor_type": "VideoMAEFeatureExtractor"},
    )
    some = clips(3, 8)
    prepare = VideoMAEImageProcessorPil(**settings)
    ids = [tokenizer(text, truncation=True, max_length=77).input_ids for text in many_texts()]
    with torch.no_grad():
        pixels = [
            prepare(list(clip), return_tensors="pt", input_data_format="channels_last").pixel_values.reshape(
                8, 3, 224, 224
            )
            for clip in some
        ]
        seen = reference.get_video_features(torch.stack(pixels)).pooler_output
        rows = [reference.get_text_features(input_ids=torch.tensor([row])).pooler_output for row in ids[SOME]]
    del reference
    embedder = load_video_embedder(str(tmp_path), device=CPU)
    cosine = least_cosine(embedder.embed_clips(some), seen)
    print(f"\nmicrosoft/xclip-base-patch32: clips {cosine:.7f}", end=", ")
    assert cosine >= 0.9999
    assert spread(seen) > 0.05
    _compare_texts(str(tmp_path), embedder, torch.cat(rows), ids)


def test_clap(tmp_path):
    """laion/clap-htsat-unfused, with the places that older versions kept among the weights."""
    vocab, merges = trained_bytes(50_264, ["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer = RobertaTokenizer(vocab={**vocab, "<mask>": 50_264}, merges=merges)
    tokenizer.save_pretrained(tmp_path)
    assert len(tokenizer) == 50_265
    torch.manual_seed(0)
    config = transformers.ClapConfig(
        text_config={"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-12},
        audio_config={"spec_size": 256, "window_size": 8, "depths": [2, 2, 6, 2], "hidden_size": 768},
        projection_dim=512,
    )
    reference: Any = transformers.ClapModel(config).eval()
    with torch.no_grad():
        for name, weight in reference.named_parameters():
            if weight.ndim > 1 and "embeddings" not in name:
                weight.normal_(std=1.5 / np.prod(weight.shape[1:]) ** 0.5)  # so that texts and sounds differ
    kept = torch.arange(514)[None]
    save_weights(
        reference,
        tmp_path,
        "model.safetensors",
        **{
            "text_model.embeddings.position_ids": kept,
            "text_model.embeddings.token_type_ids": torch.zeros_like(kept),
        },
    )
    settings = {
        "chunk_length_s": 10,
        "feature_extractor_type": "ClapFeatureExtractor",
        "feature_size": 64,
        "fft_window_size": 1024,
        "frequency_max": 14000,
        "frequency_min": 50,
        "hop_length": 480,
        "max_length_s": 10,
        "nb_frequency_bins": 513,
        "nb_max_frames": 1000,
        "nb_max_samples": 480000,
        "padding": "repeatpad",
        "sampling_rate": 48000,
        "top_db": None,
        "truncation": "rand_trunc",
    }
    write_json(tmp_path / "preprocessor_config.json", settings)
    listen = transformers.ClapFeatureExtractor.from_pretrained(tmp_path)
    embedder = load_sound_embedder(str(tmp_path), device=CPU)
    some = sounds(3, embedder)
    ids = [tokenizer(text, truncation=True, max_length=512).input_ids for text in many_texts()]
    with torch.no_grad():
        mel = listen(some, sampling_rate=48_000, return_tensors="pt")["input_features"]
        heard = reference.get_audio_features(input_features=mel).pooler_output
        rows = [reference.get_text_features(input_ids=torch.tensor([row])).pooler_output for row in ids[SOME]]
    cosine = least_cosine(embedder.embed_sounds(some), heard)
    print(f"\nlaion/clap-htsat-unfused: sounds {cosine:.7f}", end=", ")
    assert cosine >= 0.9999
    assert spread(heard) > 0.05
    _compare_texts(str(tmp_path), embedder, torch.cat(rows), ids)


@pytest.mark.parametrize("name", PE)
def test_pe_av(tmp_path, name):
    """Against what the reference made once, since it needs timm: see `record.py`."""
    path = RECORDED / f"{PE_FILES[name]}.npz"
    if not path.is_file():
        pytest.skip(f"not recorded: python -m tests.models.record {path.stem}")
    recorded = np.load(path)
    folder = str(save_pe(tmp_path, name))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text, truncation=True, max_length=512).input_ids for text in many_texts()]
    for kind, load in (("clips", load_video_embedder), ("sounds", load_sound_embedder)):
        embedder: Any = load(folder, device=CPU, batch_size=1)
        made = embedder.embed_clips([full_clip()]) if kind == "clips" else embedder.embed_sounds(pe_sounds())
        cosine = least_cosine(made, recorded[kind])
        texts = recorded[f"texts_of_{kind}"]
        by_torch = least_cosine(embedder.embed_texts(TEXTS), texts)
        encoded = [embedder.tokenizer.encode(text).ids for text in many_texts()]
        space = embedder.space
        del embedder
        by_onnx = least_cosine(load_text_encoder(folder, space=space).embed_texts(TEXTS), texts)
        print(f"\n{name}: {kind} {cosine:.7f}, texts {by_torch:.7f}, by ONNX {by_onnx:.7f}")
        assert min(cosine, by_torch, by_onnx) >= 0.9999
        assert encoded == ids
