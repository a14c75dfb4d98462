"""From frame captions to one line: what each method chooses, on cases small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, solid
from vidsearch.captions.aggregate import METHODS, AggregatedCaption, aggregate, confidence
from vidsearch.types import UNCLEAR_CAPTION, Caption, CaptionOrigin

EMBEDDER = ColourEmbedder()


def said(
    text: str, *, mean_logprob: float | None = None, origin: CaptionOrigin = CaptionOrigin.MODEL
) -> Caption:
    return Caption(text=text, raw_text=text, mean_logprob=mean_logprob, origin=origin)


def choose(captions: list[Caption], seconds: list[float], **how: Any) -> AggregatedCaption:
    chosen = aggregate(captions, seconds, **how)
    assert chosen is not None
    return chosen


def test_majority_counts_seconds_not_frames():
    captions = [said("a dog"), said("a dog"), said("a cat")]
    assert choose(captions, [1, 1, 3], method="majority") == AggregatedCaption("a cat", 2, 0.6, "majority")


def test_expected_similarity_beats_a_lonely_majority():
    # The longest single caption shares no word with the rest; three paraphrases outweigh it together.
    texts = ["kites above", "a brown dog runs on grass", "a brown dog runs", "a dog runs on green grass"]
    captions, seconds = [said(text) for text in texts], [3.0, 2.0, 2.0, 2.0]
    assert choose(captions, seconds, method="majority").text == "kites above"
    chosen = choose(captions, seconds, method="mbr_words")
    assert chosen.text == "a brown dog runs on grass"
    assert chosen.support == pytest.approx(2 / 9)


def test_consensus_takes_the_caption_that_the_pictures_show():
    # The captioner saw yellow in most frames; the pictures are blue.
    texts = ["a yellow picture", "a yellow picture", "a blue picture"]
    chosen = choose(
        [said(text) for text in texts],
        [1, 1, 1],
        image_vectors=EMBEDDER.embed_images([solid("blue")] * 3),
        embed_texts=EMBEDDER.embed_texts,
        method="consensus",
    )
    assert (chosen.text, chosen.index, chosen.method) == ("a blue picture", 2, "consensus")


def test_the_frame_it_is_taken_from_shows_it_best():
    texts = ["a red picture"] * 3
    chosen = choose(
        [said(text) for text in texts],
        [1, 5, 1],
        image_vectors=EMBEDDER.embed_images([solid("magenta"), solid("magenta"), solid("red")]),
        embed_texts=EMBEDDER.embed_texts,
    )
    assert chosen.index == 2
    assert chosen.support == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_every_method_agrees_where_there_is_nothing_to_choose(method):
    vectors = EMBEDDER.embed_texts(["a red picture"])
    chosen = choose(
        [said("a red picture")], [2.0], image_vectors=vectors, embed_texts=EMBEDDER.embed_texts, method=method
    )
    assert chosen == AggregatedCaption("a red picture", 0, 1.0, method)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_frames_decides_nothing_but_ties(method):
    texts = ["a red car", "a magenta bus", "a red car", "a green car", "a yellow van"]
    seconds = [1.0, 2.0, 3.0, 4.0, 5.0]
    images = EMBEDDER.embed_images([solid(text.split()[1]) for text in texts])
    answers = set()
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]):
        chosen = choose(
            [said(texts[i]) for i in order],
            [seconds[i] for i in order],
            image_vectors=images[order],
            embed_texts=EMBEDDER.embed_texts,
            method=method,
        )
        answers.add(chosen.text)
    assert len(answers) == 1


def test_without_vectors_words_decide_and_say_so():
    assert choose([said("a dog"), said("a cat")], [1, 2], method="combined").method == "mbr_words"


def test_nothing_said_is_no_caption():
    assert aggregate([], []) is None
    assert aggregate([said("")], [1.0]) is None


def test_frames_without_words_do_not_vote():
    chosen = choose([said(""), said("a dog")], [9, 1], method="majority")
    assert chosen == AggregatedCaption("a dog", 1, 1.0, "majority")


def test_what_could_not_be_made_out_has_no_say_where_enough_was():
    captions = [said(UNCLEAR_CAPTION), said("a rocket"), said(UNCLEAR_CAPTION)]
    assert choose(captions, [2, 4, 4]) == AggregatedCaption("a rocket", 1, 1.0, "mbr_words")
    assert choose(captions, [4, 1, 4]).text == UNCLEAR_CAPTION
    assert choose(captions[:1], [1]).text == UNCLEAR_CAPTION


def test_frames_of_no_length_count_alike():
    captions = [said("a dog"), said("a cat"), said("a cat")]
    assert choose(captions, [0, 0, 0], method="majority").text == "a cat"


def test_a_person_outweighs_an_unsure_model():
    captions = [said("a dog", mean_logprob=-2.0), said("a fox", origin=CaptionOrigin.HUMAN)]
    assert choose(captions, [3, 1], method="majority", by_confidence=True).text == "a fox"
    assert choose(captions, [3, 1], method="majority").text == "a dog"


def test_confidence():
    assert confidence(said("x", origin=CaptionOrigin.HUMAN)) == 1.0
    assert confidence(said("x")) == 0.5
    assert confidence(said("x", mean_logprob=-1.0)) == pytest.approx(np.exp(-1))
    assert confidence(said("x", mean_logprob=-50.0)) == 0.05


def test_thousands_of_captions_are_one_pass():
    # The square of these would be 4 x 10^8 comparisons.
    texts = [f"a dog number {i} runs" for i in range(20_000)]
    assert choose(
        [said(text) for text in texts], [1.0] * len(texts), method="mbr_words"
    ).support == pytest.approx(1 / 20_000)


def test_of_very_many_captions_few_are_embedded():
    texts = [f"a red car {i}" for i in range(500)]
    embedder = ColourEmbedder()
    images = embedder.embed_images([solid("red")] * len(texts))
    chosen = choose(
        [said(text) for text in texts],
        [1.0] * 500,
        image_vectors=images,
        embed_texts=embedder.embed_texts,
        method="consensus",
    )
    assert chosen.text == "a red car 0"
    assert embedder.num_texts == 64
