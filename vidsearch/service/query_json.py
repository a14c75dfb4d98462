"""Parses queries in JSON, and batches of them, as in `--queries FILE`.

The fields are those of `Query`, with those of its filter under "filter". Words with a weight are written
"sunset:0.5", and a frame of the library "holiday.mp4@12.5". Errors name the field and its value.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from vidsearch.errors import QueryError
from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.service.schemas import FilterSchema, QuerySchema
from vidsearch.types import FrameFilter

ANY_TEXT = "anything"
"""A text for the `defaults` of `read_queries`, as a `Query` needs one. Each line replaces it."""

_MAX_SHOWN_CHARACTERS = 80


def read_query(source: str) -> Query:
    """Parse a query in JSON.

    Raises:
        QueryError: It is not JSON, not an object, or not a query; the message names field and value.
    """
    return Query(**_read_fields(source))


def read_queries(lines: Iterable[str], *, defaults: Query | None = None) -> Iterator[Query]:
    """Parse a batch of queries: each line is a JSON object, or just words.

    Args:
        lines: Blank lines are skipped.
        defaults: Supplies the fields that a line does not set, except the text.

    Raises:
        QueryError: A line is not a query; the message names its number.
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
            own = _read_fields(stripped) if stripped.startswith("{") else {"text": stripped}
            yield Query(**{**common, **own})
        except QueryError as error:
            raise QueryError(f"Line {number} of the queries: {error}") from error


def _read_fields(source: str) -> dict[str, Any]:
    """Return the fields of a query that a JSON object sets."""
    values = _decoded(source)
    _refuse_unknown(values, QuerySchema)
    if isinstance(values.get("filter"), dict):
        _refuse_unknown(values["filter"], FilterSchema)
    try:
        checked = msgspec.convert(values, QuerySchema)
    except msgspec.ValidationError as error:
        raise _refusal(error, values) from error
    return {name: _read(name, getattr(checked, name), values) for name in values}


def _read(name: str, value: Any, source: Mapping[str, Any]) -> object:
    match name:
        case "images":
            return tuple(Path(part) for part in value)
        case "like":
            return tuple(FrameReference.parse(part) for part in value)
        case "plus" | "minus":
            return tuple(WeightedText.parse(part) for part in value)
        case "vectors":
            return {key: tuple(vector) for key, vector in value.items()}
        case "filter":
            return FrameFilter(**{key: _read_filter(key, getattr(value, key)) for key in source[name]})
    return tuple(value) if isinstance(value, list) else value


def _read_filter(name: str, value: Any) -> Any:
    if name.startswith("recorded_") and value is not None:
        try:
            return datetime.fromisoformat(value)
        except (ValueError, OverflowError) as error:
            raise QueryError(
                f"The query's filter.{name} cannot be {_shown(value)}: "
                "give a date, as in 2024-05-31 or 2024-05-31T18:00:00+02:00."
            ) from error
    return tuple(value) if isinstance(value, list) else value


def _decoded(source: str) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(source)
    except RecursionError as error:
        raise QueryError("The query's JSON is nested too deeply to be a query.") from error
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise QueryError(f"The query is not valid JSON: {_lowered(error)}.") from error
    if not isinstance(values, dict):
        raise QueryError(f'A query in JSON is an object, as in {{"text": "a dog"}}, not {_shown(values)}.')
    return values


def _refuse_unknown(source: Mapping[str, Any], schema: type[msgspec.Struct]) -> None:
    known = schema.__struct_fields__
    for name in source:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
            raise QueryError(f"A query has no field {_shown(name)}.{hint}")


def _refusal(error: msgspec.ValidationError, values: Mapping[str, Any]) -> QueryError:
    """Turn "Expected `int`, got `str` - at `$.num_hits`" into a message with the value."""
    said, _, at = str(error).partition(" - at ")
    path = re.findall(r"[A-Za-z_]\w*", at)
    value: Any = values
    for name in path:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
    field = ".".join(path) or "query"
    return QueryError(f"The query's {field} cannot be {_shown(value)}: {said[:1].lower()}{said[1:]}.")


def _lowered(error: Exception) -> str:
    said = str(error)
    return said[:1].lower() + said[1:]


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."
