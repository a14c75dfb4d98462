"""Rankings of several kinds of evidence, fused: what a line of words counts beside pictures."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.search.fusion import rank_moments
from vidsearch.search.kinds import TEXT_KINDS
from vidsearch.search.retrievers import FrameRanking, SegmentRanking

SPEECH = TEXT_KINDS["speech"]


def lines(*confidences: float, by_words: float = 0.0) -> SegmentRanking:
    """Lines of two seconds each from 10 s on, one frame a second, as sure as this by what they mean."""
    numbers = np.arange(len(confidences))
    starts = 10 + 2 * numbers
    return SegmentRanking(
        SPEECH,
        numbers + 100,
        np.ones_like(numbers),
        starts.astype(np.float64),
        (starts + 2).astype(np.float64),
        starts,
        starts + 2,
        np.asarray(confidences),
        np.asarray(confidences),
        np.full(len(numbers), by_words),
        is_exhausted=True,
    )


def best_times(said: SegmentRanking, picture: float) -> list[tuple[float, float] | None]:
    """When the moments of lines and ten pictures are, where each picture is as likely as this."""
    weight = -np.log1p(-picture)
    moments = rank_moments(
        [FrameRanking("colours", np.arange(10), np.full(10, 0.3, np.float32), is_exhausted=True)],
        [said],
        curve=lambda first, end: np.zeros(end - first, np.float32),
        weights=lambda rows: np.where(rows < 10, weight, 0.0),
        join=False,
        bounds_of=lambda row: (row, row + 1),
        limit=3,
    )
    return [moment.times for moment in moments]


def test_a_line_is_as_likely_as_it_means_the_query_and_no_picture_is_it():
    beside = lines(0.6, 0.5, by_words=0.3).beside_pictures(-np.log1p(-0.5))
    assert beside.confidences == pytest.approx([0.6 / (0.6 + 0.4 * 2), 0.5 / 1.5])
    assert lines(0.6, by_words=0.55).beside_pictures(2.0).confidences == pytest.approx([0.55])
    assert lines(0.6, by_words=0.6).beside_pictures(2.0).confidences == pytest.approx([0.6])
    sure = lines(1.0).beside_pictures(1.0)
    assert np.isfinite(sure.confidences).all()


def test_lines_stay_in_order_where_words_keep_one_up():
    said = lines(0.8, 0.7)
    said.by_words[1] = 0.7
    assert said.beside_pictures(3.0).ids.tolist() == [101, 100]


@pytest.mark.parametrize(("picture", "is_first"), [(0.05, True), (0.18, False), (0.9, False)])
def test_a_line_that_is_likelier_than_any_picture_has_its_say(picture, is_first):
    assert (best_times(lines(0.15), picture)[0] == (10.0, 12.0)) is is_first


def test_a_line_without_much_to_say_takes_no_place_from_likelier_pictures():
    assert best_times(lines(0.15), 0.18) == [None, None, None]
