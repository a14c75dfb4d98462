"""PE-AV against transformers' own classes: live where these need no timm, else as `record.py` kept them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoTokenizer, PeAudioModel
from transformers.models.pe_audio.feature_extraction_pe_audio import PeAudioFeatureExtractor

from tests.models.conftest import CPU
from tests.models.contract import TEXTS, clips
from tests.models.record import RECORDED, pe_clips, pe_sounds, still_and_moving, tower_pixels
from tests.models.texts import many_texts
from tests.tiny_pe import numbers
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.known import known_models
from vidsearch.models.pe_config import TOWERS
from vidsearch.models.pe_model import Tower
from vidsearch.models.registry import (
    load_embedder,
    load_sound_embedder,
    load_text_encoder,
    load_video_embedder,
    pull_model,
    resolve_models,
)
from vidsearch.types import LibraryModels


@pytest.fixture(scope="module")
def recorded() -> Any:
    return np.load(RECORDED / "pe.npz")


def unit(rows: Any) -> np.ndarray:
    return torch.nn.functional.normalize(torch.as_tensor(rows), dim=-1).numpy()


def test_clips_and_their_texts_match_what_the_reference_made(tiny, recorded):
    embedder = load_video_embedder(str(tiny.pe), device=CPU, batch_size=2)
    rows = embedder.embed_clips(pe_clips())
    # The reference scales frames by torchvision, which rounds other pixels up than Pillow does.
    assert np.sum(rows * unit(recorded["clips"]), axis=1).min() >= 0.9999
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), unit(recorded["texts_of_clips"]), atol=1e-5)
    exported = load_text_encoder(str(tiny.pe)).embed_texts(TEXTS)
    np.testing.assert_allclose(exported, unit(recorded["texts_of_clips"]), atol=1e-5)


def test_frames_are_prepared_as_the_reference_does(tiny, recorded):
    embedder: Any = load_video_embedder(str(tiny.pe), device=CPU)
    pixels = embedder._runner.pixels(pe_clips()[:2])[:, 3].numpy()
    assert np.abs(pixels - recorded["pixels"]).max() <= 2 / 255 + 1e-6  # one step of 255, of a range of 2


def test_the_network_of_clips_is_the_reference_given_the_same_pixels(tiny, recorded):
    embedder: Any = load_video_embedder(str(tiny.pe), device=CPU)
    with torch.no_grad():
        rows = embedder.model.clip_features(still_and_moving(torch.from_numpy(recorded["pixels"])))
    np.testing.assert_allclose(rows.numpy(), recorded["clips_of_pixels"], atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        # Its layer of 1536 takes seconds, and no published PE-AV has it.
        pytest.param(name, marks=pytest.mark.slow if "gigantic" in name else ())
        for name in sorted(TOWERS)
    ],
)
def test_every_image_tower_is_the_reference_at_its_own_width(name: str):
    """One layer deep: sizes, grids of positions and where their counting begins are those of timm's names."""
    tower = Tower(replace(TOWERS[name], num_layers=1), num_features=16).eval()
    tower.load_state_dict({key: numbers(key, tuple(w.shape)) for key, w in tower.state_dict().items()})
    with torch.no_grad():
        seen = tower(tower_pixels(TOWERS[name].image_size)).numpy()
    np.testing.assert_allclose(seen, np.load(RECORDED / "pe_towers.npz")[name], rtol=1e-3, atol=1e-4)


def test_sounds_and_their_texts_match_what_the_reference_made(tiny, recorded):
    embedder = load_sound_embedder(str(tiny.pe), device=CPU, batch_size=2)
    np.testing.assert_allclose(embedder.embed_sounds(pe_sounds()), unit(recorded["sounds"]), atol=1e-5)
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), unit(recorded["texts_of_sounds"]), atol=1e-5)


def test_sounds_and_texts_match_the_reference(tiny):
    """Live: the classes of sound and text need no timm."""
    embedder: Any = load_sound_embedder(str(tiny.pe), device=CPU, batch_size=2)
    assert (embedder.sample_rate, embedder.window_seconds) == (48_000, 8.0)
    config: Any = AutoConfig.from_pretrained(tiny.pe)
    model: Any = PeAudioModel(config.audio_config).eval()
    weights = load_file(tiny.pe / "model.safetensors")
    model.load_state_dict({k.removeprefix("audio_model."): v for k, v in weights.items()}, strict=False)
    listen: Any = PeAudioFeatureExtractor.from_pretrained(tiny.pe)
    tokenizer = AutoTokenizer.from_pretrained(tiny.pe)
    texts = many_texts()
    ids = [tokenizer(text, truncation=True, max_length=512).input_ids for text in texts]
    assert [embedder.tokenizer.encode(text).ids for text in texts] == ids
    some = texts[::10]
    with torch.no_grad():
        sound = listen(pe_sounds()[1], sampling_rate=48_000, return_tensors="pt")
        outputs = [
            model(**tokenizer([text], truncation=True, max_length=512, return_tensors="pt"), **sound)
            for text in some
        ]
    np.testing.assert_allclose(
        embedder.embed_sounds(pe_sounds()[1:2]), unit(outputs[0].audio_embeds), atol=1e-5
    )
    expected = unit(torch.cat([each.text_audio_embeds for each in outputs]))
    np.testing.assert_allclose(embedder.embed_texts(some), expected, atol=1e-5)
    exported = load_text_encoder(str(tiny.pe), space=embedder.space)
    assert exported.space == embedder.space
    np.testing.assert_allclose(exported.embed_texts(some), expected, atol=1e-5)


def test_a_text_is_another_vector_for_clips_than_for_sounds(tiny):
    sees, hears = (load(str(tiny.pe), device=CPU) for load in (load_video_embedder, load_sound_embedder))
    assert (sees.space.kind, hears.space.kind) == ("clip", "sound")
    assert sees.space.dim == hears.space.dim == 24
    for embedder in (sees, hears):
        exported = load_text_encoder(str(tiny.pe), space=embedder.space)
        np.testing.assert_allclose(exported.embed_texts(TEXTS), embedder.embed_texts(TEXTS), atol=1e-5)
    assert not np.allclose(sees.embed_texts(TEXTS), hears.embed_texts(TEXTS), atol=1e-2)


def test_bf16_keeps_the_vectors(tiny):
    some = clips(4, 16)
    full, half = (load_video_embedder(str(tiny.pe), device=Device("cpu", each)) for each in ("fp32", "bf16"))
    assert np.sum(full.embed_clips(some) * half.embed_clips(some), axis=1).min() >= 0.999
    hears, coarse = (
        load_sound_embedder(str(tiny.pe), device=Device("cpu", each)) for each in ("fp32", "bf16")
    )
    assert np.sum(hears.embed_sounds(pe_sounds()) * coarse.embed_sounds(pe_sounds()), axis=1).min() >= 0.999


def test_one_model_sees_and_hears(tiny):
    chosen = resolve_models(f"mini,{tiny.pe}").models
    assert chosen == LibraryModels(("mini",), "mini", (str(tiny.pe),), (str(tiny.pe),))
    assert resolve_models("mini,pe-av").models == LibraryModels(("mini",), "mini", ("pe-av",), ("pe-av",))
    with pytest.raises(ModelUnavailable, match="not single images"):
        load_embedder(str(tiny.pe), device=CPU)
    (entry,) = (each for each in known_models() if each.name == "pe-av")
    assert entry.kind == "video and sound embedder"


def test_both_text_halves_are_exported_when_it_is_pulled(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path))
    told: list[str] = []
    pull_model(str(tiny.pe), show_progress=False, tell=told.append)
    assert sum("bytes of text half" in line for line in told) == 2


def test_a_model_of_videos_alone_hears_nothing(tiny, tmp_path):
    """As transformers' `PeVideoModel` is saved: the parts lie on top."""
    folder = shutil.copytree(tiny.pe, tmp_path / "pe-video")
    config = json.loads((folder / "config.json").read_text())
    video = config["audio_video_config"]["video_config"]
    alone = {"model_type": "pe_video", "text_config": config["text_config"], "video_config": video}
    (folder / "config.json").write_text(json.dumps(alone))
    weights = load_file(folder / "model.safetensors")
    kept = {k.removeprefix("video_model."): v for k, v in weights.items() if not k.startswith("audio_")}
    save_file(kept, folder / "model.safetensors")
    both = load_video_embedder(str(tiny.pe), device=CPU)
    np.testing.assert_allclose(
        load_video_embedder(str(folder), device=CPU).embed_clips(clips(1, 16)),
        both.embed_clips(clips(1, 16)),
        atol=1e-6,
    )
    with pytest.raises(ModelUnavailable, match="hears nothing"):
        load_sound_embedder(str(folder), device=CPU)
    assert resolve_models(f"mini,{folder}").models.sounds == ()


def _in(config: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        config = config[name]
    return config


_VIDEO = ("audio_video_config", "video_config")
_TOWER = (*_VIDEO, "vision_config")
_CODEC = ("audio_video_config", "audio_config", "dac_config")


@pytest.mark.parametrize(
    ("name", "path", "change", "reason"),
    [
        ("config.json", _TOWER, {"architecture": "resnet50"}, "'resnet50'"),
        ("config.json", (*_TOWER, "model_args"), {"depth": 10**9}, "depth is '1000000000'"),
        (
            "config.json",
            (*_VIDEO, "vision_config", "model_args"),
            {"rope_type": "mixed"},
            "unknown 'rope_type'",
        ),
        ("config.json", _VIDEO, {"hidden_size": "wide"}, "hidden_size is 'wide'"),
        ("config.json", ("text_config",), {"model_type": "bert"}, "read by 'bert'"),
        ("config.json", ("text_config",), {"pad_token_id": 999}, "pad_token_id is '999'"),
        ("config.json", ("text_config",), {"vocab_size": 99}, "another model's"),
        (
            "config.json",
            ("audio_video_config", "audio_config", "dac_config"),
            {"downsampling_ratios": 2},
            "2",
        ),
        ("processor_config.json", ("video_processor", "size"), {"height": 50}, "50x42"),
        ("processor_config.json", ("feature_extractor",), {"sampling_rate": "fast"}, "'fast'"),
    ],
)
def test_what_is_not_whole_is_said(
    tiny, tmp_path: Path, name: str, path: tuple[str, ...], change: dict[str, Any], reason: str
):
    folder = shutil.copytree(tiny.pe, tmp_path / "pe")
    content = json.loads((folder / name).read_text())
    _in(content, *path).update(change)
    (folder / name).write_text(json.dumps(content))
    load = load_sound_embedder if "feature_extractor" in path or "dac_config" in path else load_video_embedder
    with pytest.raises(ModelUnavailable, match=reason):
        load(str(folder), device=CPU)
