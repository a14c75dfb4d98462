"""Spans around peaks of a score curve."""

from __future__ import annotations

import numpy as np

from vidsearch.search.moments import Span, shot_bounds, span_around, spans
from vidsearch.types import Shot


def landscape(heights):
    heights = np.asarray(heights, dtype=np.float32)
    return lambda first, end: heights[first:end]


def test_a_span_holds_what_stands_above_half_the_peak():
    curve = landscape([0, 1, 2.5, 4, 3, 0, 4, 4])
    assert span_around(3, curve, (0, 8)) == Span(2, 5, 3)


def test_a_span_does_not_leave_its_bounds():
    assert span_around(3, landscape([4, 4, 4, 4, 4, 4]), (2, 5)) == Span(2, 5, 2)


def test_a_long_moment_is_followed_to_its_ends():
    heights = np.zeros(1000)
    heights[100:900] = 3
    heights[500] = 4
    assert span_around(500, landscape(heights), (0, 1000)) == Span(100, 900, 500)


def test_a_weak_peak_keeps_its_near_equals():
    assert span_around(1, landscape([0.0, 0.3, 0.1, -0.4]), (0, 4)) == Span(0, 3, 1)


def test_a_candidate_inside_an_earlier_span_makes_none_and_spans_do_not_overlap():
    curve = landscape([4, 4, 1.9, 1.5, 0])
    assert spans([0, 1, 2, 3], curve, lambda row: (0, 5), limit=9) == [Span(0, 2, 0), Span(2, 4, 2)]


def test_a_later_span_ends_where_an_earlier_one_begins():
    curve = landscape([0, 1.5, 1.9, 4, 4, 1.9, 0])
    assert spans([3, 2, 5], curve, lambda row: (0, 7), limit=9) == [
        Span(3, 5, 3),
        Span(1, 3, 2),
        Span(5, 6, 5),
    ]


def test_no_more_spans_than_asked_for():
    assert len(spans([0, 2, 4], landscape([4, 0, 4, 0, 4]), lambda row: (0, 5), limit=2)) == 2


def test_shots_bound_the_frames_between_two_cuts():
    times = np.arange(10.0)
    shots = [Shot(0.0, 2.5), Shot(2.5, 6.0), Shot(6.0, 10.0)]
    assert shot_bounds(times, 3.0, shots) == (3, 6)
    assert shot_bounds(times, 6.0, shots) == (6, 10)
    assert shot_bounds(times, 3.0, []) == (0, 10)
    assert shot_bounds(times, 12.0, shots) == (0, 10)
