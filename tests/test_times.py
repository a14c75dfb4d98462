"""Times are read and written as people and players write them."""

import pytest

from vidsearch.errors import QueryError
from vidsearch.times import format_duration, format_moment, format_time, parse_time


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
    [
        ("83.5", 83.5),
        ("1:23.5", 83.5),
        ("0:01:23.5", 83.5),
        (" 7 ", 7.0),
        (".5", 0.5),
        ("90:00", 5400),
        ("1m23s", 83),
        ("1m23.5s", 83.5),
        ("1h2m", 3720),
        ("1h", 3600),
        ("2H 3M 4S", 7384),
        ("90s", 90),
        ("5min", 300),
        ("1h 5sec", 3605),
    ],
)
def test_parse_time(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", ".", "soon", "-3", "1:2:3:4", "nan", "1e3", "12,5", "m", "1s2m", "1m2", "9" * 400]
)
def test_what_is_not_a_time_is_refused_with_examples(text):
    with pytest.raises(QueryError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(83, "1:23"), (83.46, "1:23.5"), (59.96, "1:00"), (3600, "1:00:00"), (0.04, "0:00"), (-1.5, "-0:01.5")],
)
def test_format_moment_has_tenths_only_where_there_are_any(seconds, text):
    assert format_moment(seconds) == text
