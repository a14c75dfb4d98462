"""Queries: what is a question, what is not, and how it is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsearch.errors import QueryError
from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.types import FrameFilter


def test_control_characters_and_runs_of_space_are_cleaned():
    assert Query(text=" a\x00dog\n\ton  grass ").text == "a dog on grass"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "query is empty"),
        ({"text": "  \n"}, "query is empty"),
        ({"minus": (WeightedText("people"),)}, "only what to avoid"),
        ({"less_like": (1,)}, "only what to avoid"),
        ({"text": "a", "mode": "fuzzy"}, "no search mode"),
        ({"more_like": (1,), "mode": "caption"}, "query has none"),
        ({"text": "a", "more_like": (1,), "less_like": (1,)}, "both more_like and less_like"),
        ({"more_like": (1,), "then": ("b",)}, "Steps follow a text"),
        ({"text": "a", "plus": (WeightedText("b"),), "then": ("c",)}, "Steps follow a text"),
        ({"text": "a", "then": (" ",)}, "step after --then is empty"),
        ({"text": "a", "then": ("b",), "mode": "caption"}, "found by pictures"),
        ({"text": "a", "then": ("b",), "within_seconds": 0.0}, "more than 0"),
        ({"text": "a", "then": ("b",), "within_seconds": float("nan")}, "more than 0"),
        ({"text": "a", "num_hits": 0}, "must be 1 or more"),
        ({"text": "a", "min_confidence": 1.5}, "from 0 to 1"),
        ({"vectors": {"s": (0.0, 0.0)}}, "finite numbers"),
        ({"text": "a", "filter": FrameFilter(after_seconds=5, before_seconds=5)}, "time range is empty"),
    ],
)
def test_a_query_that_means_nothing_is_refused_in_words(options, words):
    with pytest.raises(QueryError, match=words):
        Query(**options)


@pytest.mark.parametrize(
    ("written", "text", "weight"),
    [
        ("sunset", "sunset", 1.0),
        ("sunset:0.5", "sunset", 0.5),
        ("ratio 16:9", "ratio 16", 9.0),
        ("note: this", "note: this", 1.0),
    ],
)
def test_words_are_read_with_their_weight(written, text, weight):
    assert WeightedText.parse(written) == WeightedText(text, weight)


def test_a_weight_below_zero_points_to_minus():
    with pytest.raises(QueryError, match="--minus"):
        WeightedText.parse("sunset:-1")


@pytest.mark.parametrize(
    ("written", "video", "seconds"),
    [
        ("holiday.mp4@12.5", "holiday.mp4", 12.5),
        ("me@home.mp4@1:02", "me@home.mp4", 62.0),
        ("#3@0:01:00.5", "#3", 60.5),
    ],
)
def test_a_frame_is_read_by_video_and_time(written, video, seconds):
    assert FrameReference.parse(written) == FrameReference(video, seconds)


@pytest.mark.parametrize("written", ["holiday.mp4", "@3", "a.mp4@noon"])
def test_what_names_no_frame_is_refused(written):
    with pytest.raises(QueryError):
        FrameReference.parse(written)


def test_later_feedback_on_a_frame_holds():
    query = Query(text="a dog", more_like=(1, 2), less_like=(3,))
    refined = query.refined(more_like=[3], less_like=[1])
    assert (refined.more_like, refined.less_like) == ((2, 3), (1,))


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (Query(text="a dog", plus=(WeightedText("snow"),), minus=(WeightedText("people"),)), "words"),
        (Query(images=(Path("a.jpg"),), like=(FrameReference("a.mp4", 1.0),)), "pictures"),
        (Query(text="a dog", images=(Path("a.jpg"),)), None),
        (Query(text="a dog", more_like=(1,)), None),
        (Query(vectors={"0123": (1.0, 0.0)}), None),
    ],
)
def test_what_a_query_is_made_of(query, asked):
    assert query.asked == asked
