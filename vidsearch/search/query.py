"""`Query`: everything that one search asks for, in one frozen value.

A `Query` is valid once it exists: an empty or contradictory one raises QueryError when it is built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from vidsearch.concepts.names import without_marks
from vidsearch.errors import QueryError
from vidsearch.search.kinds import KINDS, PICTURES
from vidsearch.search.parts import Part, parts_of
from vidsearch.search.query_checks import MAX_CHARACTERS, NOT_TEXT, check
from vidsearch.store.words import telling_terms
from vidsearch.times import parse_time
from vidsearch.types import FrameFilter

Mode: TypeAlias = Literal["auto", "visual", "caption", "hybrid"]
"""What is searched: pictures only, captions only, or all kinds of evidence (`auto` and `hybrid`)."""

Asked: TypeAlias = Literal["words", "sentence", "pictures"]
"""What a query consists of: one or two significant words, more words, or pictures."""

MAX_WEIGHT = 1000.0
_FEW_WORDS = 2
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
"""Quotes as phones and word processors set them."""


@dataclass(frozen=True, slots=True)
class WeightedText:
    """Words that are added to a query, or subtracted from it. The query's text has weight 1."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _clean(self.text))
        if not self.text:
            raise QueryError("Words to add or take away are empty. Give some, as in --plus sunset.")
        if not 0 < self.weight <= MAX_WEIGHT:
            raise QueryError(
                f"The weight of {self.text!r} is {self.weight:g}; it must be above 0 and at most "
                f"{MAX_WEIGHT:g}. Use --minus to steer away from something."
            )

    @classmethod
    def parse(cls, words: str) -> WeightedText:
        """Parse "sunset" or "sunset:0.5". A colon without a number after it belongs to the words."""
        text, colon, weight = words.rpartition(":")
        if colon and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", weight):
            return cls(text, float(weight))
        return cls(words)

    def __str__(self) -> str:
        return self.text if self.weight == 1.0 else f"{self.text}:{self.weight:g}"


@dataclass(frozen=True, slots=True)
class FrameReference:
    """A frame of the library, by video and time: "holiday.mp4@12.5"."""

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
    def of(cls, moment: str | FrameReference) -> FrameReference:
        """Return a reference unchanged, or parse a text."""
        return moment if isinstance(moment, FrameReference) else cls.parse(moment)

    @classmethod
    def parse(cls, reference: str) -> FrameReference:
        """Parse "VIDEO@SECONDS" or "VIDEO@H:MM:SS.S".

        Raises:
            QueryError: It is neither.
        """
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
    """Everything that one search asks for.

    Positive parts are `text`, `images`, `like`, `plus`, `vectors` and `more_like`; at least one is required.
    Their vectors are added in each space, and those of `minus` and `less_like` are subtracted (see
    `search.composition`). With `then`, `text` is the first of several steps in one video.

    Raises:
        QueryError: The query is empty or contradictory.
    """

    text: str | None = None
    """A description. Parts of it may apply to one kind of evidence only: `a man said:"any questions"`; see
    `search.parts`."""
    images: tuple[Path, ...] = ()
    """Picture files: find moments that look like them."""
    like: tuple[FrameReference, ...] = ()
    """Frames of the library: find moments that look like them, by their stored vectors."""
    plus: tuple[WeightedText, ...] = ()
    minus: tuple[WeightedText, ...] = ()
    vectors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Precomputed query vectors, by the key of their space (`EmbeddingSpace.key`)."""
    more_like: tuple[int, ...] = ()
    """Feedback: ids of frames that are right answers."""
    less_like: tuple[int, ...] = ()
    """Feedback: ids of frames that are wrong answers."""
    then: tuple[str, ...] = ()
    """Descriptions of what happens after `text` in the same video, in order."""
    within_seconds: float = 30.0
    """The longest time from one step to the next."""
    filter: FrameFilter = field(default_factory=FrameFilter)
    mode: Mode = "auto"
    kinds: tuple[str, ...] | None = None
    """Kinds of evidence to search, of `kinds.KINDS`; None for all. `captions` includes `corrections`."""
    num_hits: int = 10
    group: bool = True
    """Whether to join neighbouring frames into moments, instead of returning each frame as a hit."""
    dedupe: bool = True
    """Whether to keep only the best of near-identical moments of different videos."""
    min_confidence: float | None = None
    """Leave out hits below this confidence in [0, 1]."""
    rerank: str | None = None
    """A model that re-ranks the best hits by picture and words together: "blip" or "mini"."""
    num_rerank: int = 50
    """How many of the best hits to re-rank."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _clean(self.text or "") or None)
        object.__setattr__(self, "then", tuple(_clean(step) for step in self.then))
        object.__setattr__(self, "vectors", {key: _numbers(key, row) for key, row in self.vectors.items()})
        if self.kinds is not None:
            names = (name.strip() for each in self.kinds for name in each.split(","))
            object.__setattr__(self, "kinds", tuple(names))
        if self.mode not in get_args(Mode):
            raise QueryError(f"{self.mode!r} is no search mode. Use one of {', '.join(get_args(Mode))}.")
        check(self)
        if self.then:
            _ = self.steps  # builds each step's query, which checks it

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the text, each with the kinds of evidence that it applies to."""
        return parts_of(self.text or "")

    @property
    def clauses(self) -> tuple[Query, ...]:
        """A query for each part of the text; a moment should match all of them. Only itself if it has one
        part.

        Images, frames, `plus`, `minus` and feedback belong to the first part that searches pictures.
        """
        parts, has_more = self.parts, self.num_parts > bool(self.text)
        if len(parts) < 2 and not (has_more and parts and parts[0].kinds and PICTURES not in parts[0].kinds):
            return (self,)
        whole = replace(self, mode="auto", then=(), rerank=None)
        only_words = replace(
            whole, images=(), like=(), plus=(), minus=(), vectors={}, more_like=(), less_like=()
        )
        clauses: list[Query] = []
        for part in parts:
            kinds = tuple(kind for kind in self.allowed if part.kinds is None or kind in part.kinds)
            takes_more = has_more and PICTURES in kinds
            clauses.append(replace(whole if takes_more else only_words, text=part.words, kinds=kinds))
            has_more = has_more and not takes_more
        if has_more:
            clauses.append(replace(whole, text=None, kinds=(PICTURES,)))
        return tuple(clauses)

    @property
    def steps(self) -> tuple[Query, ...]:
        """A query for each step of a sequence.

        Models' captions are searched only in steps that ask for them: the pictures themselves tell more.
        """
        first = replace(self, then=())
        steps = []
        for text in (self.text or "", *self.then):
            kinds = tuple(kind for kind in self.allowed if kind != "captions") or self.allowed
            if self.kinds is not None or any(part.kinds for part in parts_of(text)):
                kinds = self.allowed
            steps.append(replace(first, text=text, mode="auto", kinds=kinds))
        return tuple(steps)

    @property
    def num_parts(self) -> int:
        """The number of parts that are added or subtracted."""
        return (
            bool(self.text)
            + bool(self.vectors)
            + sum(map(len, (self.images, self.like, self.plus, self.minus, self.more_like, self.less_like)))
        )

    @property
    def asked(self) -> Asked | None:
        """What the query consists of; None for a mixture, feedback or precomputed vectors."""
        if self.vectors or self.more_like or self.less_like:
            return None
        words, pictures = self.text or self.plus or self.minus, self.images or self.like
        if words and pictures:
            return None
        return "pictures" if pictures else asked_by(self.words)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The kinds of evidence that mode, `kinds` and text select, in the order of `kinds.KINDS`."""
        wanted = [part.kinds for part in self.parts]
        if not wanted or None in wanted:
            return self.allowed
        if self.num_parts > bool(self.text):
            wanted.append((PICTURES,))
        return tuple(kind for kind in self.allowed if any(kind in (kinds or ()) for kinds in wanted))

    @property
    def allowed(self) -> tuple[str, ...]:
        """The kinds of evidence that mode and `kinds` select, in the order of `kinds.KINDS`."""
        asked = KINDS if self.kinds is None else self.kinds
        if "captions" in asked:
            asked = (*asked, "corrections")
        if self.mode == "visual":
            asked = tuple(kind for kind in asked if kind == PICTURES)
        elif self.mode == "caption":
            asked = tuple(kind for kind in asked if kind in ("captions", "corrections"))
        return tuple(kind for kind in KINDS if kind in asked)

    @property
    def has_words(self) -> bool:
        """Whether there are words to search for in tracks."""
        return bool(self.text or self.plus)

    @property
    def words(self) -> str:
        """All words of the query, for searching tracks, with phrases in quotes."""
        said = " ".join((*(part.words for part in self.parts), *(plus.text for plus in self.plus)))
        return without_marks(said)

    @property
    def shown(self) -> str:
        """The words of the text that pictures are compared with, with phrases in quotes."""
        return " ".join(part.words for part in self.parts if part.kinds is None or PICTURES in part.kinds)

    def refined(self, *, more_like: Iterable[int] = (), less_like: Iterable[int] = ()) -> Query:
        """Return the query with more feedback. Feedback on a frame replaces earlier feedback on it."""
        more, less = dict.fromkeys(more_like), dict.fromkeys(less_like)
        return replace(
            self,
            more_like=tuple(dict.fromkeys([*(i for i in self.more_like if i not in less), *more])),
            less_like=tuple(dict.fromkeys([*(i for i in self.less_like if i not in more), *less])),
        )


def asked_by(text: str) -> Asked:
    """Return whether a text is one or two significant words, or a sentence."""
    return "words" if len(telling_terms(text)) <= _FEW_WORDS else "sentence"


def _clean(text: str) -> str:
    if not isinstance(text, str):
        raise QueryError(f"What to look for must be text, not {text!r}.")
    if len(text) > MAX_CHARACTERS:
        raise QueryError(
            f"{text[:40]!r}... is {len(text):,} characters long; give {MAX_CHARACTERS:,} at most."
        )
    return " ".join(NOT_TEXT.sub(" ", text).translate(_QUOTES).split())


def _numbers(key: str, row: Iterable[float]) -> tuple[float, ...]:
    try:
        vector = tuple(float(value) for value in row)
    except (TypeError, ValueError, OverflowError) as error:
        raise QueryError(f"The vector for space {key} must be a list of numbers: {error}.") from error
    largest = max(map(abs, vector), default=0.0)
    if not all(map(math.isfinite, vector)) or largest == 0.0:
        raise QueryError(f"The vector for space {key} must hold finite numbers, not all of them 0.")
    return vector
