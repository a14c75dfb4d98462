from __future__ import annotations

import numpy as np

from tests.ingest.clips import striped
from vidsearch.ingest.near_duplicates import is_near_duplicate, signature


def test_codec_noise_does_not_make_a_picture_new():
    picture = striped("grey", height=180, width=320)
    noise = np.random.default_rng(0).integers(-6, 7, picture.shape)
    noisy = np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)
    assert is_near_duplicate(signature(picture), signature(noisy))


def test_something_small_that_appears_makes_a_picture_new():
    # The mean over all cells moves by 0.03 steps: it must be the largest change that counts.
    picture = striped("grey", height=180, width=320)
    changed = picture.copy()
    changed[90:98, 160:168] = 255
    assert not is_near_duplicate(signature(picture), signature(changed))


def test_pictures_smaller_than_the_grid_are_compared_too():
    picture = striped("red", height=4, width=6)
    assert is_near_duplicate(signature(picture), signature(picture))
    assert not is_near_duplicate(signature(picture), signature(striped("blue", height=4, width=6)))
