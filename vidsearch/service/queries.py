"""From the arguments of `Library.search` to a `Query`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from vidsearch.search.query import FrameReference, Mode, Query, WeightedText
from vidsearch.types import FrameFilter


class SearchOptions(TypedDict, total=False):
    """The options of `Library.search`. Defaults are those of `Query`."""

    images: Iterable[str | os.PathLike[str]]
    """Picture files: find moments that look like them."""
    like: Iterable[str | FrameReference]
    """Moments such as "holiday.mp4@12.5": find others that look like them."""
    plus: Iterable[str | WeightedText]
    """More of this: "sunset", or with a weight "sunset:0.5"."""
    minus: Iterable[str | WeightedText]
    """Less of this."""
    vectors: Mapping[str, tuple[float, ...]]
    """Precomputed query vectors, by the key of their space (`EmbeddingSpace.key`)."""
    more_like: Iterable[int]
    """Ids of frames that are right answers."""
    less_like: Iterable[int]
    """Ids of frames that are wrong answers."""
    then: Iterable[str]
    """Descriptions of what happens next in the same video, in order."""
    within_seconds: float
    """The longest time from one step to the next."""
    mode: Mode
    kinds: Iterable[str] | None
    """Kinds of evidence to search: "pictures", "captions", "corrections", "subtitles" ..."""
    num_hits: int
    group: bool
    """Whether to join neighbouring frames into moments."""
    dedupe: bool
    """Whether to keep only the best of near-identical moments of different videos."""
    min_confidence: float | None
    """Leave out hits below this confidence, in [0, 1]."""
    rerank: str | None
    """A model that re-ranks the best hits by picture and words together: "blip" or "mini"."""
    num_rerank: int
    """How many of the best hits to re-rank."""
    video: str | None
    """Only these videos: path, name, part of it, glob, "#id" or folder."""
    after_seconds: float | None
    before_seconds: float | None
    recorded_after: datetime | None
    recorded_before: datetime | None
    min_duration_seconds: float | None
    max_duration_seconds: float | None
    caption_words: str | None
    label: str | None
    """Only frames where this label was found."""


_FILTERS = frozenset(field.name for field in fields(FrameFilter)) - {"video_glob", "video_ids"}


def build_query(text: str | None, options: Mapping[str, Any]) -> Query:
    """Build a query from words and `SearchOptions`.

    Raises:
        QueryError: The query is empty or contradictory.
        TypeError: There is no such option.
    """
    unknown = sorted(set(options) - set(SearchOptions.__annotations__))
    if unknown:
        raise TypeError(f"search() got an unexpected keyword argument {unknown[0]!r}")
    where = FrameFilter(
        video_glob=options.get("video"), **{name: options[name] for name in _FILTERS & set(options)}
    )
    parts = {name: value for name, value in options.items() if name not in _FILTERS and name != "video"}
    readers: dict[str, Callable[[Any], object]] = {
        "images": Path,
        "like": FrameReference.of,
        "plus": _weighted,
        "minus": _weighted,
        "more_like": int,
        "less_like": int,
        "then": str,
        "kinds": str,
    }
    for name, read in readers.items():
        if parts.get(name) is not None:
            given = parts[name]
            is_one = isinstance(given, str | os.PathLike | FrameReference | WeightedText)
            parts[name] = tuple(map(read, [given] if is_one else given))
    return Query(text=text, filter=where, **parts)


def _weighted(part: str | WeightedText) -> WeightedText:
    return part if isinstance(part, WeightedText) else WeightedText.parse(part)


def with_videos(query: Query, video_ids: Iterable[int]) -> Query:
    """Return a query with its video name replaced by the ids of the matching videos."""
    ids = tuple(video_ids)
    if query.filter.video_ids is not None:
        ids = tuple(video_id for video_id in ids if video_id in query.filter.video_ids)
    return replace(query, filter=replace(query.filter, video_glob=None, video_ids=ids))
