"""BLIP against the reference models: vectors, matching, captions and their log-probabilities."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BlipForConditionalGeneration, BlipForImageTextRetrieval
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from tests.models.conftest import CPU
from tests.models.contract import TEXTS, pictures
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.registry import load_captioner, load_embedder, load_matcher


def _pixels(folder, images):
    config = json.loads((folder / "preprocessor_config.json").read_text())
    return BlipImageProcessorPil(**config)(
        images, return_tensors="pt", input_data_format="channels_last"
    ).pixel_values


def _tokens(folder, text):
    encoding = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text)
    return torch.tensor([encoding.ids]), torch.tensor([encoding.attention_mask])


def test_vectors_match_the_reference(tiny, tiny_blip):
    """The reference gives the cosine of each image with each text; ours are products of our rows."""
    model = BlipForImageTextRetrieval.from_pretrained(tiny.blip_retrieval).eval()
    images = pictures(4)
    pixels = _pixels(tiny.blip_retrieval, images)
    reference = []
    for text in TEXTS:
        ids, mask = _tokens(tiny.blip_retrieval, text)
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_itm_head=False)
        reference.append(out.itm_score[:, 0].numpy())
    ours = tiny_blip.embed_images(images) @ tiny_blip.embed_texts(TEXTS).T
    np.testing.assert_allclose(ours, np.stack(reference, axis=1), atol=1e-5)


def test_matching_matches_the_reference(tiny):
    """The head was trained with [ENC] first, the last of the embeddings; tokenizers write [CLS] there."""
    model = BlipForImageTextRetrieval.from_pretrained(tiny.blip_retrieval).eval()
    matcher = load_matcher(str(tiny.blip_retrieval), device=CPU, batch_size=2)
    images = pictures(5)
    for text in TEXTS:
        ids, mask = _tokens(tiny.blip_retrieval, text)
        ids[:, 0] = model.config.text_config.vocab_size - 1
        with torch.no_grad():
            logits = model(
                input_ids=ids.expand(5, -1),
                attention_mask=mask.expand(5, -1),
                pixel_values=_pixels(tiny.blip_retrieval, images),
            ).itm_score
        expected = torch.softmax(logits, dim=-1)[:, 1].numpy()
        np.testing.assert_allclose(matcher.match_scores(images, text), expected, atol=1e-5)


def test_clip_does_not_match(tiny):
    with pytest.raises(ModelUnavailable, match="re-rank with blip or mini"):
        load_matcher(str(tiny.clip), device=CPU)


PUBLISHED_PROMPT = "a picture of "


def _generate(folder, image, *, prompt, **settings):
    """Caption one image with transformers' own `generate` and tokenizer. Returns its text, prompt and all."""
    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words = {"input_ids": _tokens(folder, prompt)[0]} if prompt else {}
    with torch.no_grad():
        ids = model.generate(pixel_values=_pixels(folder, [image]), **words, **settings)
    return tokenizer.decode(ids[0].tolist(), skip_special_tokens=True)


@pytest.mark.parametrize("num_beams", [None, 1, 2, 5])
@pytest.mark.parametrize("name", ["blip_captioner", "blip_ending"])
def test_captions_are_made_as_published(tiny, num_beams, name):
    """The settings are those of the authors' own code: the prompt counts, and is cut off again."""
    folder = getattr(tiny, name)
    captioner = load_captioner(str(folder), device=CPU, num_beams=num_beams, batch_size=4)
    images = pictures(6)
    assert captioner.prompt is None
    for image, caption in zip(images, captioner.captions(images), strict=True):
        expected = _generate(
            folder, image, prompt=PUBLISHED_PROMPT, num_beams=num_beams or 3, max_length=20, min_length=5
        )
        assert caption.raw_text == expected[len(PUBLISHED_PROMPT) :]
        assert len(caption.tokens) <= 16


@pytest.mark.parametrize("num_beams", [None, 3])
@pytest.mark.parametrize("prompt", ["", "a picture of", "the red dog"])
@pytest.mark.parametrize("name", ["blip_captioner", "blip_ending"])
def test_a_prompt_captions_as_transformers_does(tiny, num_beams, prompt, name):
    """Also an empty one. The reference: `generate` of the whole model, whose default is 20 new tokens."""
    folder = getattr(tiny, name)
    captioner = load_captioner(str(folder), device=CPU, num_beams=num_beams, prompt=prompt)
    images = pictures(3)
    beams = {} if num_beams is None else {"num_beams": num_beams}
    assert captioner.prompt == prompt
    for image, caption in zip(images, captioner.captions(images), strict=True):
        assert caption.raw_text == _generate(folder, image, prompt=prompt, max_new_tokens=20, **beams)
        assert caption.raw_text.startswith(prompt)


def test_captions_do_not_depend_on_their_batch(tiny):
    captioner = load_captioner(str(tiny.blip_ending), device=CPU, batch_size=6)
    images = pictures(6)
    together = captioner.captions(images)
    alone = [captioner.captions([image])[0].raw_text for image in images]
    assert [caption.raw_text for caption in together] == alone
    assert len({len(caption.tokens) for caption in together}) > 1  # they end at their own time


@pytest.mark.parametrize("num_beams", [1, 3])
def test_logprobs_are_the_decoders(tiny, num_beams):
    """Read the caption back to the decoder: each token has the log-probability that was reported."""
    model = BlipForConditionalGeneration.from_pretrained(tiny.blip_captioner).eval()
    tokenizer = Tokenizer.from_file(str(tiny.blip_captioner / "tokenizer.json"))
    captioner = load_captioner(str(tiny.blip_captioner), device=CPU, num_beams=num_beams, prompt="")
    for image, caption in zip(pictures(4), captioner.captions(pictures(4)), strict=True):
        start = tokenizer.token_to_id("[DEC]")
        ids = torch.tensor([[start, *(tokenizer.token_to_id(token) for token in caption.tokens)]])
        with torch.no_grad():
            logits = model(pixel_values=_pixels(tiny.blip_captioner, [image]), input_ids=ids).logits
        logprobs = torch.log_softmax(logits[0, :-1], dim=-1)
        expected = logprobs.gather(1, ids[0, 1:, None])[:, 0].numpy()
        np.testing.assert_allclose(caption.token_logprobs, expected, atol=1e-4)


def test_text_is_clean_and_raw_text_is_not(tiny):
    captions = load_captioner(str(tiny.blip_captioner), device=CPU, num_beams=1).captions(pictures(3))
    for caption in captions:
        words = caption.text.split()
        assert all(first != second for first, second in pairwise(words))
        assert len(caption.raw_text.split()) >= len(words)


def test_bf16_captions_are_captions(tiny):
    captioner = load_captioner(str(tiny.blip_captioner), device=Device("cpu", "bf16"))
    captions = captioner.captions(pictures(2))
    assert all(np.isfinite(caption.token_logprobs).all() for caption in captions)


def test_an_embedder_writes_no_captions_and_a_captioner_embeds_nothing(tiny):
    with pytest.raises(ModelUnavailable, match="writes no captions"):
        load_captioner(str(tiny.blip_retrieval), device=CPU)
    with pytest.raises(ModelUnavailable, match="cannot be an embedder"):
        load_embedder(str(tiny.blip_captioner), device=CPU)


def test_running_out_of_memory_halves_the_batch(tiny, monkeypatch):
    """The whole way down: captions stay right and in order while memory runs out above two images."""
    captioner: Any = load_captioner(str(tiny.blip_captioner), device=CPU, num_beams=1, batch_size=8)
    images = pictures(5)
    expected = captioner.captions(images)
    see = captioner.torch_model.vision_model.forward

    def tight(pixel_values, **options):
        if len(pixel_values) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return see(pixel_values, **options)

    monkeypatch.setattr(captioner.torch_model.vision_model, "forward", tight)
    assert [each.text for each in captioner.captions(images)] == [each.text for each in expected]
    assert captioner.batch_size == 2
