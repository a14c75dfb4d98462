"""Queries to begin with: captions of a library that it answers well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import VidsearchError
from vidsearch.search.query import Query
from vidsearch.service.overview import NUM_CANDIDATES, best_queries

if TYPE_CHECKING:
    from vidsearch.web.page_library import PageLibrary


def example_queries(library: PageLibrary, *, limit: int) -> list[str]:
    """Find captions that this library answers well as queries, the surest first, no two alike."""

    def confidence(text: str) -> float | None:
        try:
            answer = library.search(Query(text=text, num_hits=1))
        except VidsearchError:
            return None
        return None if answer.nothing_matches else answer.hits[0].confidence

    videos = library.videos()
    # More than are tried, as some captions are alike, or too long.
    chosen = np.unique(np.linspace(0, len(videos) - 1, 3 * NUM_CANDIDATES).astype(np.int64))
    covers = library.covers([videos[number] for number in chosen.tolist()]) if videos else {}
    captions = [frame.caption.text for frame in covers.values() if frame.caption]
    return best_queries(captions, confidence, limit=limit)
