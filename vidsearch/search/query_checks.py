"""Validates queries: not empty, within range, free of contradictions."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.search.kinds import KINDS, PICTURES
from vidsearch.types import LARGEST_ID

if TYPE_CHECKING:
    from vidsearch.search.query import Query
    from vidsearch.types import FrameFilter

MAX_CHARACTERS = 2000
"""Longest text in characters. Encoders read less, and each word costs time."""
MAX_HITS = 10_000
MAX_PARTS = 100
"""Most pictures, frames, weighted words, steps and feedback items, each."""

NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
"""Control characters and lone surrogates, which neither models nor databases accept."""


def check(query: Query) -> None:
    """Raise QueryError for an invalid query, saying what to change."""
    _check_kinds(query)
    _check_parts(query)
    _check_numbers(query)
    _check_filter(query.filter)


def _check_kinds(query: Query) -> None:
    for kind in query.kinds or ():
        if kind not in KINDS:
            raise QueryError(f"{kind!r} is not a kind of evidence. Choose from: {', '.join(KINDS)}.")
    allowed = query.allowed
    for part in query.parts if allowed else ():
        if part.kinds is not None and not set(part.kinds) & set(allowed):
            raise QueryError(
                f"{part.prefix}: looks at {' and '.join(part.kinds)}, and the query leaves only "
                f"{', '.join(allowed)}. Take one of the two away."
            )
    if not allowed:
        raise QueryError(
            f"Mode {query.mode} looks at none of {', '.join(query.kinds or ()) or 'these kinds'}: "
            "give a mode or kinds of evidence, not both."
        )


def _check_parts(query: Query) -> None:
    positive = (query.text, query.images, query.like, query.plus, query.vectors, query.more_like)
    if not any(positive):
        if query.minus or query.less_like:
            raise QueryError("The query says only what to avoid. Say also what to look for.")
        raise QueryError('The query is empty. Say what to look for, as in "a dog eating grass".')
    if query.text and not any(map(_says_something, query.text)):
        raise QueryError(f"{query.text!r} has no word to look for. Say what to look for in words.")
    for name in ("images", "like", "plus", "minus", "more_like", "less_like", "then", "parts"):
        if len(getattr(query, name)) > MAX_PARTS:
            raise QueryError(
                f"The query has {len(getattr(query, name)):,} parts in {name}; give {MAX_PARTS} at most."
            )
    if PICTURES not in query.looked_at and not query.has_words:
        raise QueryError(
            f"{', '.join(query.looked_at).capitalize()} are searched by words, and the query has none. "
            "Add some, or look at pictures."
        )
    both = sorted(set(query.more_like) & set(query.less_like))
    if both:
        raise QueryError(f"Frame {both[0]} is in both more_like and less_like. Keep it in one of them.")
    if query.rerank is not None and (query.then or not query.has_words):
        raise QueryError("Re-ranking reads a picture and words together: it takes words, and no --then.")
    if not query.then:
        return
    if not all(query.then):
        raise QueryError("A step after --then is empty. Say what happens in it.")
    if query.text is None or query.num_parts > 1:
        raise QueryError(
            "Steps follow a text and nothing else: images, plus, minus and feedback do not go with --then."
        )


def _says_something(character: str) -> bool:
    """Whether a character is of a word, a number or an emoji."""
    return character.isalnum() or unicodedata.category(character) == "So"


def _check_numbers(query: Query) -> None:
    if not 1 <= query.num_hits <= MAX_HITS:
        raise QueryError(f"The number of hits is {query.num_hits}; it must be from 1 to {MAX_HITS:,}.")
    if not 1 <= query.num_rerank <= MAX_HITS:
        raise QueryError(
            f"The number of hits to re-rank is {query.num_rerank}; it must be from 1 to {MAX_HITS:,}."
        )
    if not query.within_seconds > 0:
        raise QueryError(f"Steps {query.within_seconds:g} s apart cannot be found; give more than 0.")
    if query.min_confidence is not None and not 0 <= query.min_confidence <= 1:
        raise QueryError(f"The least confidence is {query.min_confidence:g}; it must be from 0 to 1.")
    for frame_id in (*query.more_like, *query.less_like):
        if not 0 <= frame_id <= LARGEST_ID:
            raise QueryError(f"There is no frame {frame_id}. Take ids from an answer of this library.")


def _check_filter(frames: FrameFilter) -> None:
    for name in ("after_seconds", "before_seconds", "min_duration_seconds", "max_duration_seconds"):
        value = getattr(frames, name)
        if value is not None and not math.isfinite(value):
            raise QueryError(f"The filter's {name} is {value}; it must be a finite number of seconds.")
    for video_id in frames.video_ids or ():
        if not 0 <= video_id <= LARGEST_ID:
            raise QueryError(f"There is no video #{video_id}.")
    for text in (frames.video_glob, frames.caption_words, frames.label):
        if text is not None and (len(text) > MAX_CHARACTERS or NOT_TEXT.search(text)):
            raise QueryError(f"A filter cannot look for {text[:40]!r}: it is too long, or no text.")
    for low, high, what in (
        (frames.after_seconds, frames.before_seconds, "time range"),
        (frames.min_duration_seconds, frames.max_duration_seconds, "range of durations"),
        (_aware(frames.recorded_after), _aware(frames.recorded_before), "range of recording dates"),
    ):
        if low is not None and high is not None and low >= high:  # type: ignore[operator]
            raise QueryError(f"The {what} is empty: {low} is not before {high}.")


def _aware(moment: datetime | None) -> datetime | None:
    """A comparable moment; one without a time zone is in this machine's."""
    if moment is None or moment.tzinfo is not None:
        return moment
    try:
        return moment.astimezone()
    except (
        ValueError,
        OverflowError,
        OSError,
    ) as error:  # an offset beyond the first or last representable day
        raise QueryError(f"{moment.date()} is no day that can be compared: {error}.") from error
