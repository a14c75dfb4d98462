"""Steps in a row: the dynamic programme against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vidsearch.search.sequence import Sequence, best_sequences, window_maxima


def by_trying_everything(scores, video_ids, times, within):
    """The best score of any ordered choice of one frame a step."""
    best = -np.inf
    for rows in itertools.product(range(len(times)), repeat=len(scores)):
        gaps = np.diff(times[list(rows)])
        if len(set(video_ids[list(rows)])) == 1 and np.all((gaps > 0) & (gaps <= within)):
            best = max(best, sum(scores[step, row] for step, row in enumerate(rows)))
    return best


@pytest.mark.parametrize("num_steps", [1, 2, 3])
@pytest.mark.parametrize("within", [1.5, 4.0, float("inf")])
def test_the_best_sequence_is_the_best_of_all_choices(num_steps, within):
    generator = np.random.default_rng(num_steps)
    video_ids = np.repeat([3, 4, 9], [7, 1, 8])
    times = np.concatenate([np.arange(7) * 1.5, [2.0], np.arange(8) * 0.7])
    scores = generator.standard_normal((num_steps, 16)).astype(np.float32)
    best = best_sequences(scores, video_ids, times, within_seconds=within, limit=1)[0]
    assert best.score == pytest.approx(by_trying_everything(scores, video_ids, times, within), abs=1e-5)
    assert best.score == pytest.approx(sum(scores[step, row] for step, row in enumerate(best.rows)), abs=1e-5)


def test_sequences_share_no_stretch_and_never_cross_videos():
    video_ids = np.array([1, 1, 1, 2, 2, 2])
    times = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    scores = np.array([[5, 0, 0, 4, 0, 0], [0, 5, 4, 9, 0, 3]], dtype=np.float32)
    assert best_sequences(scores, video_ids, times, within_seconds=9, limit=5) == [
        Sequence(rows=(0, 1), score=10.0),
        Sequence(rows=(3, 5), score=7.0),
    ]


def test_a_step_of_one_sequence_is_no_step_of_another():
    """The next best end would walk back to the same first step."""
    scores = np.array([[5, 0, 0, 0], [0, 4, 0, 3]], dtype=np.float32)
    assert best_sequences(scores, np.ones(4, dtype=int), np.arange(4.0), within_seconds=9, limit=5) == [
        Sequence(rows=(0, 1), score=9.0)
    ]


def test_one_frame_is_not_two_steps_of_a_sequence():
    scores = np.array([[9, 0, 1], [9, 2, 0]], dtype=np.float32)
    (best, *_) = best_sequences(scores, np.ones(3, dtype=int), np.arange(3.0), within_seconds=9, limit=5)
    assert best == Sequence(rows=(0, 1), score=11.0)


def test_an_endless_window_is_as_long_as_the_videos():
    """Added to times of day, a window of any length must not swallow the distance between videos."""
    scores = np.array([[5, 0, 9, 0], [0, 4, 0, 1]], dtype=np.float32)
    for within in (1e308, float("inf")):
        (best, *_) = best_sequences(
            scores, np.array([1, 1, 2, 2]), np.array([0.0, 1.0, 0.0, 1.0]), within_seconds=within, limit=5
        )
        assert best == Sequence(rows=(2, 3), score=10.0)


def test_ends_are_taken_from_the_best_on_however_many_there_are():
    """Only the first of them are sorted at once."""
    scores = np.random.default_rng(0).integers(0, 50, (1, 5000)).astype(np.float32)
    video_ids, times = np.arange(5000), np.zeros(5000)
    found = best_sequences(scores, video_ids, times, within_seconds=1, limit=5000)
    assert [sequence.rows[0] for sequence in found] == np.argsort(-scores[0], kind="stable").tolist()


def test_no_sequence_where_steps_lie_too_far_apart():
    scores = np.zeros((2, 2), dtype=np.float32)
    assert best_sequences(scores, np.array([1, 1]), np.array([0.0, 5.0]), within_seconds=4, limit=3) == []


def test_a_frame_that_is_ruled_out_is_in_no_sequence():
    scores = np.array([[9, 1, 0, 0], [0, 0, 9, 1]], dtype=np.float32)
    scores[:, [0, 2]] = -np.inf
    found = best_sequences(scores, np.ones(4, dtype=int), np.arange(4.0), within_seconds=9, limit=3)
    assert found == [Sequence(rows=(1, 3), score=2.0)]


def test_no_frames_no_sequences():
    assert (
        best_sequences(np.zeros((2, 0), np.float32), np.zeros(0, int), np.zeros(0), within_seconds=1, limit=1)
        == []
    )


def test_window_maxima_match_plain_slices():
    generator = np.random.default_rng(0)
    values = generator.standard_normal(200)
    starts = generator.integers(0, 200, 300)
    ends = np.minimum(starts + generator.integers(0, 90, 300), 200)
    expected = [values[start:end].max(initial=-np.inf) for start, end in zip(starts, ends, strict=True)]
    np.testing.assert_array_equal(window_maxima(values, starts, ends), expected)
