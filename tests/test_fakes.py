"""The fakes are what they say: other tests state exact results on the strength of this."""

import numpy as np
import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder, solid
from vidsearch.models.protocols import Captioner, Embedder


def test_image_and_word_of_one_colour_are_one_vector():
    embedder: Embedder = ColourEmbedder()
    images = embedder.embed_images([solid("red"), solid("yellow"), solid("grey")])
    texts = embedder.embed_texts(["red", "Yellow!", "something grey"])
    half, third = 0.5**0.5, 3**-0.5
    np.testing.assert_allclose(images, [[1, 0, 0], [half, half, 0], [third, third, third]], atol=1e-6)
    np.testing.assert_allclose(texts, images, atol=1e-6)


def test_black_and_wordless_are_grey_unit_rows():
    embedder = ColourEmbedder()
    third = 3**-0.5
    black = np.zeros((4, 4, 3), dtype=np.uint8)
    np.testing.assert_allclose(embedder.embed_images([black]), [[third] * 3], atol=1e-6)
    np.testing.assert_allclose(embedder.embed_texts(["a dog"]), [[third] * 3], atol=1e-6)


def test_embedder_counts_what_it_was_asked_for():
    embedder = ColourEmbedder()
    assert embedder.embed_images([]).shape == (0, 3)
    embedder.embed_images([solid("red")] * 3)
    embedder.embed_texts(["red", "blue"])
    counts = (embedder.num_image_calls, embedder.num_images, embedder.num_text_calls, embedder.num_texts)
    assert counts == (2, 3, 1, 2)


@pytest.mark.parametrize("colour", ["red", "green", "blue", "white", "grey"])
def test_captioner_names_the_colour(colour):
    captioner: Captioner = ColourCaptioner()
    (caption,) = captioner.captions([solid(colour)])
    assert caption.text == caption.raw_text == f"a {colour} picture"
    assert caption.tokens == ("a", colour, "picture")
    assert caption.token_logprobs == (-0.5, -0.5, -0.5)
