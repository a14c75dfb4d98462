"""The kinds of evidence, by the names that `--in` takes. Plain data.

A new kind of text is one entry here; a new kind of vectors also needs one in `retrievers.RETRIEVERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from vidsearch.times import format_moment
from vidsearch.tracks import WordKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vidsearch.types import Evidence

    Float64: TypeAlias = NDArray[np.float64]

PICTURES = "pictures"
"""Frames, compared with the query in each embedding space that the library has vectors in."""
QUOTED = 0.95
"""Probability that words which occur just as they are quoted are what was asked for. Whoever quotes asks for
these very words; what is left is that a model heard or read them wrong."""


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """Segments of one kind of track, and how much a match is trusted."""

    name: str
    tracks: tuple[WordKind, ...]
    """The kinds of their tracks, and whether a person wrote them."""
    says: str
    """How a hit names such evidence: `said "{text}" at {time}`."""
    trust: float = 0.7
    """Probability in [0, 1] that a segment with all words of a query is what was asked for."""
    fall: float = 2.0
    """Exponent: a segment with a share of the words is trusted `trust * share ** fall`."""
    has_own_span: bool = True
    """Whether a match is always a moment with the segment's own times. Otherwise the pictures around it say
    how far the moment reaches, where they say more than the words."""
    comes_first: bool = False
    """Whether a match that says more than its pictures has its place before frames have theirs: frames that
    look alike for long make one moment of all that happens in them."""

    has_vectors: bool = True
    """Whether its lines have text vectors; see `ingest.lines`."""

    def confidences(self, shares: Float64, *, as_quoted: bool = False) -> Float64:
        """Probabilities in [0, 1] that segments with these shares of the words are what was asked for.

        `as_quoted` says that they have what the query has in quotes, just so.
        """
        more = max(0.0, QUOTED - self.trust) if as_quoted and self.has_own_span else 0.0
        return self.trust * shares**self.fall + more * (shares >= 1)


_CORRECTIONS = (WordKind("caption", is_human=True),)
_SPEECH = (WordKind("transcript", is_human=True), WordKind("transcript"))
_TEXT = (WordKind("ocr", is_human=True), WordKind("ocr"))

TEXT_KINDS: Mapping[str, EvidenceKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            EvidenceKind("corrections", _CORRECTIONS, 'you said "{text}"', trust=0.999, fall=3.0),
            EvidenceKind("speech", _SPEECH, 'said "{text}" at {time}'),
            EvidenceKind("text", _TEXT, 'on screen "{text}"'),
            EvidenceKind("subtitles", (WordKind("subtitle"),), 'said "{text}" at {time}'),
            EvidenceKind("chapters", (WordKind("chapter"),), 'chapter "{text}"'),
            EvidenceKind(
                "captions",
                (WordKind("caption"),),
                'caption "{text}"',
                trust=0.45,
                has_own_span=False,
                has_vectors=False,
            ),
        )
    }
)
"""By name, those of other kinds first that say more. `captions` are a model's, `corrections` a person's."""

_MOST_BY_WINDOWS = 0.35
"""What windows of one kind are trusted at most: moving pictures and sound together fall short of "found". How
well their models tell was not measured."""
WINDOWS: Mapping[str, EvidenceKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            EvidenceKind(
                "moving",
                (WordKind("clip"),),
                "moves like it",
                trust=_MOST_BY_WINDOWS,
                fall=1.0,
                has_own_span=False,
                comes_first=True,
            ),
            EvidenceKind(
                "sounds",
                (WordKind("sound"),),
                "sounds like it",
                trust=_MOST_BY_WINDOWS,
                fall=1.0,
                has_own_span=False,
                comes_first=True,
            ),
        )
    }
)
"""By name: windows of several frames, and of sound, compared with the query by vectors of their own. A share
is the probability by their vectors."""

KINDS = (PICTURES, *WINDOWS, *TEXT_KINDS)


def reason(evidence: Evidence) -> str:
    """Name the evidence for a hit: `said "any questions" at 0:12`, `looks like it`."""
    kind = TEXT_KINDS.get(evidence.kind) or WINDOWS.get(evidence.kind)
    if kind is None:
        return "looks like it"
    return kind.says.format(text=evidence.text, time=format_moment(evidence.start_seconds))
