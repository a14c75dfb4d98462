"""What comes back from a search: the hits, and what they were found by. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from vidsearch.search.query import Query
from vidsearch.types import SearchHit

ResolvedMode: TypeAlias = Literal["visual", "caption", "hybrid"]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """An answer to one query."""

    query: Query
    hits: tuple[SearchHit, ...]
    """Best first."""
    nothing_matches: bool
    """True where no hit is likely enough to be what was asked for: the hits are then merely the closest."""
    likely: float
    """The confidence from which on a hit is likely to be what was asked for; 0 where none is known."""
    mode: ResolvedMode
    """What answered; `auto` is resolved."""
    models: tuple[str, ...]
    """The embedders in whose spaces pictures were compared."""
    num_frames: int
    """How many frames were looked at, after the filters."""
    notes: tuple[str, ...] = ()
    """What the asker should know: a part of the query that could not be used, an empty library."""

    def is_doubtful(self, hit: SearchHit) -> bool:
        """Whether a hit is merely among the closest, and not likely to be what was asked for."""
        return hit.confidence is not None and hit.confidence < self.likely
