"""What people would agree on: learnt from captions, and what a sentence is compared with."""

import json
import math

import numpy as np
import onnxruntime
import pytest
import torch

from training.mini.captioner import CELL_WIDTH, NUM_CELLS, SUMMARY_WIDTH, build_vocabulary, encode_captions
from training.mini.consensus import ConsensusTraining, list_phrases, shown, train_consensus
from training.mini.export import export_consensus, write_manifest
from vidsearch.models.mini.consensus import ORDERS, Consensus
from vidsearch.models.mini.decoder import CaptionDecoder
from vidsearch.models.mini.embedder import ImageFeatures, ImageTower
from vidsearch.ngrams import count_ngrams

# The exporter in use is the old one, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KINDS = (("a dog runs", "a dog runs fast"), ("a cat sleeps", "the cat sleeps"))
PER_KIND = 40


@pytest.fixture(scope="module")
def vocabulary():
    return build_vocabulary((caption for kind in KINDS for caption in kind), min_count=1)


@pytest.fixture(scope="module")
def tokens(vocabulary):
    """Captions of 80 photographs, of which every other one shows a dog."""
    return torch.from_numpy(np.stack([encode_captions(kind, vocabulary) for kind in KINDS] * PER_KIND))


@pytest.fixture(scope="module")
def features():
    """What the tower shows of them: two directions, and noise."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(2, SUMMARY_WIDTH))
    vectors = np.tile(kinds, (PER_KIND, 1)) + 0.3 * rng.normal(size=(2 * PER_KIND, SUMMARY_WIDTH))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    cells = rng.normal(size=(2 * PER_KIND, NUM_CELLS, CELL_WIDTH)).astype(np.float32)
    return ImageFeatures(vectors, vectors, vectors, np.empty((2 * PER_KIND, 0), np.float32), cells)


@pytest.fixture(scope="module")
def learnt(tokens, features):
    config = ConsensusTraining(fewest=(PER_KIND, PER_KIND), epochs=30, batch=16)
    phrases, rarities = list_phrases(tokens, config.fewest)
    rows = shown(torch.from_numpy(features.embedding), torch.from_numpy(features.cells))
    return train_consensus(rows, tokens, phrases, config), phrases, rarities


@pytest.fixture(scope="module")
def consensus(learnt, tmp_path_factory):
    """As it is shipped: an ONNX file, and the phrases."""
    network, phrases, rarities = learnt
    folder = tmp_path_factory.mktemp("weights")
    export_consensus(network, folder / "consensus.onnx")
    (folder / "consensus.json").write_text(json.dumps({"phrases": phrases, "rarities": rarities}))
    write_manifest(folder)
    return Consensus(num_threads=1, folder=folder)


def test_phrases_are_listed_by_the_photographs_that_have_them(tokens, vocabulary, learnt):
    number = {word: i for i, word in enumerate(vocabulary)}
    _, phrases, rarities = learnt
    rarity = dict(zip(phrases, rarities, strict=True))
    assert rarity[number["a"],] == 0
    assert rarity[number["dog"], number["runs"]] == pytest.approx(math.log(2))
    assert list_phrases(tokens, (PER_KIND + 1, PER_KIND + 1))[0] == [(number["a"],)]


def test_an_unknown_word_is_part_of_no_phrase(vocabulary):
    row = torch.from_numpy(encode_captions(["a dog nobody runs"], vocabulary))
    number = {word: i for i, word in enumerate(vocabulary)}
    phrases, _ = list_phrases(row[None], (1, 1))
    assert set(phrases) == {
        (number["a"],), (number["dog"],), (number["runs"],), (number["a"], number["dog"]),
    }  # fmt: skip


def test_the_file_says_what_the_network_says(learnt, features, tmp_path):
    export_consensus(learnt[0], tmp_path / "consensus.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "consensus.onnx")
    (likely,) = session.run(["likely"], {"embedding": features.embedding, "cells": features.cells})
    rows = shown(torch.from_numpy(features.embedding), torch.from_numpy(features.cells))
    with torch.inference_mode():
        np.testing.assert_allclose(likely, learnt[0](rows).sigmoid().numpy(), atol=1e-5)


def test_each_picture_agrees_with_its_own_sentence(consensus, features, vocabulary):
    number = {word: i for i, word in enumerate(vocabulary)}
    dog, cat = ([number[word] for word in kind[0].split()] for kind in KINDS)
    expected = consensus.expected(features)
    differences = [consensus.agreement(row, dog) - consensus.agreement(row, cat) for row in expected]
    assert all(difference > 0.2 for difference in differences[::2])
    assert all(difference < -0.2 for difference in differences[1::2])


def test_agreement_is_the_cosine_of_phrases_weighted_by_rarity(consensus, features, learnt):
    """Written out over all phrases at once, without counting what a sentence lacks."""
    network, phrases, rarities = learnt
    rows = shown(torch.from_numpy(features.embedding[:1]), torch.from_numpy(features.cells[:1]))
    with torch.inference_mode():
        likely = network(rows).sigmoid().numpy()[0]
    words = [word for phrase in phrases if len(phrase) == 2 for word in phrase]
    cosines = []
    for order, counts in enumerate(count_ngrams(words, ORDERS), start=1):
        listed = [i for i, phrase in enumerate(phrases) if len(phrase) == order]
        rarity = np.array([rarities[i] for i in listed])
        said = np.array([counts[phrases[i]] for i in listed]) * rarity
        unlisted = sum(n**2 for phrase, n in counts.items() if phrase not in phrases) * max(rarities) ** 2
        # A caption either has a phrase or not, so the mean of its square is its probability.
        length = np.sqrt((likely[listed] * rarity**2).sum()) * np.sqrt((said**2).sum() + unlisted)
        cosines.append((said * likely[listed] * rarity).sum() / length)
    (row,) = consensus.expected(features)[:1]
    assert consensus.agreement(row, words) == pytest.approx(np.mean(cosines), rel=1e-4)


def test_a_sentence_without_words_agrees_with_nothing(consensus, features):
    assert consensus.agreement(consensus.expected(features)[0], []) == 0.0


def test_the_shipped_one_knows_a_motorcycle_from_an_animal():
    data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
    (features,) = ImageTower(num_threads=1).features([data.stereo_motorcycle()[0], data.chelsea()])
    number = CaptionDecoder(num_threads=1).number
    said = ("a man is riding a motorcycle", "a brown dog with a red collar")
    shipped = Consensus(num_threads=1)
    agreement = [
        [shipped.agreement(row, [number[word] for word in sentence.split()]) for sentence in said]
        for row in shipped.expected(features)
    ]
    assert np.argmax(agreement, axis=1).tolist() == [0, 1]
