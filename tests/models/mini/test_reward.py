"""What the captioner's training is rewarded by, and how much each human caption counts in it."""

import numpy as np
import pytest
import torch
from pycocoevalcap.cider.cider import Cider

from training.mini.captioner import build_vocabulary, encode_captions, ended
from training.mini.reward import Reward, consensus

PHOTOS = (
    ("a brown dog runs over the grass", "a dog runs on grass", "the dog is running in the grass"),
    ("a man rides a red bike", "a man on a bike", "somebody hurries to work in the rain"),
    ("two girls play in the snow", "two girls are in the snow", "girls in snow"),
)


@pytest.fixture
def tokens():
    vocabulary = build_vocabulary((caption for group in PHOTOS for caption in group), min_count=1)
    return torch.from_numpy(np.stack([encode_captions(group, vocabulary) for group in PHOTOS]))


def test_cider_is_that_of_pycocoevalcap(tokens):
    """There, sentences have no end, so none is given here either."""
    groups = [[ended(row[1:])[:-1] for row in photo.tolist()] for photo in tokens]
    reward = Reward(groups, bleu_weight=0.0)
    said = [group[1] for group in groups]
    spelled = [[" ".join(map(str, words)) for words in group] for group in groups]
    _, theirs = Cider().compute_score(
        dict(enumerate(spelled)), {i: [group[1]] for i, group in enumerate(spelled)}
    )
    ours = [reward.cider(i, words) for i, words in enumerate(said)]
    assert ours == pytest.approx(theirs.tolist(), rel=1e-4)


def test_a_caption_that_nobody_else_would_have_written_counts_least(tokens):
    weights = consensus(tokens, np.array([0, 1]), most=2.5)
    assert weights.shape == (3, 3)
    assert weights[1].argmin() == 2
    assert weights[:2].mean(axis=1) == pytest.approx([1, 1], abs=0.2)
    assert (weights[2] == 1).all(), "photographs that are not trained on"
