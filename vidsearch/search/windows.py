"""A query's text in the spaces of windows of frames and of sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vidsearch.concepts.names import without_marks
from vidsearch.errors import ModelUnavailable
from vidsearch.search.composition import Direction
from vidsearch.search.kinds import WINDOWS
from vidsearch.search.query import asked_by
from vidsearch.search.views import View

if TYPE_CHECKING:
    from vidsearch.search.composition import QueryComposer
    from vidsearch.search.query import Query
    from vidsearch.search.timeline import Timeline
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace


def window_views(
    query: Query,
    library: Store,
    composer: QueryComposer,
    timeline_of: Callable[[EmbeddingSpace], Timeline],
) -> tuple[list[View], list[str]]:
    """The query's text in each space of windows that it searches and whose model is available.

    Pictures in the query are ignored: they show neither motion nor sound.

    Returns:
        The views, and why other spaces are unavailable.
    """
    views: list[View] = []
    problems: list[str] = []
    words = without_marks(" ".join(part.seen for part in query.parts))
    for name in (name for name in query.looked_at if name in WINDOWS and words):
        for space in library.spaces(WINDOWS[name].tracks[0].kind):
            timeline = timeline_of(space)
            if not len(timeline):
                continue
            try:
                vector = composer.words_vector(words, space)
            except ModelUnavailable as error:
                problems.append(str(error))
            else:
                views.append(View.of(space, timeline, Direction(vector, asked_by(words))))
    return views, problems
