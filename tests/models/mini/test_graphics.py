"""Pictures that no camera took, and what is said of them."""

import math

import numpy as np
import pytest

from training.mini.drawn import KINDS, drawn, subtitled
from vidsearch.models.mini import MiniCaptioner
from vidsearch.models.mini.graphics import PHRASES, of_graphic


@pytest.fixture(scope="module")
def captioner():
    return MiniCaptioner(num_threads=2)


def said(photograph, **kinds):
    """What is said by these probabilities, and the log-probability of its last word; None of a photograph."""
    found = of_graphic(np.array([photograph, *(kinds.get(kind, 0.0) for kind in PHRASES)], np.float32))
    return found and (" ".join(found.words), found.logprobs[-1])


@pytest.mark.parametrize(
    ("kinds", "phrase", "likelihood"),
    [
        pytest.param({"chart": 0.9, "diagram": 0.1}, "a chart", 0.9, id="plainly one"),
        pytest.param(
            {"slide": 0.4, "title": 0.35, "chart": 0.25}, "words on a screen", 0.75, id="with words"
        ),
        pytest.param({"chart": 0.6, "test_card": 0.4}, "computer graphics", 1.0, id="with shapes"),
    ],
)
def test_no_more_is_said_than_is_plain(kinds, phrase, likelihood):
    assert said(0.0, **kinds) == (f"a picture of {phrase}", pytest.approx(math.log(likelihood), abs=1e-6))


def test_what_may_be_a_photograph_is_left_to_the_captioner():
    """A wrong name for a photograph is worse than none for a slide."""
    assert said(0.3, slide=0.7) is None


def test_all_kinds_that_have_words_can_be_drawn():
    assert list(KINDS) == list(PHRASES)


def test_a_picture_is_the_same_each_time():
    np.testing.assert_array_equal(drawn("windows", 3), drawn("windows", 3))


@pytest.mark.parametrize("kind", ["code", "chart", "road_map", "test_card", "plain"])
def test_drawn_pictures_are_called_what_they_are(captioner, kind):
    """Not a web page, a clock on a wall, hard to make out, and an airplane in the sky."""
    (caption,) = captioner.captions([drawn(kind, 200_000)])
    assert caption.text == f"a picture of {PHRASES[kind]}"
    assert len(caption.token_logprobs) == len(caption.tokens)


def test_a_photograph_with_words_over_it_is_a_photograph(captioner):
    data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
    (caption,) = captioner.captions([subtitled(data.coffee(), np.random.default_rng(1))])
    assert "coffee" in caption.tokens
