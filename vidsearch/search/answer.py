"""What comes back from a search: the hits, and how sure they are what was asked for. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from vidsearch.search.query import Query
from vidsearch.types import SearchHit

ResolvedMode: TypeAlias = Literal["visual", "caption", "hybrid"]

Verdict: TypeAlias = Literal["found", "unsure", "nothing"]
"""Whether the library holds what was asked for: more likely than not; maybe; not that one could tell."""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """An answer to one query. It iterates over its hits, best first."""

    query: Query
    hits: tuple[SearchHit, ...]
    """Best first. With `verdict` "nothing" they are merely the closest."""
    verdict: Verdict
    """What the surest hit amounts to; "unsure" where such a query gets no confidence."""
    found_from: float
    """The confidence from which on a hit counts as found."""
    possible_from: float
    """The confidence below which a hit is merely close; 0 where such a query gets no confidence."""
    mode: ResolvedMode
    """What answered; `auto` is resolved."""
    kinds: tuple[str, ...]
    """The kinds of evidence that were looked at."""
    models: tuple[str, ...]
    """The embedders in whose spaces pictures were compared."""
    num_frames: int
    """How many frames were looked at, after the filters."""
    notes: tuple[str, ...] = ()
    """What the asker should know: a part of the query that could not be used, an empty library."""

    @property
    def nothing_matches(self) -> bool:
        """Whether no hit is likely enough to be what was asked for."""
        return self.verdict == "nothing"

    def is_doubtful(self, hit: SearchHit) -> bool:
        """Whether a hit is merely close: less than possible, or merely possible where others are found."""
        least = self.found_from if self.verdict == "found" else self.possible_from
        return hit.confidence is not None and hit.confidence < least

    def split(self) -> tuple[tuple[SearchHit, ...], tuple[SearchHit, ...]]:
        """The hits worth showing, and the weaker ones, both in the order of the answer.

        A door shows the first, and offers the second.
        """
        strong = tuple(hit for hit in self.hits if not self.is_doubtful(hit))
        return strong, tuple(hit for hit in self.hits if self.is_doubtful(hit))
