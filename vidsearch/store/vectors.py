"""Nearest-neighbour search within a space: exhaustive, or with approximate indexes for large spaces.

It also brings the vector files up to date with the catalog.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import LibraryNotWritable
from vidsearch.store import vector_files, vector_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.lock import WRITE_TIMEOUT_SECONDS, try_lock
from vidsearch.store.manifest import Manifest
from vidsearch.store.matrix import POSITION, Matrix, Rows, in_memory
from vidsearch.store.similarity import best_of_one, similarities
from vidsearch.store.vector_files import VectorFiles
from vidsearch.store.vector_rows import SpaceRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.connection import Connection
    from vidsearch.store.shards import Shards
    from vidsearch.types import EmbeddingSpace, Float32, Int64

FOLDER = "vectors"
LOCK_FILE = "refresh.lock"
EXACT_ROWS = 200_000
"""Up to this many vectors, search is exhaustive: 20 ms for 512-d ones."""
NUMPY_ROWS = 30_000
"""Up to this many vectors NumPy is as fast as FAISS for one query. FAISS takes 50 ms to import."""
NEWER_ROWS = 10_000
"""Up to this many vectors may be in no approximate index; they are searched exhaustively."""
_BATCH_ROWS = 4096
_MOST_REMOVED = 4
"""Files are rewritten when more than one in this many rows was removed."""
_SEARCH_TIMEOUT_SECONDS = 1.0
"""If another process updates the files for longer, a search reads the vectors from the catalog instead."""
_STILL_COMPLETE = "The library is complete without these files; searching it is slower."


@dataclass(frozen=True, slots=True)
class _Loaded:
    revision: int
    matrix: Matrix
    shards: Shards | None = None


class Vectors:
    """Searches the vectors of a library. Thread-safe."""

    def __init__(self, catalog: Catalog, *, library_id: str) -> None:
        self._catalog = catalog
        self._library_id = library_id
        self._folder = catalog.folder / FOLDER
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def matrix(self, space: EmbeddingSpace) -> Matrix:
        """Return all vectors of an active space, up to date with the catalog."""
        return self._current(space).matrix

    def nearest(
        self, space: EmbeddingSpace, queries: Float32, k: int, *, among: Int64 | None = None
    ) -> tuple[Int64, Float32]:
        """See `Store.nearest`."""
        queries = np.atleast_2d(np.ascontiguousarray(queries, dtype=np.float32))
        if queries.ndim != 2 or queries.shape[1] != space.dim:
            raise ValueError(
                f"Queries for {space.model} have {space.dim} dimensions, not {queries.shape[1:]}."
            )
        loaded = self._current(space)
        candidates = None if among is None else loaded.matrix.rows_of(among)
        count = max(0, min(k, len(loaded.matrix) if candidates is None else len(candidates)))
        ids = np.full((len(queries), max(0, k)), -1, np.int64)
        scores = np.full((len(queries), max(0, k)), -np.inf, np.float32)
        if count and len(queries):
            best_scores, best = self._best(loaded, queries, count, candidates)
            ids[:, :count] = loaded.matrix.segment_ids[best]
            scores[:, :count] = best_scores
        return ids, scores

    def refresh(self) -> None:
        """Bring the files of every space up to date. Raises LibraryNotWritable."""
        with self._catalog.read() as connection:
            spaces = vector_rows.spaces(connection)
        for row in spaces:
            if self._is_current(row):
                continue
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
        """Unmap all files."""
        with self._lock:
            self._loaded.clear()

    def _current(self, space: EmbeddingSpace) -> _Loaded:
        with self._lock:
            with self._catalog.read() as connection:
                row = vector_rows.space_row(connection, space)
            if row is None or row.state != "active":  # of models before or after an upgrade
                return _Loaded(0, in_memory(space.dim))
            loaded = self._loaded.get(space.key)
            if loaded is None or loaded.revision < row.revision:
                loaded = self._load(row, loaded)
                self._loaded[space.key] = loaded
            return loaded

    def _load(self, row: SpaceRow, before: _Loaded | None) -> _Loaded:
        files = self.files(row.space)
        with suppress(OSError, ValueError):  # read from the catalog instead, which is slower
            manifest = files.manifest()
            if manifest is None or manifest.revision < row.revision:
                self._catch_up(row, _SEARCH_TIMEOUT_SECONDS, with_index=False)
                manifest = files.manifest()
            if manifest is not None and manifest.revision >= row.revision:
                return self._map(files, manifest, before)
        return self._in_memory(row.space)

    def _map(self, files: VectorFiles, manifest: Manifest, before: _Loaded | None) -> _Loaded:
        """Map a manifest's rows. Shards that were read before are reused."""
        known = None if before is None else before.shards
        everything = files.load(manifest)
        if not manifest.shards:
            return _Loaded(manifest.revision, everything)
        from vidsearch.store.shards import Shards, read_shards

        if known is not None and known.files == manifest.shards:
            read = list(known.shards)
        else:
            read = read_shards(files, manifest)
        shards = Shards(read, everything.segment_ids) if read else None
        return _Loaded(manifest.revision, everything, shards)

    def _best(
        self, loaded: _Loaded, queries: Float32, k: int, candidates: Int64 | None
    ) -> tuple[Float32, Int64]:
        """Find the k best rows for each query: scores and row numbers, (q, k)."""
        everything, shards = loaded.matrix, loaded.shards
        num_rows = len(everything) if candidates is None else len(candidates)
        if shards is None or num_rows <= EXACT_ROWS:
            return _exhaustive(everything.vectors, queries, k, candidates)
        allowed = None if candidates is None else everything.segment_ids[candidates]
        with self._lock:
            likely = shards.candidates(queries, k, among=allowed)
        uncovered = shards.uncovered
        if candidates is not None:
            uncovered = np.intersect1d(uncovered, candidates, assume_unique=True)
        best_scores, best = [], []
        for query, ids in zip(queries, likely, strict=True):
            rows = np.concatenate((everything.rows_of(np.sort(ids)), uncovered))
            if len(rows) < k:  # too many of the shards' vectors have been removed
                return _exhaustive(everything.vectors, queries, k, candidates)
            of_query = similarities(everything.vectors[rows], query)
            top = np.lexsort((rows, -of_query))[:k]
            best_scores.append(of_query[top])
            best.append(rows[top])
        return np.stack(best_scores), np.stack(best)

    def _is_current(self, row: SpaceRow) -> bool:
        """Whether the files of a space are up to date."""
        files = self.files(row.space)
        manifest = files.manifest()
        return manifest is not None and manifest.revision >= row.revision and files.is_indexed(manifest)

    def _catch_up(self, row: SpaceRow, timeout_seconds: float, *, with_index: bool) -> bool:
        """Update the files of a space. Returns False if another process holds the lock. Raises OSError."""
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

            def rewritten() -> Manifest:
                is_many = vector_rows.count(connection, now.id) > vector_files.HALF_ROWS
                return files.rewrite(
                    _all_after(connection, now, -1),
                    revision=now.revision,
                    row_type="<f2" if is_many else "<f4",
                    shards=manifest.shards if manifest else (),
                )

            if manifest is None or manifest.revision < now.rewritten_at_revision:
                return rewritten()
            if manifest.revision >= now.revision:
                return manifest
            first_added = vector_rows.first_addition_after(connection, now.id, manifest.revision)
            if first_added is not None and first_added <= files.last_segment_id(manifest):
                return rewritten()
            removed = vector_rows.removals_after(connection, now.id, manifest.revision)
            manifest = files.remove(manifest, removed) if removed else manifest
            batches = _all_after(connection, now, files.last_segment_id(manifest))
            manifest = files.append(manifest, batches, revision=now.revision)
        is_hollow = manifest.num_removed * _MOST_REMOVED > manifest.num_rows
        return files.compact(manifest) if is_hollow else manifest

    def _in_memory(self, space: EmbeddingSpace) -> _Loaded:
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            everything = in_memory(space.dim, () if row is None else _all_after(connection, row, -1))
        return _Loaded(row.revision if row else 0, everything)


def _exhaustive(rows: Rows, queries: Float32, k: int, among: Int64 | None) -> tuple[Float32, Int64]:
    """Find the k best rows for each query exhaustively: scores and row numbers, (q, k)."""
    if len(queries) == 1 and len(rows) <= NUMPY_ROWS:
        return best_of_one(rows, queries[0], k, among=among)
    from vidsearch.store.exact import best_rows

    return best_rows(rows, queries, k, among=among)


def _all_after(
    connection: Connection, row: SpaceRow, frame_id: int
) -> Iterator[tuple[NDArray[np.void], Float32]]:
    for places, rows in vector_rows.batches(
        connection, row.id, row.space.dim, after_segment_id=frame_id, num_rows=_BATCH_ROWS
    ):
        yield np.array(places, dtype=POSITION), rows


def catch_up_index(files: VectorFiles, manifest: Manifest) -> Manifest:
    """Update the approximate indexes, if there are too many rows for exhaustive search. Raises OSError."""
    from vidsearch.store import shards as sharding

    if manifest.num_vectors > vector_files.HALF_ROWS and manifest.row_type != "<f2":
        manifest = files.compact(manifest)
    manifest = sharding.catch_up(files, manifest, exact_rows=EXACT_ROWS, newer_rows=NEWER_ROWS)
    is_ordered = manifest.order is not None and manifest.order.num_rows == manifest.num_rows
    if manifest.num_vectors > EXACT_ROWS and not is_ordered:
        manifest = files.save_order(manifest)
    return files.note_indexed(manifest)
