"""What is asked of a library, as one frozen value: the CLI, the page and programs all build a `Query`.

A `Query` that exists makes sense: whatever contradicts itself raises QueryError as it is built.
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
"""What answers: pictures alone, captions alone, or all kinds of evidence (`auto` and `hybrid`)."""

Asked: TypeAlias = Literal["words", "sentence", "pictures"]
"""What a query is made of, where that is one thing: one or two telling words, more of them, pictures."""

MAX_WEIGHT = 1000.0
_FEW_WORDS = 2


@dataclass(frozen=True, slots=True)
class WeightedText:
    """Words that pull an answer toward them, or away, with a strength of `weight` against the text's 1."""

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
    def of(cls, moment: str | FrameReference) -> FrameReference:
        """Return a reference as it is, or read a text as `parse` does."""
        return moment if isinstance(moment, FrameReference) else cls.parse(moment)

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
    """Words, of which some may be for some kinds of evidence only: `a man said:"any questions"`; see
    `search.parts`."""
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
    kinds: tuple[str, ...] | None = None
    """The kinds of evidence to look at, of `kinds.KINDS`; None for all. `captions` includes `corrections`."""
    num_hits: int = 10
    group: bool = True
    """Join neighbouring frames into moments; else each frame is a hit of its own."""
    dedupe: bool = True
    """Fold near-identical moments of different videos into the best of them."""
    min_confidence: float | None = None
    """Leave out hits below this confidence in [0, 1]."""
    rerank: str | None = None
    """Model that scores the best hits again by looking at picture and words together: "blip" or "mini"."""
    num_rerank: int = 50

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
            _ = self.steps  # each of them has to be a query

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the text asks for, and where."""
        return parts_of(self.text or "")

    @property
    def clauses(self) -> tuple[Query, ...]:
        """A query for each part, all of which an answer should fit; itself alone where there is one part.

        Pictures, frames, and what pulls towards something or away, go with the first part that looks at
        pictures.
        """
        parts, has_more = self.parts, self.num_parts > bool(self.text)
        if len(parts) < 2 and not (has_more and parts and parts[0].kinds and PICTURES not in parts[0].kinds):
            return (self,)
        whole = replace(self, mode="auto", then=(), rerank=None)
        only_words = replace(
            whole, text="-", images=(), like=(), plus=(), minus=(), vectors={}, more_like=(), less_like=()
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

        What a model says of pictures is looked at only where a step asks for captions: the pictures
        themselves say more.
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
        return "pictures" if pictures else asked_by(self.words)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The kinds of evidence that the mode, `kinds` and the text leave, in the order of `kinds.KINDS`."""
        wanted = [part.kinds for part in self.parts]
        if not wanted or None in wanted:
            return self.allowed
        if self.num_parts > bool(self.text):
            wanted.append((PICTURES,))
        return tuple(kind for kind in self.allowed if any(kind in (kinds or ()) for kinds in wanted))

    @property
    def allowed(self) -> tuple[str, ...]:
        """The kinds of evidence that the mode and `kinds` leave."""
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
        """Whether there are words to look up in tracks."""
        return bool(self.text or self.plus)

    @property
    def words(self) -> str:
        """All words asked for, as tracks are searched for them: exact ones in quotes."""
        said = " ".join((*(part.words for part in self.parts), *(plus.text for plus in self.plus)))
        return without_marks(said)

    @property
    def shown(self) -> str:
        """The words of the text that pictures are compared with, exact ones in quotes."""
        return " ".join(part.words for part in self.parts if part.kinds is None or PICTURES in part.kinds)

    def refined(self, *, more_like: Iterable[int] = (), less_like: Iterable[int] = ()) -> Query:
        """The same question with more feedback. What is said last of a frame holds."""
        more, less = dict.fromkeys(more_like), dict.fromkeys(less_like)
        return replace(
            self,
            more_like=tuple(dict.fromkeys([*(i for i in self.more_like if i not in less), *more])),
            less_like=tuple(dict.fromkeys([*(i for i in self.less_like if i not in more), *less])),
        )


def asked_by(text: str) -> Asked:
    """Whether a text is one or two telling words, or a sentence."""
    return "words" if len(telling_terms(text)) <= _FEW_WORDS else "sentence"


def _clean(text: str) -> str:
    if not isinstance(text, str):
        raise QueryError(f"What to look for must be text, not {text!r}.")
    if len(text) > MAX_CHARACTERS:
        raise QueryError(
            f"{text[:40]!r}... is {len(text):,} characters long; give {MAX_CHARACTERS:,} at most."
        )
    return " ".join(NOT_TEXT.sub(" ", text).split())


def _numbers(key: str, row: Iterable[float]) -> tuple[float, ...]:
    try:
        vector = tuple(float(value) for value in row)
    except (TypeError, ValueError, OverflowError) as error:
        raise QueryError(f"The vector for space {key} must be a list of numbers: {error}.") from error
    largest = max(map(abs, vector), default=0.0)
    if not all(map(math.isfinite, vector)) or largest == 0.0:
        raise QueryError(f"The vector for space {key} must hold finite numbers, not all of them 0.")
    return vector
