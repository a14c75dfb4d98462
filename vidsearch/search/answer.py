"""The answer to a search: hits, and a verdict on how likely they are to be right. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from vidsearch.search.query import Query
from vidsearch.types import SearchHit

ResolvedMode: TypeAlias = Literal["visual", "caption", "hybrid"]

Verdict: TypeAlias = Literal["found", "unsure", "nothing"]
"""Whether the library has what was asked for: probably, possibly, or not as far as can be told."""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """An answer to one query. It iterates over its hits, best first."""

    query: Query
    hits: tuple[SearchHit, ...]
    """Best first. With the verdict "nothing" they are only the closest."""
    verdict: Verdict
    """By the most confident hit; "unsure" for queries without a confidence."""
    found_from: float
    """Hits at or above this confidence count as found."""
    possible_from: float
    """Hits below this confidence are only close; 0 for queries without a confidence."""
    mode: ResolvedMode
    """The mode used; `auto` is resolved."""
    kinds: tuple[str, ...]
    """The kinds of evidence searched."""
    models: tuple[str, ...]
    """The embedders whose vectors were compared."""
    num_frames: int
    """Number of frames searched, after filters."""
    notes: tuple[str, ...] = ()
    """Notes for the user: a part of the query that could not be used, an empty library."""

    @property
    def nothing_matches(self) -> bool:
        """Whether no hit is likely to be what was asked for."""
        return self.verdict == "nothing"

    def is_doubtful(self, hit: SearchHit) -> bool:
        """Whether a hit is only close: below possible, or only possible while others are found."""
        least = self.found_from if self.verdict == "found" else self.possible_from
        return hit.confidence is not None and hit.confidence < least

    def split(self) -> tuple[tuple[SearchHit, ...], tuple[SearchHit, ...]]:
        """Split into the hits to show and the weaker ones to offer, both in the answer's order."""
        strong = tuple(hit for hit in self.hits if not self.is_doubtful(hit))
        return strong, tuple(hit for hit in self.hits if self.is_doubtful(hit))
