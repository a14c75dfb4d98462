"""Sections begin where the pictures turn to something else."""

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, solid
from vidsearch.captions.sections import split

EMBEDDER = ColourEmbedder()


def vectors_of(*colours: str):
    return EMBEDDER.embed_images([solid(colour) for colour in colours])


def test_each_colour_is_a_section():
    vectors = vectors_of(*["red"] * 5, *["blue"] * 4, *["red"] * 3)
    assert split(vectors, penalty=1.0) == [range(5), range(5, 9), range(9, 12)]


def test_a_flash_is_no_chapter():
    vectors = vectors_of(*["red"] * 5, "blue", *["red"] * 5)
    assert split(vectors, penalty=2.0) == [range(11)]
    assert split(vectors, penalty=0.5) == [range(5), range(5, 6), range(6, 11)]


def test_like_scenes_join_before_unlike_ones():
    vectors = vectors_of(*["red"] * 2, *["magenta"] * 2, *["green"] * 4)
    assert split(vectors, penalty=1.0) == [range(4), range(4, 8)]


@pytest.mark.parametrize("num_frames", [0, 1])
def test_little_to_split(num_frames):
    assert split(vectors_of(*["red"] * num_frames), penalty=1.0) == [range(1)] * num_frames


def test_two_hours_at_a_frame_a_second():
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(72, 64)).repeat(100, axis=0) + 0.1 * rng.normal(size=(7200, 64))
    vectors = (scenes / np.linalg.norm(scenes, axis=1, keepdims=True)).astype(np.float32)
    assert split(vectors, penalty=2.0) == [range(at, at + 100) for at in range(0, 7200, 100)]
