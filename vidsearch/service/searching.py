"""The part of `Library` that keeps models and vectors loaded, and what is built on searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.service.taking import LibraryExporter

if TYPE_CHECKING:
    from vidsearch.search.engine import Searcher
    from vidsearch.service.concepts import Concepts
    from vidsearch.service.labels import Labels
    from vidsearch.store.store import Store


class LibrarySearcher(LibraryExporter):
    """A library whose models and vectors stay loaded between searches."""

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
        """The concepts of the library: names that it was taught by examples."""
        from vidsearch.service.concepts import Concepts

        return Concepts(self, self._searching(), self._lock)

    @property
    def labels(self) -> Labels:
        """The labels of the library: words that are searched for in every frame."""
        from vidsearch.service.labels import Labels

        return Labels(self, self._searching(), self._lock)
