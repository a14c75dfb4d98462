"""Figures of retrieval against ones worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.evaluation.metrics import (
    mean_figure,
    moment_figures,
    overlap,
    ranks_and_precisions,
    retrieval_figures,
    span_precision,
)


def test_ranks_and_precisions_of_two_queries():
    scores = np.array([[0.9, 0.5, 0.7], [0.1, 0.2, 0.3]], dtype=np.float32)
    relevant = np.array([[False, True, False], [True, False, True]])
    ranks, precisions = ranks_and_precisions(scores, relevant)
    assert ranks.tolist() == [3, 1]
    assert precisions == pytest.approx([1 / 3, (1 + 2 / 3) / 2])


def test_a_model_that_scores_all_alike_gains_nothing():
    ranks, _ = ranks_and_precisions(np.zeros((1, 9), np.float32), np.eye(9, dtype=bool)[:1])
    assert ranks.tolist() == [9]


def test_retrieval_figures_and_their_names():
    scores = np.eye(4, dtype=np.float32)
    figures = retrieval_figures(scores, np.eye(4, dtype=bool), np.arange(4))
    assert {f.name: f.value for f in figures} == {
        "R@1": 100.0,
        "R@5": 100.0,
        "R@10": 100.0,
        "median rank": 1.0,
        "mAP": 100.0,
    }


def test_an_interval_is_as_wide_as_theory_says():
    values = np.repeat([0.0, 100.0], 200)
    figure = mean_figure("R@1", values, np.arange(400))
    assert (figure.low, figure.high) == pytest.approx((50 - 4.9, 50 + 4.9), abs=0.6)


def test_copies_of_an_answer_make_it_no_surer():
    """Five captions of one picture are not five pictures."""
    values = np.repeat([0.0, 100.0], 50)
    alone = mean_figure("R@1", values, np.arange(100))
    copied = mean_figure("R@1", np.repeat(values, 5), np.repeat(np.arange(100), 5))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_overlap_of_spans():
    assert overlap((0, 10), (5, 15)) == pytest.approx(1 / 3)
    assert overlap((0, 1), (2, 3)) == 0.0


def test_a_right_span_counts_once():
    assert span_precision([(0, 10), (0, 10), (20, 30)], [(0, 10), (20, 30)], 0.5) == pytest.approx(
        (1 + 2 / 3) / 2
    )


def test_moment_figures_take_the_annotator_who_agrees_most():
    figures = moment_figures([[(0.0, 10.0)], []], [[(50.0, 60.0), (0.0, 8.0)], [(0.0, 5.0)]], np.arange(2))
    values = {figure.name: figure.value for figure in figures}
    assert values["R1@0.7"] == 50.0
    assert values["mIoU"] == pytest.approx(40.0)
