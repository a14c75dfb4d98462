"""The part of `Library` that keeps what searches need, and all that is built on a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.service.taking import LibraryExporter

if TYPE_CHECKING:
    from vidsearch.search.engine import Searcher
    from vidsearch.service.concepts import Concepts
    from vidsearch.service.labels import Labels
    from vidsearch.store.store import Store


class LibrarySearcher(LibraryExporter):
    """A library with models and vectors that stay loaded from one search to the next."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._searcher: Searcher | None = None

    def _searching(self) -> Searcher:
        if self._searcher is None:
            from vidsearch.search.engine import Searcher

            self._searcher = Searcher(self.store)
        return self._searcher

    @property
    def concepts(self) -> Concepts:
        """What the library was taught: names of your own, by examples."""
        from vidsearch.service.concepts import Concepts

        return Concepts(self, self._searching(), self._lock)

    @property
    def labels(self) -> Labels:
        """What is looked for in every frame, and where it was seen."""
        from vidsearch.service.labels import Labels

        return Labels(self, self._searching(), self._lock)
