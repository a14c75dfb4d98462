"""Nearest neighbours within a space: exact over the mapped rows, or through an approximate index.

Brings the vector files up to date with the catalog, and searches them. A query is a vector.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import LibraryNotWritable
from vidsearch.store import vector_rows
from vidsearch.store.approximate import ApproximateIndex
from vidsearch.store.catalog import Catalog
from vidsearch.store.exact import best_rows
from vidsearch.store.lock import WRITE_TIMEOUT_SECONDS, try_lock
from vidsearch.store.similarity import similarities
from vidsearch.store.vector_files import POSITION, IndexFile, Manifest, Matrix, VectorFiles, matrix
from vidsearch.store.vector_rows import SpaceRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.connection import Connection
    from vidsearch.types import EmbeddingSpace, Float32, Int64

FOLDER = "vectors"
LOCK_FILE = "refresh.lock"
EXACT_ROWS = 200_000
"""Up to this many vectors, search is exhaustive: 20 ms for 512-d ones."""
NEWER_ROWS = 10_000
"""Up to this many vectors may be newer than the approximate index; these are searched exhaustively."""
_BATCH_ROWS = 4096
_SEARCH_TIMEOUT_SECONDS = 1.0
"""A search that finds another process at work on the files takes the vectors from the catalog instead."""
_STILL_COMPLETE = "The library is complete without these files; searching it is slower."


@dataclass(frozen=True, slots=True)
class _Loaded:
    revision: int
    matrix: Matrix
    index: ApproximateIndex | None = None
    index_file: IndexFile | None = None


class Vectors:
    """The vectors of a library, searchable. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, *, library_id: str) -> None:
        self._catalog = catalog
        self._library_id = library_id
        self._folder = catalog.folder / FOLDER
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def matrix(self, space: EmbeddingSpace) -> Matrix:
        """All vectors of a space that is searched, as new as the catalog."""
        return self._current(space).matrix

    def nearest(
        self, space: EmbeddingSpace, queries: Float32, k: int, *, among: Int64 | None = None
    ) -> tuple[Int64, Float32]:
        """The k frames whose vectors have the largest inner products with each query.

        queries: float32 (q, dim). `among`: frame ids, ascending, that alone are looked at. Returns ids
        int64 (q, k) and scores float32 (q, k), best first, equal scores by id; -1 and -inf where there are
        fewer than k.
        """
        queries = np.atleast_2d(np.ascontiguousarray(queries, dtype=np.float32))
        if queries.ndim != 2 or queries.shape[1] != space.dim:
            raise ValueError(
                f"Queries of {space.model} have {space.dim} numbers each, not {queries.shape[1:]}."
            )
        loaded = self._current(space)
        candidates = None if among is None else rows_of(loaded.matrix.frame_ids, among)
        count = max(0, min(k, len(loaded.matrix.frame_ids) if candidates is None else len(candidates)))
        ids = np.full((len(queries), max(0, k)), -1, np.int64)
        scores = np.full((len(queries), max(0, k)), -np.inf, np.float32)
        if count and len(queries):
            best_scores, best = self._best(loaded, queries, count, candidates)
            ids[:, :count] = loaded.matrix.frame_ids[best]
            scores[:, :count] = best_scores
        return ids, scores

    def refresh(self) -> None:
        """Bring the files of every space up to date. Raises LibraryNotWritable."""
        with self._catalog.read() as connection:
            spaces = vector_rows.spaces(connection)
        for row in spaces:
            try:
                is_done = self._catch_up(row, WRITE_TIMEOUT_SECONDS, with_index=True)
            except OSError as error:
                message = f"Cannot write {self._folder}: {error}. {_STILL_COMPLETE}"
                raise LibraryNotWritable(message) from error
            if not is_done:
                raise LibraryNotWritable(f"Cannot write {self._folder}. {_STILL_COMPLETE}")

    def files(self, space: EmbeddingSpace) -> VectorFiles:
        """The files of a space."""
        return VectorFiles(self._folder, library=self._library_id, space=space.key, dim=space.dim)

    def forget(self) -> None:
        """Let go of what is mapped."""
        with self._lock:
            self._loaded.clear()

    def _current(self, space: EmbeddingSpace) -> _Loaded:
        with self._lock:
            with self._catalog.read() as connection:
                row = vector_rows.space_row(connection, space)
            if row is None or row.state != "active":  # of other models, not searched yet or any more
                return _Loaded(0, matrix(np.empty(0, POSITION), np.empty((0, space.dim), np.float32)))
            loaded = self._loaded.get(space.key)
            if loaded is None or loaded.revision < row.revision:
                loaded = self._load(row, loaded)
                self._loaded[space.key] = loaded
            return loaded

    def _load(self, row: SpaceRow, before: _Loaded | None) -> _Loaded:
        files = self.files(row.space)
        with suppress(OSError, ValueError):  # then from the catalog: slower, and right
            manifest = files.manifest()
            if manifest is None or manifest.revision < row.revision:
                self._catch_up(row, _SEARCH_TIMEOUT_SECONDS, with_index=False)
                manifest = files.manifest()
            if manifest is not None and manifest.revision >= row.revision:
                if before is not None and before.index_file == manifest.index:
                    index = before.index
                else:
                    index = files.load_index(manifest)
                return _Loaded(manifest.revision, files.load(manifest), index, manifest.index)
        return self._in_memory(row.space)

    def _best(
        self, loaded: _Loaded, queries: Float32, k: int, candidates: Int64 | None
    ) -> tuple[Float32, Int64]:
        """The k best rows for each query, of these rows or of all: scores and rows, (q, k)."""
        everything, index, index_file = loaded.matrix, loaded.index, loaded.index_file
        num_rows = len(everything.frame_ids) if candidates is None else len(candidates)
        if index is None or index_file is None or num_rows <= EXACT_ROWS:
            return best_rows(everything.vectors, queries, k, among=candidates)
        allowed = None if candidates is None else everything.frame_ids[candidates]
        with self._lock:
            likely = index.candidates(queries, k, among=allowed)
        newer = np.arange(
            np.searchsorted(everything.frame_ids, index_file.last_frame_id, side="right"),
            len(everything.frame_ids),
        )
        if candidates is not None:
            newer = np.intersect1d(newer, candidates, assume_unique=True)
        best_scores, best = [], []
        for query, ids in zip(queries, likely, strict=True):
            rows = np.concatenate((rows_of(everything.frame_ids, np.sort(ids)), newer))
            if len(rows) < k:  # too many of its vectors were removed since it was made
                return best_rows(everything.vectors, queries, k, among=candidates)
            of_query = similarities(everything.vectors[rows], query)
            top = np.lexsort((rows, -of_query))[:k]
            best_scores.append(of_query[top])
            best.append(rows[top])
        return np.stack(best_scores), np.stack(best)

    def _catch_up(self, row: SpaceRow, timeout_seconds: float, *, with_index: bool) -> bool:
        """Make the files as new as the catalog; False where that cannot be done now. Raises OSError."""
        if not self._catalog.keeps_files:
            return False
        files = self.files(row.space)
        self._folder.mkdir(parents=True, exist_ok=True)
        with try_lock(self._folder / LOCK_FILE, timeout_seconds=timeout_seconds) as is_held:
            if is_held:
                manifest = self._catch_up_rows(row, files)
                if with_index:
                    catch_up_index(files, manifest)
            return is_held

    def _catch_up_rows(self, row: SpaceRow, files: VectorFiles) -> Manifest:
        manifest = files.manifest()
        with self._catalog.read() as connection:
            now = vector_rows.space_row(connection, row.space) or row
            if manifest is None or manifest.revision < now.rewritten_at_revision:
                batches = _all_after(connection, now, -1)
                return files.rewrite(
                    batches, revision=now.revision, index=manifest.index if manifest else None
                )
            if manifest.revision >= now.revision:
                return manifest
            batches = _all_after(connection, now, files.last_frame_id(manifest))
            return files.append(manifest, batches, revision=now.revision)

    def _in_memory(self, space: EmbeddingSpace) -> _Loaded:
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            batches = [] if row is None else list(_all_after(connection, row, -1))
        positions = [np.empty(0, POSITION), *(positions for positions, _ in batches)]
        rows = [np.empty((0, space.dim), np.float32), *(rows for _, rows in batches)]
        return _Loaded(row.revision if row else 0, matrix(np.concatenate(positions), np.concatenate(rows)))


def _all_after(
    connection: Connection, row: SpaceRow, frame_id: int
) -> Iterator[tuple[NDArray[np.void], Float32]]:
    for places, rows in vector_rows.batches(
        connection, row.id, row.space.dim, after_segment_id=frame_id, num_rows=_BATCH_ROWS
    ):
        yield np.array(places, dtype=POSITION), rows


def rows_of(frame_ids: Int64, among: Int64) -> Int64:
    """The rows of those among these frames (ascending) that have a vector."""
    among = np.asarray(among, dtype=np.int64)
    rows = np.searchsorted(frame_ids, among)
    is_there = rows < len(frame_ids)
    is_there[is_there] = frame_ids[rows[is_there]] == among[is_there]
    return rows[is_there]


def catch_up_index(files: VectorFiles, manifest: Manifest) -> Manifest:
    """Have an approximate index where there are too many rows for an exhaustive search. Raises OSError.

    It is trained once, grows by what is new, and is trained again when the space has doubled or lost half.
    """
    everything = files.load(manifest)
    num_rows = len(everything.frame_ids)
    if num_rows <= EXACT_ROWS:
        return manifest
    entry, index = manifest.index, files.load_index(manifest)
    if entry is not None and index is not None and num_rows < 2 * entry.num_trained_on < 4 * num_rows:
        first_new = int(np.searchsorted(everything.frame_ids, entry.last_frame_id, side="right"))
        if num_rows - first_new <= NEWER_ROWS:
            return manifest
        num_trained_on = entry.num_trained_on
    else:
        index, first_new, num_trained_on = ApproximateIndex.train(everything.vectors), 0, num_rows
    index.add(everything.frame_ids[first_new:], everything.vectors[first_new:])
    last_frame_id = int(everything.frame_ids[-1])
    return files.save_index(manifest, index, num_trained_on=num_trained_on, last_frame_id=last_frame_id)
