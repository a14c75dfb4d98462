"""Phrases for pictures that the captioner has no words for."""

import numpy as np
import pytest

from tests.fakes import ColourEmbedder
from vidsearch.models.mini.naming import names_animals
from vidsearch.models.mini.scenes import Scenes, phrase_vectors

RED, GREEN = np.eye(3, dtype=np.float32)[:2]


def test_phrases_are_unit_rows():
    vectors = phrase_vectors(ColourEmbedder(), ["red", "green"])
    assert vectors == pytest.approx(np.stack([RED, GREEN]))


def test_what_stands_out_is_said_and_not_what_always_scores_high():
    picture = np.array([0.8, 0.6, 0.0], np.float32)
    usually_red = Scenes([("red", 0.8, 0.1), ("green", 0.1, 0.1)], ColourEmbedder())
    scene = usually_red.best(picture)
    assert scene.words == ("a", "picture", "of", "green")
    assert scene.height == pytest.approx(5.0)
    assert scene.logprobs == pytest.approx((0.0, 0.0, 0.0, -np.log(1 + np.exp(-5.0))), abs=1e-5)


def test_phrases_are_embedded_once_and_only_when_asked_for():
    encoder = ColourEmbedder()
    scenes = Scenes([("red", 0.0, 0.1), ("green", 0.0, 0.1)], encoder)
    assert encoder.num_texts == 0
    assert {scenes.best(RED).words[-1], scenes.best(RED).words[-1]} == {"red"}
    assert encoder.num_texts == 4


def test_a_phrase_names_nobody_and_no_animal_that_is_not_seen():
    """A leaf was a picture of an insect, and one with drops of rain a lizard."""
    scenes = Scenes(
        [("red man", 0.0, 0.1), ("red lizard", 0.0, 0.2), ("red leaf", 0.0, 0.3)], ColourEmbedder()
    )
    seen = [scenes.best(RED, with_people=people, with_animals=True).words[-1] for people in (True, False)]
    assert [*seen, scenes.best(RED, with_people=False, with_animals=False).words[-1]] == [
        "man",
        "lizard",
        "leaf",
    ]


@pytest.mark.parametrize(
    ("phrase", "is_one"),
    [
        ("a lizard", True),
        ("zebras on a plain", True),
        ("a hot dog", False),
        ("a teddy bear", False),
        ("a leaf", False),
    ],
)
def test_phrases_that_name_animals(phrase, is_one):
    assert names_animals(phrase) == is_one
