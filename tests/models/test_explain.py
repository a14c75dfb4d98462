"""Explanations of tiny models: right shapes, right gradients, and properties that hold whatever the weights
are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPModel

from tests.models.conftest import CPU
from tests.models.contract import pictures
from vidsearch.models.explain_clip import ClipExplainer
from vidsearch.models.layers import recorded_attention
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.registry import load_caption_explainer, load_explainer
from vidsearch.models.relevance import WHOLE, Region
from vidsearch.service.schemas import RelevanceSchema, plain

QUERY = "a red dog on the grass"


@pytest.fixture(scope="session")
def explainers(tiny):
    return {
        "clip": load_explainer(str(tiny.clip), device=CPU),
        "siglip": load_explainer(str(tiny.siglip), device=CPU),
        "blip": load_explainer(str(tiny.blip_retrieval), device=CPU),
    }


@pytest.mark.parametrize(("name", "side"), [("clip", 4), ("siglip", 4), ("blip", 6)])
class TestEveryExplainer:
    def test_a_grid_has_the_models_patches(self, explainers, name, side):
        relevance = explainers[name].explain(pictures(1)[0], QUERY)
        assert relevance.grid.shape == (side, side)
        assert relevance.grid.dtype == np.float32
        assert np.isfinite(relevance.grid).all()
        assert relevance.grid.min() >= 0
        assert relevance.grid.max() > 0
        assert relevance.text == QUERY

    def test_the_same_question_has_the_same_answer(self, explainers, name, side):
        image = pictures(1)[0]
        first, second = (explainers[name].explain(image, QUERY) for _ in range(2))
        np.testing.assert_array_equal(first.grid, second.grid)
        assert first.score == second.score

    def test_other_questions_have_other_answers(self, explainers, name, side):
        image = pictures(1)[0]
        first, second = (explainers[name].explain(image, text).grid for text in (QUERY, "a boat"))
        assert not np.allclose(first / first.sum(), second / second.sum(), rtol=1e-3)

    def test_it_goes_into_json(self, explainers, name, side):
        relevance = explainers[name].explain(pictures(1)[0], QUERY)
        again = json.loads(json.dumps(plain(RelevanceSchema.of(relevance))))
        np.testing.assert_allclose(again["grid"], relevance.grid, rtol=1e-6)
        assert again["score"] == relevance.score


@pytest.mark.parametrize(("name", "embedder"), [("clip", "tiny_clip"), ("siglip", "tiny_siglip")])
def test_the_score_explained_is_the_similarity(request, explainers, name, embedder):
    """The vector is computed a second time, to have gradients: guards against explaining another score."""
    model = request.getfixturevalue(embedder)
    image = pictures(1)[0]
    expected = float(model.embed_images([image])[0] @ model.embed_texts([QUERY])[0])
    assert explainers[name].explain(image, QUERY).score == pytest.approx(expected, abs=1e-5)


def test_the_score_explained_is_the_matching_probability(explainers, tiny_blip):
    image = pictures(1)[0]
    expected = float(tiny_blip.match_scores([image], QUERY)[0])
    assert explainers["blip"].explain(image, QUERY).score == pytest.approx(expected, abs=1e-5)


def test_explaining_leaves_the_model_as_it_was(tiny):
    """Attention maps are collected for an explanation alone: they are slow, and would fill the memory."""
    explainer: Any = load_explainer(str(tiny.clip), device=CPU)
    embedder = explainer._embedder
    before = embedder.embed_images(pictures(3))
    explainer.explain(pictures(1)[0], QUERY)
    assert all(attention.maps is None for attention in embedder.model.vision_model.encoder.attentions())
    np.testing.assert_array_equal(embedder.embed_images(pictures(3)), before)


def test_clip_relevance_is_chefers_rule(tiny, explainers):
    """The rule, over attention maps of transformers' own model, with gradients from differences of the score.

    One layer: R[class token] = mean over heads of max(0, dS/dA * A). The gradient with respect to an
    attention map is checked by nudging the map of the last layer and running the rest of the tower.
    """
    explainer = explainers["clip"]
    embedder = explainer._embedder
    model: Any = CLIPModel.from_pretrained(tiny.clip).eval()
    vision = model.vision_model
    image = pictures(1)[0]
    text = torch.from_numpy(embedder.embed_texts([QUERY])[0]).double()
    pixels = embedder.preprocessing.normalise(
        torch.from_numpy(embedder.preprocessing.batch([image])), torch.float32
    )
    layer = vision.encoder.layers[-1]
    with torch.no_grad():
        states = vision.pre_layrnorm(vision.embeddings(pixels))
        for earlier in vision.encoder.layers[:-1]:
            states = earlier(states, None)
        normed = layer.layer_norm1(states)
        attention = layer.self_attn
        heads = attention.num_heads

        def split(rows: torch.Tensor) -> torch.Tensor:
            return rows.view(1, rows.shape[1], heads, -1).transpose(1, 2)

        query, key = split(attention.q_proj(normed)), split(attention.k_proj(normed))
        value = split(attention.v_proj(normed))
        maps = ((query @ key.transpose(-1, -2)) * attention.scale).softmax(-1)

        def score(changed: torch.Tensor) -> float:
            mixed = attention.out_proj((changed @ value).transpose(1, 2).flatten(2))
            out = states + mixed
            out = out + layer.mlp(layer.layer_norm2(out))
            row = model.visual_projection(vision.post_layernorm(out[:, 0]))[0].double()
            return float(row @ text / row.norm())

        step = 1e-2
        expected = np.zeros(maps.shape[-1])
        for head in range(heads):
            for token in range(maps.shape[-1]):
                up, down = maps.clone(), maps.clone()
                up[0, head, 0, token] += step
                down[0, head, 0, token] -= step
                slope = (score(up) - score(down)) / (2 * step)
                expected[token] += max(0.0, slope * float(maps[0, head, 0, token])) / heads
    grid = explainer.explain(image, QUERY).grid
    np.testing.assert_allclose(grid.reshape(-1), expected[1:], rtol=0.02, atol=2e-5)


def test_more_layers_carry_relevance_further(tiny, explainers):
    all_layers = ClipExplainer(explainers["clip"]._embedder, num_layers=3)
    image = pictures(1)[0]
    last, rolled = explainers["clip"].explain(image, QUERY).grid, all_layers.explain(image, QUERY).grid
    assert rolled.shape == last.shape
    assert rolled.sum() > last.sum()


def test_siglip_pooling_attends_as_torchs_own_module_does(explainers):
    head = explainers["siglip"]._embedder.model.vision_model.head
    reference = torch.nn.MultiheadAttention(32, 4, batch_first=True).eval()
    reference.load_state_dict(head.attention.state_dict())
    tokens = torch.randn(2, 16, 32, generator=torch.Generator().manual_seed(0))
    query = head.probe.repeat(2, 1, 1)
    with torch.no_grad(), recorded_attention([head.attention]) as maps:
        ours = head.attention(query, tokens)
        expected, attended = reference(query, tokens, tokens, average_attn_weights=False)
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    np.testing.assert_allclose(maps[0], attended, atol=1e-6)


def test_blip_explains_each_word(explainers):
    relevance = explainers["blip"].explain(pictures(1)[0], QUERY)
    assert [each.word for each in relevance.words] == QUERY.split()
    mean = np.mean([each.grid for each in relevance.words], axis=0)
    np.testing.assert_allclose(relevance.grid, mean, rtol=1e-5)


def test_blip_weighs_attention_by_the_matching_scores_gradient(explainers):
    """Turn the head's answer around and the gradient changes its sign: what spoke for it now speaks against
    it."""
    explainer = explainers["blip"]
    head = explainer._embedder.model.itm_head
    image = pictures(1)[0]
    before = explainer.explain(image, QUERY)
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        head.bias.copy_(head.bias.flip(0))
    after = explainer.explain(image, QUERY)
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        head.bias.copy_(head.bias.flip(0))
    assert after.score == pytest.approx(1 - before.score, abs=1e-5)
    assert not np.allclose(after.grid, before.grid, rtol=1e-3)


def test_captions_are_explained_word_by_word(tiny):
    explainer: Any = load_caption_explainer(str(tiny.blip_captioner), device=CPU)
    relevance = explainer.explain_caption(pictures(1)[0])
    captioner = explainer._captioner
    (caption,) = captioner.captions(pictures(1))
    assert relevance.text == caption.text
    assert [each.word for each in relevance.words] == [
        token for token in caption.tokens if token != captioner.end_token
    ]
    for each in relevance.words:
        assert each.grid.shape == (6, 6)
        assert each.grid.min() >= 0
        assert each.grid.sum() <= 1 + 1e-5  # attention to patches; the rest went to the class token


def test_minis_cells_add_up_to_the_similarity(mini_embedder):
    """The mean of a map is the similarity that search uses, for the whole query and each word."""
    explainer = load_explainer("mini", device=CPU)
    image = pictures(1)[0]
    words = QUERY.split()
    similarities = mini_embedder.embed_texts([QUERY, *words]) @ mini_embedder.embed_images([image])[0]
    relevance = explainer.explain(image, QUERY)
    assert relevance.grid.shape == (27, 27)
    assert relevance.region == WHOLE
    assert [each.word for each in relevance.words] == words
    means = [relevance.score, *(each.grid.mean() for each in relevance.words)]
    np.testing.assert_allclose(means, similarities, atol=1e-4)


def test_mini_explains_its_caption(mini_captioner):
    relevance = load_caption_explainer("mini", device=CPU).explain_caption(pictures(1)[0])
    assert relevance.text == mini_captioner.captions(pictures(1))[0].text
    assert " ".join(each.word for each in relevance.words) == relevance.text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((224, 224), Region(0, 0, 1, 1)),
        ((100, 200), Region(0.25, 0, 0.75, 1)),
        ((400, 100), Region(0, 0.375, 1, 0.625)),
    ],
)
def test_a_centre_crop_is_a_region_of_the_image(size, expected):
    assert Preprocessing.from_config({}, family="clip").region(*size) == expected
    assert Preprocessing.from_config({}, family="blip").region(*size) == WHOLE
