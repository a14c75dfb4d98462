"""Queries: what is a question, what is not, and how it is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
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
        ({"text": "a", "then": ("said:b",), "mode": "visual"}, "said: looks at speech and subtitles"),
        ({"text": "a", "then": ("b",), "within_seconds": 0.0}, "more than 0"),
        ({"text": "a", "then": ("b",), "within_seconds": float("nan")}, "more than 0"),
        ({"text": "a", "num_hits": 0}, "must be from 1 to"),
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
        (Query(text="a dog", minus=(WeightedText("people"),)), "words"),
        (Query(text="a black dog runs"), "sentence"),
        (Query(text="a dog", plus=(WeightedText("snowy mountain"),)), "sentence"),
        (Query(text="the of"), "words"),
        (Query(images=(Path("a.jpg"),), like=(FrameReference("a.mp4", 1.0),)), "pictures"),
        (Query(text="a dog", images=(Path("a.jpg"),)), None),
        (Query(text="a dog", more_like=(1,)), None),
        (Query(vectors={"0123": (1.0, 0.0)}), None),
    ],
)
def test_what_a_query_is_made_of(query, asked):
    assert query.asked == asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": "dog " * 5000}, "characters long"),
        ({"text": 5}, "must be text"),
        ({"text": "a", "then": ("b" * 3000,)}, "characters long"),
        ({"text": "a", "num_hits": 10**30}, "must be from 1 to 10,000"),
        ({"text": "a", "num_rerank": 10**30, "rerank": "mini"}, "must be from 1 to 10,000"),
        ({"text": "a", "plus": tuple(WeightedText(str(n)) for n in range(101))}, "101 parts in plus"),
        ({"text": "a", "then": ("b",), "within_seconds": -float("inf")}, "more than 0"),
        ({"text": "a", "min_confidence": float("nan")}, "from 0 to 1"),
        ({"more_like": (2**63,)}, "no frame 9223372036854775808"),
        ({"text": "a", "less_like": (-1,)}, "no frame -1"),
        ({"vectors": {"s": ()}}, "finite numbers"),
        ({"vectors": {"s": (float("nan"), 1.0)}}, "finite numbers"),
        ({"vectors": {"s": (1.0, float("inf"))}}, "finite numbers"),
        ({"vectors": {"s": ((1.0,), (2.0,))}}, "list of numbers"),
        ({"text": "a", "filter": FrameFilter(after_seconds=float("nan"))}, "finite number of seconds"),
        ({"text": "a", "filter": FrameFilter(max_duration_seconds=float("inf"))}, "finite number"),
        ({"text": "a", "filter": FrameFilter(video_ids=(2**63,))}, "no video #9223372036854775808"),
        ({"text": "a", "filter": FrameFilter(video_glob="a" * 3000)}, "too long"),
        ({"text": "a", "filter": FrameFilter(caption_words="\ud800")}, "no text"),
        (
            {
                "text": "a",
                "filter": FrameFilter(
                    recorded_after=datetime(2024, 5, 2), recorded_before=datetime(2024, 5, 1, tzinfo=UTC)
                ),
            },
            "range of recording dates is empty",
        ),
        ({"text": "a", "filter": FrameFilter(recorded_after=datetime(1, 1, 1))}, "0001-01-01 is no day"),
    ],
)
def test_what_no_search_can_take_is_refused_in_words(options, words):
    with pytest.raises(QueryError, match=words):
        Query(**options)


@pytest.mark.parametrize("weight", [1e300, float("inf"), float("nan"), 0.0])
def test_a_weight_that_drowns_everything_is_refused(weight):
    with pytest.raises(QueryError, match="at most 1000"):
        WeightedText("sunset", weight)


def test_halves_of_characters_are_no_text():
    assert Query(text="a \ud800dog").text == "a dog"


def test_a_vector_may_be_an_array():
    query = Query(vectors={"s": np.array([1.0, 2.0], np.float32)})  # type: ignore[dict-item]
    assert query.vectors == {"s": (1.0, 2.0)}


@pytest.mark.parametrize(
    ("options", "looked_at"),
    [
        (
            {},
            (
                *("pictures", "moving", "sounds", "corrections", "speech"),
                *("text", "subtitles", "chapters", "captions"),
            ),
        ),
        ({"kinds": ("speech, pictures", "text")}, ("pictures", "speech", "text")),
        ({"mode": "visual"}, ("pictures",)),
        ({"mode": "caption"}, ("corrections", "captions")),
        ({"kinds": ("captions",)}, ("corrections", "captions")),
        ({"kinds": ("subtitles", "pictures")}, ("pictures", "subtitles")),
    ],
)
def test_mode_and_kinds_say_what_is_looked_at(options, looked_at):
    assert Query(text="a", **options).looked_at == looked_at
