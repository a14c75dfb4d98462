"""The kinds of evidence that a search can look at, by the names that `--in` takes. Plain data.

A new kind of words is one line here; a new kind of vectors is one more line in `retrievers.RETRIEVERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from vidsearch.tracks import WordKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float64: TypeAlias = NDArray[np.float64]

PICTURES = "pictures"
"""Frames, compared with the query in each embedding space that the library has vectors in."""


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """Words of one kind of track, and how far they can be trusted."""

    name: str
    track: WordKind
    """The kind of the tracks that hold them, and whether a person wrote them into this library."""
    trust: float
    """Probability in [0, 1] that a segment with all words of a query is what was asked for."""
    fall: float
    """Exponent: a segment with a share of the words is trusted `trust * share ** fall`."""
    has_own_span: bool
    """Whether a match is always a moment with the segment's own times. Otherwise the pictures around it say
    how far the moment reaches, where they say more than the words."""

    def confidences(self, shares: Float64) -> Float64:
        """Probabilities in [0, 1] that segments with these shares of the words are what was asked for."""
        return self.trust * shares**self.fall


TEXT_KINDS: Mapping[str, EvidenceKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            EvidenceKind(
                "corrections", WordKind("caption", is_human=True), trust=0.999, fall=1.0, has_own_span=True
            ),
            EvidenceKind("subtitles", WordKind("subtitle"), trust=0.7, fall=2.0, has_own_span=True),
            EvidenceKind("chapters", WordKind("chapter"), trust=0.7, fall=2.0, has_own_span=True),
            EvidenceKind("captions", WordKind("caption"), trust=0.45, fall=2.0, has_own_span=False),
        )
    }
)
"""By name, those of other kinds first that say more. `captions` are a model's, `corrections` a person's."""

KINDS = (PICTURES, *TEXT_KINDS)
