"""Florence-2 against transformers' own processor and model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BartTokenizer, Florence2ForConditionalGeneration, Florence2Processor
from transformers.cache_utils import DynamicLayer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from tests.models.conftest import CPU
from tests.models.contract import pictures
from vidsearch.errors import ModelUnavailable
from vidsearch.models import hub as hub_client
from vidsearch.models.registry import load_caption_explainer, load_captioner, load_embedder


def _reference(folder: Path) -> tuple[Any, Any]:
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    images = CLIPImageProcessorPil(**settings)
    tokenizer = BartTokenizer.from_pretrained(folder)
    model = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    return Florence2Processor(images, tokenizer), model


@pytest.mark.parametrize(
    ("task", "num_beams"), [(None, None), ("<DETAILED_CAPTION>", None), ("<MORE_DETAILED_CAPTION>", 1)]
)
def test_captions_match_the_reference(tiny, task, num_beams):
    processor, model = _reference(tiny.florence)
    captioner = load_captioner(str(tiny.florence), device=CPU, prompt=task, num_beams=num_beams)
    images = pictures(2)
    for image, caption in zip(images, captioner.captions(images), strict=True):
        inputs = processor(
            text=task or "<CAPTION>", images=[image], return_tensors="pt", input_data_format="channels_last"
        )
        beams = {} if num_beams is None else {"num_beams": num_beams}
        with torch.no_grad():
            ids = model.generate(**inputs, max_new_tokens=256, do_sample=False, **beams)
        (expected,) = processor.batch_decode(ids, skip_special_tokens=True)
        assert caption.raw_text == expected.strip()
        assert np.isfinite(caption.token_logprobs).all()


def test_the_keys_and_values_of_an_image_are_never_copied(tiny, monkeypatch):
    """The decoder's own tokens alone go along when a beam is left for another."""
    reordered = []
    reorder = DynamicLayer.reorder_cache

    def spy(layer, beam_idx):
        reordered.append(layer.keys.shape[2])
        reorder(layer, beam_idx)

    monkeypatch.setattr(DynamicLayer, "reorder_cache", spy)
    captioner = load_captioner(str(tiny.florence), device=CPU)
    (caption,) = captioner.captions(pictures(1))

    num_layers, num_read = 2, len(reordered) // 2
    assert reordered == [tokens for tokens in range(1, num_read + 1) for _ in range(num_layers)]
    assert num_read >= len(caption.tokens)


def test_another_prompt_is_refused(tiny):
    with pytest.raises(ModelUnavailable, match="<DETAILED_CAPTION>"):
        load_captioner(str(tiny.florence), device=CPU, prompt="a picture of")


def test_code_of_a_checkpoint_is_never_run(hub, tmp_path, tiny):
    """As microsoft/Florence-2-base has it; refused before its weights are fetched."""
    folder = Path(shutil.copytree(tiny.florence, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_florence2.Florence2ForConditionalGeneration"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_florence2.py").write_text("raise SystemExit(1)")
    hub.models["microsoft/Florence-2-base"] = folder
    with pytest.raises(ModelUnavailable, match="never run"):
        hub_client.fetch("microsoft/Florence-2-base")
    assert not any(name.endswith(".safetensors") for name in hub.downloads)
    with pytest.raises(ModelUnavailable, match="never run"):
        load_captioner(str(folder), device=CPU)


def test_a_missing_weight_is_an_error(tmp_path, tiny):
    folder = Path(shutil.copytree(tiny.florence, tmp_path / "model"))
    state = load_file(folder / "model.safetensors")
    lost = next(name for name in state if "encoder.layers.0.fc1.weight" in name)
    del state[lost]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match="fc1"):
        load_captioner(str(folder), device=CPU)


def test_it_only_captions(tiny):
    with pytest.raises(ModelUnavailable, match="cannot be an embedder"):
        load_embedder(str(tiny.florence), device=CPU)
    with pytest.raises(ModelUnavailable, match="cannot be explained"):
        load_caption_explainer(str(tiny.florence), device=CPU)
