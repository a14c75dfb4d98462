"""CLAP against transformers' own classes, on a tiny checkpoint in the published layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

from tests.models.conftest import CPU
from tests.models.contract import sounds
from tests.models.texts import many_texts
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.registry import (
    load_embedder,
    load_sound_embedder,
    load_text_encoder,
    load_video_embedder,
)


def test_sounds_and_texts_match_the_reference(tiny):
    embedder = load_sound_embedder(str(tiny.clap), device=CPU, batch_size=2)
    assert (embedder.sample_rate, embedder.window_seconds) == (48_000, 10.0)
    model: Any = ClapModel.from_pretrained(tiny.clap).eval()
    tokenizer = RobertaTokenizer.from_pretrained(tiny.clap)
    processor = ClapProcessor(ClapFeatureExtractor.from_pretrained(tiny.clap), tokenizer)
    some = sounds(3, embedder)
    heard = processor(audio=some, sampling_rate=48_000, return_tensors="pt")
    texts = many_texts()
    with torch.no_grad():
        rows = model.get_audio_features(input_features=heard["input_features"]).pooler_output
        of_texts = [
            model.get_text_features(
                **tokenizer([text], truncation=True, max_length=80, return_tensors="pt")
            ).pooler_output
            for text in texts
        ]
    np.testing.assert_allclose(embedder.embed_sounds(some), rows.numpy(), atol=1e-5)
    expected = torch.cat(of_texts).numpy()
    np.testing.assert_allclose(embedder.embed_texts(texts), expected, atol=1e-5)
    np.testing.assert_allclose(load_text_encoder(str(tiny.clap)).embed_texts(texts), expected, atol=1e-5)


def test_the_space_is_one_of_sounds(tiny):
    space = load_sound_embedder(str(tiny.clap), device=CPU).space
    assert (space.model, space.dim, space.kind) == ("clap", 16, "sound")
    assert load_text_encoder(str(tiny.clap), space=space).space == space


def test_bf16_keeps_the_vectors(tiny):
    some = sounds(2, load_sound_embedder(str(tiny.clap), device=CPU))
    full = load_sound_embedder(str(tiny.clap), device=CPU).embed_sounds(some)
    half = load_sound_embedder(str(tiny.clap), device=Device("cpu", "bf16")).embed_sounds(some)
    assert np.sum(full * half, axis=1).min() >= 0.999


def test_what_hears_sees_nothing(tiny):
    with pytest.raises(ModelUnavailable, match="embeds sounds, not pictures"):
        load_embedder(str(tiny.clap), device=CPU)
    with pytest.raises(ModelUnavailable, match="embeds sounds, not pictures"):
        load_video_embedder(str(tiny.clap), device=CPU)
    for deaf in ("mini", str(tiny.clip)):
        with pytest.raises(ModelUnavailable, match="hears nothing"):
            load_sound_embedder(deaf, device=CPU)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("preprocessor_config.json", {"sampling_rate": "fast"}, "sampling_rate is 'fast'"),
        ("preprocessor_config.json", {"max_length_s": 10**9}, "max_length_s is '1000000000'"),
        ("config.json", {"text_config": None}, "no text_config"),
        ("config.json", {"projection_dim": -1}, "projection_dim is '-1'"),
        ("config.json", {"projection_hidden_act": "gelu"}, "projection_hidden_act is 'gelu'"),
        ("tokenizer.json", None, "there is no tokenizer.json"),
    ],
)
def test_what_is_not_whole_is_said(
    tiny, tmp_path: Path, name: str, change: dict[str, Any] | None, reason: str
):
    folder = shutil.copytree(tiny.clap, tmp_path / "clap")
    if change is None:
        (folder / name).unlink()
        (folder / "vocab.json").write_text("{}")
    else:
        (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **change}))
    with pytest.raises(ModelUnavailable, match=reason):
        load_sound_embedder(str(folder), device=CPU)
