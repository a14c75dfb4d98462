"""Frames in the order of their videos, however they came into the library."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.search.timeline import Timeline


def unit_rows(count, dim=8, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def interleaved():
    """Two videos that were indexed at the same time, stretch by stretch."""
    vectors = unit_rows(6)
    ids, videos = np.array([3, 4, 5, 6, 7, 9]), np.array([2, 2, 1, 1, 2, 1])
    return Timeline(ids, videos, np.array([0.0, 1.0, 0.0, 1.0, 2.0, 2.0]), vectors), vectors


def test_rows_follow_videos_and_times(interleaved):
    timeline, vectors = interleaved
    assert timeline.frame_ids.tolist() == [5, 6, 9, 3, 4, 7]
    assert timeline.rows(np.array([7, 5, 8, 99, 1])).tolist() == [5, 0, -1, -1, -1]
    assert [timeline.video_bounds(video) for video in (1, 2, 3)] == [(0, 3), (3, 6), (6, 6)]
    np.testing.assert_array_equal(timeline.vectors(np.array([0, 3])), vectors[[2, 0]])


def test_scores_belong_to_their_rows(interleaved):
    timeline, vectors = interleaved
    query = unit_rows(1, seed=1)
    expected = vectors[[2, 3, 5, 0, 1, 4]] @ query[0]
    for rows in (np.arange(6), np.array([1, 2, 3]), np.array([5, 0, 0]), np.array([], dtype=np.int64)):
        np.testing.assert_allclose(timeline.scores_at(rows, query), expected[None, rows], rtol=1e-6)
    np.testing.assert_allclose(timeline.scores(query[0], 2, 5), expected[2:5], rtol=1e-6)


def test_scores_of_more_frames_than_are_read_at_a_time():
    vectors, queries = unit_rows(1500), unit_rows(3, seed=1)
    timeline = Timeline(np.arange(1500), np.ones(1500, dtype=np.int64), np.arange(1500.0), vectors)
    for rows in (np.arange(1500), np.arange(7, 1400, 2)):
        expected = queries @ vectors[rows].T
        np.testing.assert_allclose(timeline.scores_at(rows, queries), expected, atol=1e-6)


def test_frames_that_stand_still_count_once():
    moving, still = unit_rows(50), np.repeat(unit_rows(1, seed=2), 50, axis=0)
    timeline = Timeline(
        np.arange(100), np.repeat([1, 2], 50), np.tile(np.arange(50.0), 2), np.concatenate([moving, still])
    )
    assert timeline.num_distinct == pytest.approx(51)
    assert len(timeline.sample) == 51


def test_a_large_library_is_sampled():
    count = 20_000
    timeline = Timeline(
        np.arange(count),
        np.arange(count) // 100,
        (np.arange(count) % 100).astype(np.float64),
        unit_rows(count),
    )
    assert len(timeline.sample) == 2048
    assert timeline.num_distinct == pytest.approx(count)


def test_no_frames():
    timeline = Timeline(
        np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 8), np.float32)
    )
    assert (len(timeline), timeline.rows(np.array([1])).tolist(), timeline.num_distinct) == (0, [-1], 0.0)
