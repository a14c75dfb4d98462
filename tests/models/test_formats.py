"""Every model from every kind of weight file, in a folder and through the hub's cache: the same answers.

Tiny checkpoints, whose answers the other tests compare with the reference classes. Their weights are rounded
to half precision first, so that a file of fp16 holds the same numbers. All combinations take a minute or two:
`pytest -m slow tests/models/test_formats.py`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import SiglipConfig, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from tests import tiny_models
from tests.models.conftest import CPU
from tests.models.contract import TEXTS, clips, pictures, sounds
from tests.models.fake_hub import serve
from tests.models.texts import many_texts
from vidsearch.models import hub as hub_module
from vidsearch.models.protocols import TimedImage
from vidsearch.models.registry import (
    load_captioner,
    load_describer,
    load_embedder,
    load_matcher,
    load_sound_embedder,
    load_text_encoder,
    load_video_embedder,
)

FORMS = ("model.safetensors", "pytorch_model.bin", "sharded safetensors", "sharded bin", "fp16")
FAMILIES = (
    *("clip", "siglip", "siglip2", "metaclip2", "xclip", "clap", "pe", "blip_retrieval"),
    *("blip_captioner", "florence", "smolvlm", "qwen_vl"),
)


def answers(family: str, name: str) -> dict[str, Any]:
    """What a model makes of some pictures, clips, sounds and texts."""
    if family in ("blip_captioner", "florence"):
        return {"captions": [each.text for each in load_captioner(name, device=CPU).captions(pictures(3))]}
    if family in ("smolvlm", "qwen_vl"):
        (clip,) = clips(1, 3)
        shown = [TimedImage(float(second), image) for second, image in enumerate(clip)]
        said = load_describer(name, device=CPU).describe(
            shown, duration_seconds=3.0, request="Say it.", max_words=4
        )
        return {"captions": [said.raw_text]}
    made: dict[str, Any] = {}
    embedders: dict[str, Any] = {}
    if family in ("xclip", "pe"):
        embedders["clips"] = embedder = load_video_embedder(name, device=CPU)
        made["clips"] = embedder.embed_clips(clips(2, embedder.num_frames))
    if family in ("clap", "pe"):
        embedders["sounds"] = hears = load_sound_embedder(name, device=CPU)
        made["sounds"] = hears.embed_sounds(sounds(2, hears))
    if not embedders:
        embedders["images"] = sees = load_embedder(name, device=CPU)
        made["images"] = sees.embed_images(pictures(4))
    for kind, embedder in embedders.items():
        made[f"texts of {kind}"] = embedder.embed_texts(TEXTS)
        encoder = load_text_encoder(name, space=embedder.space)
        made[f"texts of {kind} by ONNX"] = encoder.embed_texts(TEXTS)
        made["ids"] = [embedder.tokenizer.encode(text).ids for text in many_texts()]
    if family == "blip_retrieval":
        made["probabilities"] = load_matcher(name, device=CPU).match_scores(pictures(3), TEXTS[0])
    return made


def rounded(folder: Path) -> Path:
    """Round a checkpoint's weights to what half precision can hold."""
    path = folder / "model.safetensors"
    weights = {
        name: weight.half().float() if weight.is_floating_point() else weight
        for name, weight in load_file(path).items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    return folder


def put(folder: Path, form: str) -> None:
    """Write a checkpoint's weights in another form, in the place of model.safetensors."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    if form == "model.safetensors":
        return
    path.unlink()
    if form == "fp16":
        half = {name: w.half() if w.is_floating_point() else w for name, w in weights.items()}
        save_file(half, path, metadata={"format": "pt"})
        return
    if form == "pytorch_model.bin":
        torch.save(weights, folder / form)
        return
    stem, suffix = ("model", "safetensors") if form == "sharded safetensors" else ("pytorch_model", "bin")
    where = {}
    for number in range(3):
        name = f"{stem}-{number + 1:05d}-of-00003.{suffix}"
        part = {key: weights[key] for key in sorted(weights)[number::3]}
        where.update(dict.fromkeys(part, name))
        if suffix == "bin":
            torch.save(part, folder / name)
        else:
            save_file(part, folder / name, metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(w.nbytes for w in weights.values())}, "weight_map": where}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))


@pytest.fixture(scope="module")
def expected(tiny, tmp_path_factory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Of each family a folder of rounded weights and its answers, made when it is first asked for."""
    root = tmp_path_factory.mktemp("rounded")

    class Made(dict[str, tuple[Path, dict[str, Any]]]):
        def __missing__(self, family: str) -> tuple[Path, dict[str, Any]]:
            folder = rounded(shutil.copytree(getattr(tiny, family), root / family))
            self[family] = folder, answers(family, str(folder))
            return self[family]

    return Made()


def compare(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if key in ("captions", "ids"):
            assert found[key] == value
        elif key == "probabilities":
            np.testing.assert_allclose(found[key], value, atol=1e-4)
        else:
            assert np.sum(found[key] * value, axis=1).min() >= 0.9999


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "hub and cache"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_the_same_from_any_file(
    expected, empty_cache, tmp_path, monkeypatch, family: str, form: str, place: str
):
    source, wanted = expected[family]
    folder = shutil.copytree(source, tmp_path / family)
    put(folder, form)
    if place == "folder":
        compare(answers(family, str(folder)), wanted)
        return
    name = f"someone/{family}"
    with serve({name: folder}) as running:
        template = f"{running.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        hub_module.fetch(name)
    compare(answers(family, name), wanted)  # the hub is gone: this is the cache


@pytest.mark.parametrize(
    ("resolution", "patch_size"),
    [(224, 16), (256, 16), (384, 16), (512, 16), (224, 14), (384, 14), (256, 32)],
)
def test_siglip_2_at_every_fixed_resolution(tmp_path: Path, resolution: int, patch_size: int):
    """Each published one's grid of patches and its frame size, at a tiny width."""
    folder = tmp_path / "siglip2"
    folder.mkdir()
    torch.manual_seed(7)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": len(tiny_models.save_siglip2_tokenizer(folder))}
    vision = {**sizes, "image_size": resolution, "patch_size": patch_size}
    model: Any = SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).eval()
    model.save_pretrained(folder)
    settings = {
        "size": {"height": resolution, "width": resolution},
        "resample": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    embedder = load_embedder(str(folder), device=CPU)
    assert embedder.short_side_pixels == resolution
    processor: Any = SiglipImageProcessorPil(**settings)
    images = pictures(2)
    with torch.no_grad():
        pixels = processor(images, return_tensors="pt", input_data_format="channels_last").pixel_values
        rows = model.get_image_features(pixels).pooler_output
    expected = torch.nn.functional.normalize(rows, dim=-1).numpy()
    np.testing.assert_allclose(embedder.embed_images(images), expected, atol=1e-5)
