"""Queries as plain data, as printed with answers; `query_json` parses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.types import FrameFilter


def write_query(query: Query) -> dict[str, Any]:
    """Return a query as plain data: the fields that are not at their defaults."""
    return _plain_fields(query)


def _plain_fields(value: Query | FrameFilter) -> dict[str, Any]:
    pairs = ((item, getattr(value, item.name)) for item in fields(value))
    return {item.name: _plain(own) for item, own in pairs if own != _default(item)}


def _plain(value: object) -> Any:
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
