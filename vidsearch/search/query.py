"""What is asked of a library, as one frozen value: the CLI, the page and programs all build a `Query`.

A `Query` that exists makes sense: whatever contradicts itself raises QueryError as it is built. It knows
no library, no model and no way to answer it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from vidsearch.errors import QueryError
from vidsearch.times import parse_time
from vidsearch.types import FrameFilter

Mode: TypeAlias = Literal["auto", "visual", "caption", "hybrid"]
"""What answers: the pictures, their captions, or both. `auto`: both where the library has captions."""

Asked: TypeAlias = Literal["words", "pictures"]
"""What a query is made of, where that is one thing."""

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class WeightedText:
    """Words that pull an answer toward them, or away, with a strength of `weight` against the text's 1."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _clean(self.text))
        if not self.text:
            raise QueryError("Words to add or take away are empty. Give some, as in --plus sunset.")
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise QueryError(
                f"The weight of {self.text!r} is {self.weight:g}; it must be above 0. "
                "Use --minus to steer away from something."
            )

    @classmethod
    def parse(cls, words: str) -> WeightedText:
        """Read "sunset" or "sunset:0.5". A colon that no number follows belongs to the words."""
        text, colon, weight = words.rpartition(":")
        if colon and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", weight):
            return cls(text, float(weight))
        return cls(words)

    def __str__(self) -> str:
        return self.text if self.weight == 1.0 else f"{self.text}:{self.weight:g}"


@dataclass(frozen=True, slots=True)
class FrameReference:
    """A frame of the library by its video and time, as in "holiday.mp4@12.5"."""

    video: str
    """Path, file name, unique part of it, or "#id"."""
    time_seconds: float

    def __post_init__(self) -> None:
        if not self.video.strip():
            raise QueryError("A frame needs a video before the @, as in holiday.mp4@12.5.")
        if not (math.isfinite(self.time_seconds) and self.time_seconds >= 0):
            raise QueryError(
                f"A frame of {self.video!r} needs a time of 0 or more, not {self.time_seconds:g}."
            )

    @classmethod
    def parse(cls, reference: str) -> FrameReference:
        """Read "VIDEO@SECONDS" or "VIDEO@H:MM:SS.S"."""
        video, at, time = reference.rpartition("@")
        if not at:
            raise QueryError(
                f"{reference!r} names no frame. Write VIDEO@TIME, as in holiday.mp4@12.5 or holiday.mp4@1:02."
            )
        return cls(video, parse_time(time))

    def __str__(self) -> str:
        return f"{self.video}@{self.time_seconds:.10g}"


@dataclass(frozen=True, slots=True)
class Query:
    """A question to a library.

    Positive parts are `text`, `images`, `like`, `plus`, `vectors` and `more_like`; there is at least one.
    Several parts are added up in each space (see `search.composition`), and those of `minus` and
    `less_like` are taken away. With `then`, the text is the first of several steps in one video.
    """

    text: str | None = None
    images: tuple[Path, ...] = ()
    """Picture files to find the like of."""
    like: tuple[FrameReference, ...] = ()
    """Frames of the library to find the like of: their stored vectors are used, and no model."""
    plus: tuple[WeightedText, ...] = ()
    minus: tuple[WeightedText, ...] = ()
    vectors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """A ready vector by the key of its space (`EmbeddingSpace.key`), for programs with their own model."""
    more_like: tuple[int, ...] = ()
    """Feedback: ids of frames that a former answer got right."""
    less_like: tuple[int, ...] = ()
    then: tuple[str, ...] = ()
    """What happens after `text` in the same video, step by step."""
    within_seconds: float = 30.0
    """The longest time from one step to the next."""
    filter: FrameFilter = field(default_factory=FrameFilter)
    mode: Mode = "auto"
    num_hits: int = 10
    group: bool = True
    """Join neighbouring frames into moments; else each frame is a hit of its own."""
    dedupe: bool = True
    """Fold near-identical moments of different videos into the best of them."""
    min_confidence: float | None = None
    """Leave out hits below this confidence in [0, 1]."""
    rerank: str | None = None
    """Model that scores the best hits anew by looking at picture and words together: "blip" or "mini"."""
    num_rerank: int = 50

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _clean(self.text or "") or None)
        object.__setattr__(self, "then", tuple(_clean(step) for step in self.then))
        _check_parts(self)
        _check_numbers(self)
        _check_filter(self.filter)

    @property
    def num_parts(self) -> int:
        """How many things are added up or taken away."""
        return (
            bool(self.text)
            + bool(self.vectors)
            + sum(map(len, (self.images, self.like, self.plus, self.minus, self.more_like, self.less_like)))
        )

    @property
    def asked(self) -> Asked | None:
        """What it is made of, words or pictures; None for a mixture, feedback and ready vectors."""
        if self.vectors or self.more_like or self.less_like:
            return None
        words, pictures = self.text or self.plus or self.minus, self.images or self.like
        if words and pictures:
            return None
        return "pictures" if pictures else "words"

    @property
    def has_words(self) -> bool:
        """Whether there are words to look up in captions."""
        return bool(self.text or self.plus)

    @property
    def words(self) -> str:
        """All words asked for, as captions are searched for them."""
        return " ".join(part for part in (self.text, *(plus.text for plus in self.plus)) if part)

    def refined(self, *, more_like: Iterable[int] = (), less_like: Iterable[int] = ()) -> Query:
        """The same question with more feedback. What is said last of a frame holds."""
        more, less = dict.fromkeys(more_like), dict.fromkeys(less_like)
        return replace(
            self,
            more_like=tuple(dict.fromkeys([*(i for i in self.more_like if i not in less), *more])),
            less_like=tuple(dict.fromkeys([*(i for i in self.less_like if i not in more), *less])),
        )


def _clean(text: str) -> str:
    return " ".join(_CONTROL_CHARACTERS.sub(" ", text).split())


def _check_parts(query: Query) -> None:
    positive = (query.text, query.images, query.like, query.plus, query.vectors, query.more_like)
    if not any(positive):
        if query.minus or query.less_like:
            raise QueryError("The query says only what to avoid. Say also what to look for.")
        raise QueryError('The query is empty. Say what to look for, as in "a dog eating grass".')
    if query.mode not in get_args(Mode):
        raise QueryError(f"{query.mode!r} is no search mode. Use one of {', '.join(get_args(Mode))}.")
    if query.mode == "caption" and not query.has_words:
        raise QueryError(
            "Mode caption looks for words, and the query has none. Add some, or use mode visual."
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
    if query.mode == "caption":
        raise QueryError("Steps are found by pictures: use mode visual, hybrid or auto with --then.")


def _check_numbers(query: Query) -> None:
    if query.num_hits < 1:
        raise QueryError(f"The number of hits is {query.num_hits}; it must be 1 or more.")
    if query.num_rerank < 1:
        raise QueryError(f"The number of hits to re-rank is {query.num_rerank}; it must be 1 or more.")
    if not query.within_seconds > 0:
        raise QueryError(f"Steps {query.within_seconds:g} s apart cannot be found; give more than 0.")
    if query.min_confidence is not None and not 0 <= query.min_confidence <= 1:
        raise QueryError(f"The least confidence is {query.min_confidence:g}; it must be from 0 to 1.")
    for key, vector in query.vectors.items():
        if not vector or not all(math.isfinite(value) for value in vector) or not any(vector):
            raise QueryError(f"The vector for space {key} must hold finite numbers, not all of them 0.")


def _check_filter(frames: FrameFilter) -> None:
    for low, high, what in (
        (frames.after_seconds, frames.before_seconds, "time range"),
        (frames.min_duration_seconds, frames.max_duration_seconds, "range of durations"),
        (frames.recorded_after, frames.recorded_before, "range of recording dates"),
    ):
        if low is not None and high is not None and low >= high:  # type: ignore[operator]
            raise QueryError(f"The {what} is empty: {low} is not before {high}.")
