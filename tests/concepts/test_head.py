"""Directions from examples, over backgrounds whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.concepts.head import Head, HeadMaker

AXES = np.eye(4, dtype=np.float32)


def near(axis: int, count: int, seed: int, spread: float = 0.25) -> np.ndarray:
    """Unit rows around an axis."""
    rows = AXES[axis] + spread * np.random.default_rng(seed).standard_normal((count, 4))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def ranks(head: Head) -> list[float]:
    return [rank for rank in head.ranks_left_out if rank is not None]


NOTHING = np.empty((0, 4), np.float32)
BACKGROUND = np.concatenate([near(0, 60, 1), near(1, 60, 2), near(2, 20, 3)])
MAKER = HeadMaker(BACKGROUND)


def test_one_example_points_at_what_looks_like_it():
    head = MAKER.head(AXES[2:3], NOTHING, None)

    assert np.linalg.norm(head.direction) == pytest.approx(1)
    assert set(np.argsort(-(BACKGROUND @ head.direction))[:20]) == set(range(120, 140))
    assert (head.height_left_out, head.ranks_left_out, head.words_share) == (None, (None,), 0.0)


def test_counter_examples_push_away():
    between = near(2, 3, 4) + near(1, 3, 5)
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    without = MAKER.head(between, NOTHING, None).direction
    against = MAKER.head(between, near(1, 3, 6), None).direction

    assert (near(1, 50, 7) @ against).mean() < (near(1, 50, 7) @ without).mean() - 0.1


def test_examples_left_out_are_found_by_those_that_agree_only():
    agree = MAKER.head(near(2, 5, 8), NOTHING, None)
    astray = MAKER.head(np.concatenate([near(2, 4, 8), -AXES[3:4]]), NOTHING, None)

    assert max(ranks(agree)) <= 0.15
    assert (agree.height_left_out or 0) > 1.0
    assert (astray.height_left_out or 0) < 0.9 * (agree.height_left_out or 0)


def test_frames_of_one_second_do_not_vouch_for_each_other():
    assert MAKER.head(np.repeat(AXES[2:3], 3, axis=0), NOTHING, None).ranks_left_out == (None,) * 3


def test_words_count_as_far_as_the_examples_bear_them_out():
    examples = near(2, 3, 9)

    assert MAKER.head(examples, NOTHING, AXES[2]).words_share == 1.0
    unknown = MAKER.head(examples, NOTHING, -AXES[2])
    assert unknown.words_share == 0.0
    np.testing.assert_array_equal(unknown.direction, MAKER.head(examples, NOTHING, None).direction)


def test_a_library_of_one_picture_has_a_direction():
    head = HeadMaker(AXES[:1]).head(AXES[:1], NOTHING, AXES[0])

    np.testing.assert_allclose(head.direction, AXES[0], atol=1e-6)
