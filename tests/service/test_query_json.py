"""Queries in JSON: what they say, and that nothing that is not a query is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidsearch.errors import QueryError
from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.service.query_json import ANY_TEXT, read_queries, read_query
from vidsearch.service.query_writing import write_query
from vidsearch.types import FrameFilter

FULL = Query(
    text="a beach",
    images=(Path("shell.jpg"),),
    like=(FrameReference("holiday.mp4", 12.5),),
    plus=(WeightedText("sunset", 0.5),),
    minus=(WeightedText("people"),),
    vectors={"0123": (1.0, 0.0)},
    more_like=(3, 4),
    less_like=(9,),
    filter=FrameFilter(
        video_glob="*.mp4",
        video_ids=(1, 2),
        after_seconds=1.0,
        recorded_after=datetime(2024, 5, 1, 12, tzinfo=UTC),
        caption_words="sand",
    ),
    mode="visual",
    num_hits=3,
    group=False,
    dedupe=False,
    min_confidence=0.25,
    rerank="blip",
    num_rerank=7,
)


@pytest.mark.parametrize(
    "query", [FULL, Query(text="a dog"), Query(text="a", then=("b", "c"), within_seconds=5.0)]
)
def test_a_query_survives_json(query):
    assert read_query(json.dumps(write_query(query))) == query


def test_json_holds_only_what_was_asked():
    query = Query(text="a beach", plus=(WeightedText("sunset", 0.5),), filter=FrameFilter(video_glob="a*"))

    assert write_query(query) == {"text": "a beach", "plus": ["sunset:0.5"], "filter": {"video_glob": "a*"}}


def test_a_day_alone_is_a_day_of_the_recordings_place():
    found = read_query('{"text": "a", "filter": {"recorded_after": "2024-05-01"}}').filter.recorded_after

    assert found is not None
    assert found == datetime(2024, 5, 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "is an object, .* not \\[1\\]"),
        ('{"txt": "a"}', "Did you mean 'text'"),
        ('{"text": "a", "filter": {"vidio_glob": "a"}}', "Did you mean 'video_glob'"),
        ('{"text": 3}', "text cannot be 3: expected `str"),
        ('{"text": "a", "then": "b"}', 'then cannot be "b": expected `array`'),
        ('{"text": "a", "num_hits": "many"}', 'num_hits cannot be "many"'),
        ('{"text": "a", "num_hits": true}', "num_hits cannot be true"),
        ('{"text": "a", "num_hits": 1.5}', "num_hits cannot be 1.5"),
        ('{"text": "a", "num_hits": 0}', "num_hits cannot be 0"),
        ('{"text": "a", "group": "yes"}', 'group cannot be "yes"'),
        ('{"text": "a", "filter": {"recorded_after": "soon"}}', 'recorded_after cannot be "soon"'),
        ('{"text": "a", "filter": {"after_seconds": "3"}}', 'filter.after_seconds cannot be "3"'),
        ('{"text": "a", "filter": []}', "filter cannot be"),
        ('{"more_like": [9223372036854775808]}', "more_like cannot be"),
        ('{"more_like": [-1]}', "more_like cannot be"),
        ('{"text": "a", "filter": {"video_ids": [1e30]}}', "video_ids cannot be"),
        ('{"text": "a", "num_hits": 99999999999999999999999999}', "num_hits cannot be"),
        ('{"text": "a", "within_seconds": NaN}', "not valid JSON"),
        ('{"text": "a", "within_seconds": 1e999}', "not valid JSON"),
        ('{"text": "\\ud800"}', "not valid JSON"),
        ('{"vectors": {"s": ["x"]}}', "vectors"),
        ('{"text": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"text": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "nested too deeply"),
        ('{"text": ["' + "x" * 100_000 + '"]}', "text cannot be"),
    ],
)
def test_what_is_no_query_is_refused_in_one_short_line(source, words):
    with pytest.raises(QueryError, match=words) as raised:
        read_query(source)

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from([*Query.__dataclass_fields__, "filtre"])
_FILTERS = st.dictionaries(st.sampled_from([*FrameFilter.__dataclass_fields__]), _VALUES, max_size=4)


def _refused_in_words(read: Callable[[], object]) -> bool:
    try:
        read()
    except QueryError as error:
        return bool(str(error))
    return False


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_FIELDS, _VALUES, max_size=5) | st.fixed_dictionaries({"filter": _FILTERS}))
def test_any_object_is_a_query_or_a_clear_error(values):
    source = json.dumps(values)
    if not _refused_in_words(lambda: read_query(source)):
        query = read_query(source)
        assert read_query(json.dumps(write_query(query))) == query


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_line_is_a_query_or_a_clear_error(line):
    if not _refused_in_words(lambda: list(read_queries([line]))):
        assert len(list(read_queries([line]))) == bool(line.strip())


def test_a_batch_mixes_words_and_json_and_a_line_wins_over_the_defaults():
    lines = ["a dog\n", "\n", '{"text": "a cat", "num_hits": 2}\n']
    assert list(read_queries(lines, defaults=Query(text=ANY_TEXT, num_hits=5, dedupe=False))) == [
        Query(text="a dog", num_hits=5, dedupe=False),
        Query(text="a cat", num_hits=2, dedupe=False),
    ]


def test_a_wrong_line_of_a_batch_is_named():
    with pytest.raises(QueryError, match=r"Line 2 of the queries: .*valid JSON"):
        list(read_queries(["a dog", '{"text": ']))
