"""Queries as JSON, and batches of them: what `--queries FILE` reads and a program sends.

The fields are those of `Query`, those of its filter under "filter", and all but the query's own parts may be
left out. Words with a weight are written "sunset:0.5", a frame of the library "holiday.mp4@12.5".
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from vidsearch.errors import QueryError
from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.types import FrameFilter


def write_query(query: Query) -> str:
    """One line of JSON with the fields that are not at their defaults."""
    return json.dumps(_plain_fields(query), ensure_ascii=False)


def read_query(source: str) -> Query:
    """Read what `write_query` writes. Raises QueryError for what is no JSON object or no query."""
    return Query(**_read_fields(_parse(source)))


def read_queries(lines: Iterable[str], *, defaults: Query | None = None) -> Iterator[Query]:
    """Read a batch of queries: each line is a JSON object, or else the words themselves.

    Blank lines are passed over. A line gets the fields of `defaults` that it does not give itself; the text
    of `defaults` is not looked at. Raises QueryError with the line's number.
    """
    common = (
        {} if defaults is None else {item.name: getattr(defaults, item.name) for item in fields(defaults)}
    )
    common.pop("text", None)
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not stripped:
            continue
        try:
            own = _read_fields(_parse(stripped)) if stripped.startswith("{") else {"text": stripped}
            yield Query(**{**common, **own})
        except QueryError as error:
            raise QueryError(f"Line {number} of the queries: {error}") from error


def _parse(source: str) -> Mapping[str, Any]:
    try:
        values = json.loads(source)
    except json.JSONDecodeError as error:
        raise QueryError(f"The query is not valid JSON: {error}.") from error
    if not isinstance(values, Mapping):
        raise QueryError(f'A query in JSON is an object, as in {{"text": "a dog"}}, not {source}.')
    return values


def _plain_fields(value: Query | FrameFilter) -> dict[str, object]:
    pairs = ((item, getattr(value, item.name)) for item in fields(value))
    return {item.name: _plain(own) for item, own in pairs if own != _default(item)}


def _plain(value: object) -> object:
    match value:
        case FrameFilter():
            return _plain_fields(value)
        case WeightedText() | FrameReference() | Path():
            return str(value)
        case datetime():
            return value.isoformat()
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
    return value


def _default(item: Field[Any]) -> object:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _read_fields(source: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_unknown(source, Query)
    return {name: _read(name, value, _READERS[name]) for name, value in source.items()}


def _read_filter(source: Mapping[str, Any]) -> FrameFilter:
    _refuse_unknown(source, FrameFilter)
    return FrameFilter(**{name: _read(name, value, _FILTER_READERS[name]) for name, value in source.items()})


def _read(name: str, value: object, reader: Callable[[Any], object]) -> Any:
    try:
        return reader(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise QueryError(f"The query's {name} cannot be {json.dumps(value)}: {error}.") from error


def _refuse_unknown(source: Mapping[str, Any], kind: type[Query] | type[FrameFilter]) -> None:
    known = [item.name for item in fields(kind)]
    for name in source:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
            raise QueryError(f"A query has no field {name!r}.{hint}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is wanted")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is wanted")
    return value


def _many(reader: Callable[[Any], object]) -> Callable[[Any], object]:
    def read(values: object) -> object:
        if not isinstance(values, list):
            raise TypeError("a list is wanted")
        return tuple(reader(value) for value in values)

    return read


def _optional(reader: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda value: None if value is None else reader(value)


def _vectors(values: Mapping[str, Iterable[float]]) -> dict[str, tuple[float, ...]]:
    return {str(key): tuple(float(number) for number in vector) for key, vector in values.items()}


_READERS: Mapping[str, Callable[[Any], object]] = {
    "text": _optional(_text),
    "images": _many(Path),
    "like": _many(FrameReference.parse),
    "plus": _many(WeightedText.parse),
    "minus": _many(WeightedText.parse),
    "vectors": _vectors,
    "more_like": _many(int),
    "less_like": _many(int),
    "then": _many(_text),
    "within_seconds": float,
    "filter": _read_filter,
    "mode": _text,
    "num_hits": int,
    "group": _flag,
    "dedupe": _flag,
    "min_confidence": _optional(float),
    "rerank": _optional(_text),
    "num_rerank": int,
}
_FILTER_READERS: Mapping[str, Callable[[Any], object]] = {
    "video_glob": _optional(_text),
    "video_ids": _optional(_many(int)),
    "after_seconds": _optional(float),
    "before_seconds": _optional(float),
    "recorded_after": _optional(datetime.fromisoformat),
    "recorded_before": _optional(datetime.fromisoformat),
    "min_duration_seconds": _optional(float),
    "max_duration_seconds": _optional(float),
    "caption_words": _optional(_text),
}
