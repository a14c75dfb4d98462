"""Paged answers, for HTTP clients. All pages are of one answer, even if the library changes meanwhile."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from vidsearch.service.answer_schemas import AnswerSchema
from vidsearch.service.paging import read_cursor, write_cursor
from vidsearch.service.received import received_query
from vidsearch.service.server_schemas import SearchPage

if TYPE_CHECKING:
    from vidsearch.service.library import Library

_MAX_HITS_KEPT = 50_000
"""In all answers together: about 100 MB."""


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: object
    """The library's stamp when it answered."""
    answer: AnswerSchema


class AnswerPages:
    """Answers JSON queries to one library page by page, and keeps the latest answers. Thread-safe."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, source: str, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Return one page of the answer to a query.

        Args:
            source: The query in JSON, including its pictures; see `received.received_query`.
            limit: The maximum number of hits.
            cursor: Where the page starts; None for the best hits of a new search.

        Raises:
            QueryError: The query is invalid, or the cursor belongs to another query.
            VideoNotFound: The query names a video that is not in the library.
            ModelUnavailable: No available model can encode the query.
        """
        key = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        first = read_cursor(cursor, key)
        answer = self._answer(key, source, is_new=cursor is None)
        end = first + limit
        return SearchPage.cut(answer, first, end, write_cursor(end, key) if end < len(answer.hits) else None)

    def _answer(self, key: str, source: str, *, is_new: bool) -> AnswerSchema:
        stamp = self._library.store.stamp()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and (kept.stamp == stamp or not is_new):
            return kept.answer
        with received_query(source) as query:
            answer = AnswerSchema.of(self._library.search(query))
        if query.images:  # their temporary files have been deleted
            answer = msgspec.structs.replace(
                answer, query={**answer.query, "images": ["data:"] * len(query.images)}
            )
        with self._lock:
            self._kept[key] = _Kept(stamp, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self._num_hits() > _MAX_HITS_KEPT:
                self._kept.popitem(last=False)
        return answer

    def _num_hits(self) -> int:
        return sum(len(kept.answer.hits) + 1 for kept in self._kept.values())
