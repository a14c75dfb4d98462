"""SigLIP 2, MetaCLIP 2 and X-CLIP against the reference models, tokenizers and processors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, MetaClip2Model, Siglip2Tokenizer, SiglipModel, XCLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from tests.models.conftest import CPU
from tests.models.contract import TEXTS, clips, pictures
from tests.models.texts import many_texts
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.registry import (
    load_embedder,
    load_explainer,
    load_text_encoder,
    load_video_embedder,
    resolve_models,
)
from vidsearch.types import LibraryModels


def _unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows, dim=-1).detach().numpy()


def _pixels(processor: Any, folder: Any, images: list[np.ndarray]) -> Any:
    config = json.loads((folder / "preprocessor_config.json").read_text())
    return processor(**config)(images, return_tensors="pt", input_data_format="channels_last").pixel_values


def test_siglip_2_matches_the_reference(tiny):
    embedder: Any = load_embedder(str(tiny.siglip2), device=CPU)
    model: Any = SiglipModel.from_pretrained(tiny.siglip2).eval()
    tokenizer = Siglip2Tokenizer.from_pretrained(tiny.siglip2)
    tokenizer.padding_side = "right"
    ids = tokenizer(many_texts(), padding="max_length", truncation=True, max_length=16).input_ids
    assert [embedder.tokenizer.encode(text).ids for text in many_texts()] == ids
    images = pictures(4)
    with torch.no_grad():
        rows = model.get_text_features(input_ids=torch.tensor(ids)).pooler_output
        seen = model.get_image_features(_pixels(SiglipImageProcessorPil, tiny.siglip2, images)).pooler_output
    np.testing.assert_allclose(embedder.embed_texts(many_texts()), _unit(rows), atol=1e-5)
    np.testing.assert_allclose(embedder.embed_images(images), _unit(seen), atol=1e-5)


def test_metaclip_2_matches_the_reference(tiny):
    """Its end token is 2 in truth, and not by CLIP's old mistake."""
    embedder: Any = load_embedder(str(tiny.metaclip2), device=CPU)
    model: Any = MetaClip2Model.from_pretrained(tiny.metaclip2).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny.metaclip2)
    encoded = [tokenizer(text, truncation=True, max_length=20).input_ids for text in many_texts()]
    assert [embedder.tokenizer.encode(text).ids for text in many_texts()] == encoded
    images = pictures(4)
    with torch.no_grad():
        rows = [model.get_text_features(input_ids=torch.tensor([ids])).pooler_output for ids in encoded]
        seen = model.get_image_features(_pixels(CLIPImageProcessorPil, tiny.metaclip2, images)).pooler_output
    expected = _unit(torch.cat(rows))
    np.testing.assert_allclose(embedder.embed_texts(many_texts()), expected, atol=1e-5)
    np.testing.assert_allclose(
        load_text_encoder(str(tiny.metaclip2)).embed_texts(many_texts()), expected, atol=1e-5
    )
    np.testing.assert_allclose(embedder.embed_images(images), _unit(seen), atol=1e-5)


@pytest.mark.parametrize("family", ["siglip2", "metaclip2"])
def test_they_explain_their_matches(tiny, family):
    relevance = load_explainer(str(getattr(tiny, family)), device=CPU).explain(pictures(1)[0], "a red dog")
    assert relevance.grid.shape == (4, 4)
    assert relevance.grid.max() > 0


def test_x_clip_matches_the_reference(tiny):
    """Clips, and texts that no clip has adapted, as an index needs them."""
    embedder = load_video_embedder(str(tiny.xclip), device=CPU, batch_size=2)
    model: Any = XCLIPModel.from_pretrained(tiny.xclip).eval()
    some = clips(5, embedder.num_frames)
    tokens = AutoTokenizer.from_pretrained(tiny.xclip)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        pixels = [_pixels(VideoMAEImageProcessorPil, tiny.xclip, list(clip)) for clip in some]
        batch = torch.stack([each.reshape(embedder.num_frames, 3, 32, 32) for each in pixels])
        seen = model.get_video_features(batch).pooler_output
        rows = model.get_text_features(input_ids=tokens.input_ids).pooler_output
    np.testing.assert_allclose(embedder.embed_clips(some), _unit(seen), atol=1e-5)
    np.testing.assert_allclose(embedder.embed_texts(TEXTS), _unit(rows), atol=1e-5)
    np.testing.assert_allclose(load_text_encoder(str(tiny.xclip)).embed_texts(TEXTS), _unit(rows), atol=1e-5)


def test_bf16_keeps_the_vectors_of_clips(tiny):
    full = load_video_embedder(str(tiny.xclip), device=CPU)
    half = load_video_embedder(str(tiny.xclip), device=Device("cpu", "bf16"))
    some = clips(8, full.num_frames)
    assert np.sum(full.embed_clips(some) * half.embed_clips(some), axis=1).min() >= 0.999


def test_an_embedder_of_clips_is_none_of_images(tiny):
    with pytest.raises(ModelUnavailable, match="clips of several frames"):
        load_embedder(str(tiny.xclip), device=CPU)
    with pytest.raises(ModelUnavailable, match="single images"):
        load_video_embedder(str(tiny.clip), device=CPU)
    for name in ("xclip", str(tiny.xclip)):
        with pytest.raises(ModelUnavailable, match="no single frames"):
            resolve_models(name)
    chosen = resolve_models(f"clip,{tiny.xclip},{tiny.clap}").models
    assert chosen == LibraryModels(("clip",), None, (str(tiny.xclip),), (str(tiny.clap),))
