"""Times are read and written as people and players write them."""

import pytest

from vidsearch.errors import QueryError
from vidsearch.times import format_duration, format_time, parse_time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00.0"),
        (83.46, "0:01:23.5"),
        (59.96, "0:01:00.0"),
        (36000.04, "10:00:00.0"),
        (-1.5, "-0:00:01.5"),
    ],
)
def test_format_time_carries_rounding_into_minutes(seconds, text):
    assert format_time(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3661, "1:01:01")]
)
def test_format_duration(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("83.5", 83.5), ("1:23.5", 83.5), ("0:01:23.5", 83.5), (" 7 ", 7.0), (".5", 0.5), ("90:00", 5400)],
)
def test_parse_time(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "1:2:3:4", "nan", "1e3", "12,5"])
def test_what_is_not_a_time_is_refused_with_examples(text):
    with pytest.raises(QueryError, match="is not a time"):
        parse_time(text)
