"""What comes back from a search: the hits, and what they were found by. Plain data, no behaviour."""

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
    mode: ResolvedMode
    """What answered; `auto` is resolved."""
    models: tuple[str, ...]
    """The embedders in whose spaces pictures were compared."""
    num_frames: int
    """How many frames were looked at, after the filters."""
    notes: tuple[str, ...] = ()
    """What the asker should know: a part of the query that could not be used, an empty library."""
