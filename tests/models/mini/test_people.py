"""Captions name people where people are seen, and tell their sex where it is plain."""

import json
from pathlib import Path

import numpy as np
import pytest

from vidsearch.media.images import read_image
from vidsearch.models.mini import MiniCaptioner
from vidsearch.models.mini.beam import beam_search
from vidsearch.models.mini.naming import Noun, Proposal, not_a_dog
from vidsearch.models.mini.people import FEMALE, MALE, is_sex_plain, names_people, neutral
from vidsearch.models.mini.scenes import Scene, of_things

COCO = Path(__file__).parents[4] / "shared" / "data" / "coco_100"


@pytest.fixture(scope="module")
def captioner():
    return MiniCaptioner(num_threads=2)


class TestInvention:
    def test_nobody_is_named_in_pictures_of_things(self, captioner):
        data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
        names = ("coffee", "chelsea", "rocket", "brick", "gravel", "grass", "coins", "page", "moon", "clock")
        images = [np.asarray(getattr(data, name)()) for name in names]
        rgb = [np.stack([image] * 3, axis=-1) if image.ndim == 2 else image for image in images]
        said = [caption.text for caption in captioner.captions(rgb)]
        assert [text for text in said if names_people(text.split())] == []

    def test_somebody_is_named_where_somebody_is(self, captioner):
        data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
        (caption,) = captioner.captions([data.astronaut()])
        assert names_people(caption.tokens)

    @pytest.mark.skipif(not COCO.is_dir(), reason="needs ../shared/data/coco_100")
    def test_photographs_from_elsewhere(self, captioner):
        """Guards against a captioner that takes a room, a street or a slope for a sign of people."""
        told = json.loads((COCO / "people.json").read_text(encoding="utf-8"))
        named = {
            kind: sum(
                names_people(caption.tokens)
                for caption in captioner.captions([read_image(COCO / "images" / name) for name in told[kind]])
            )
            for kind in ("no_person", "person")
        }
        assert named["no_person"] <= 5
        assert named["person"] >= 28


class TestWords:
    def test_who_is_named(self):
        assert names_people(["two", "skiers", "on", "a", "slope"])
        assert names_people(["hands"])
        assert not names_people(["a", "brown", "dog", "in", "the", "snow"])

    @pytest.mark.parametrize(
        ("told", "untold"),
        [
            ("a man in a hat", "a person in a hat"),
            ("two young women with their dog", "two young people with their dog"),
            ("a little girl and her dog", "a little child and their dog"),
            ("a man and a woman are dancing", "two people are dancing"),
            ("a boy and a girl", "two children"),
            ("a man and woman are sitting", "two people are sitting"),
            ("a man and a boy", "a person and a child"),
            ("a brown dog", "a brown dog"),
        ],
    )
    def test_a_sex_that_is_not_plain_is_not_told(self, told, untold):
        words, logprobs = neutral(told.split(), [-1.0] * len(told.split()))
        assert " ".join(words) == untold
        assert logprobs == (-1.0,) * len(words)


class TestSexes:
    @pytest.mark.parametrize(
        ("sentence", "male", "female", "is_plain"),
        [
            ("a man in a hat", 0.95, 0.05, True),
            ("a man in a hat", 0.7, 0.3, False),
            ("a woman with her dog", 0.3, 0.7, False),
            ("a woman with her dog", 0.02, 0.7, True),
            ("a man and a woman are dancing", 0.5, 0.5, True),
            ("a man and a woman are dancing", 0.7, 0.3, False),
            ("a brown dog", 0.0, 0.0, True),
        ],
    )
    def test_a_sex_is_plain_where_people_would_nearly_all_tell_it(self, sentence, male, female, is_plain):
        assert is_sex_plain(sentence.split(), male=male, female=female) == is_plain

    def test_a_caption_tells_no_sex_that_the_forecast_of_words_does_not(self, captioner, monkeypatch):
        """Guards against calling women men: the decoder says "man" of most people."""
        data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
        said = []
        for share in (0.5, 0.0):
            masses = {id(captioner._male): 1 - share, id(captioner._female): share}
            monkeypatch.setattr(captioner._consensus, "likelihood", lambda _, words, m=masses: m[id(words)])
            said += [set(caption.tokens) for caption in captioner.captions([data.astronaut()])]
        unsure, sure = said
        assert not unsure & (MALE | FEMALE)
        assert unsure & {"person", "child"} or sure == unsure
        assert not sure & FEMALE


class TestDogs:
    def test_what_is_no_dog_is_an_animal(self):
        proposal = Proposal(("a", "dog", "and", "two", "brown", "dogs"), (-1.0,) * 6, score=-1.0)
        assert not_a_dog(proposal).words == ("an", "animal", "and", "two", "brown", "animals")
        assert not_a_dog(proposal).logprobs == proposal.logprobs


def scene(words: str, height: float) -> Scene:
    said = ("a", "picture", "of", *words.split())
    return Scene(said, (0.0, 0.0, 0.0, *(-0.5 for _ in words.split())), height)


class TestThings:
    @pytest.mark.parametrize(
        ("noun", "place", "height", "said"),
        [
            ("microwave", "a kitchen", 5.0, "a microwave in a kitchen"),
            ("dam", "a river", 5.0, "a picture of a dam"),
            ("hot dog", "food on a plate", 1.0, "a picture of a hot dog"),
            ("train", "a train at a station", 5.0, "a picture of a train at a station"),
            (None, "a bathroom", 4.0, "a picture of a bathroom"),
            (None, "a bathroom", 1.0, None),
        ],
    )
    def test_a_thing_its_place_or_both(self, noun, place, height, said):
        named = None if noun is None else Noun(noun, is_animal=False, probability=0.8)
        found = of_things(named, scene(place, height), strange=0.5)
        assert (None if found is None else " ".join(found.words)) == said
        assert found is None or len(found.words) == len(found.logprobs)

    def test_an_unsure_thing_gives_way_to_a_sure_scene(self):
        unsure = Noun("throne", is_animal=False, probability=0.35)
        assert of_things(unsure, scene("a theatre", 4.5), strange=0.9) == scene("a theatre", 4.5)
        found = of_things(unsure, scene("a theatre", 1.0), strange=0.9)
        assert found is not None
        assert found.words == ("a", "picture", "of", "a", "throne")


def test_a_banned_word_is_in_no_sentence_of_its_image_and_free_in_the_next():
    table = {1: {4: -0.1, 5: -2.0}, 4: {2: -0.1}, 5: {2: -0.1}}

    def step(token, rows):
        scores = np.full((len(token), 6), -50.0, np.float32)
        for row, word in enumerate(token.tolist()):
            for after, value in table.get(word, {}).items():
                scores[row, after] = value
        return scores

    banned = np.zeros((2, 6), bool)
    banned[0, 4] = True
    found = beam_search(
        step, 2, function_words=frozenset(), unfinished_ends=frozenset(), banned=banned, width=2,
        min_words=0, max_words=3,
    )  # fmt: skip
    assert [hypotheses[0].words for hypotheses in found] == [(5,), (4,)]
