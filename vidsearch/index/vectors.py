"""Nearest neighbours within a space: exact over the mapped rows, or through an approximate index.

Brings the vector files up to date with the catalog, and searches them. Knows no model: a query is a vector.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import faiss
import numpy as np

from vidsearch.errors import LibraryNotWritable
from vidsearch.index import vector_rows
from vidsearch.index.catalog import Catalog
from vidsearch.index.lock import WRITE_TIMEOUT_SECONDS, try_lock
from vidsearch.index.vector_files import POSITION, Manifest, Matrix, VectorFiles, matrix
from vidsearch.index.vector_rows import SpaceRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64, Space

FOLDER = "vectors"
LOCK_FILE = "refresh.lock"
_BATCH_ROWS = 4096
_SUBSET_ROWS = 65536
_SEARCH_TIMEOUT_SECONDS = 1.0
"""A search that finds another process at work on the files takes the vectors from the catalog instead."""
_STILL_COMPLETE = "The library is complete without these files; searching it is slower."


class Vectors:
    """The vectors of a library, searchable. Safe to use from several threads."""

    def __init__(self, catalog: Catalog, *, library_id: str) -> None:
        self._catalog = catalog
        self._library_id = library_id
        self._folder = catalog.folder / FOLDER
        self._loaded: dict[str, tuple[int, Matrix]] = {}
        self._lock = threading.Lock()

    def matrix(self, space: Space) -> Matrix:
        """All vectors of a space, as new as the catalog."""
        with self._lock:
            with self._catalog.errors():
                row = vector_rows.space_row(self._catalog.connection, space)
            if row is None:
                return matrix(np.empty(0, POSITION), np.empty((0, space.dim), np.float32))
            loaded = self._loaded.get(space.key)
            if loaded is None or loaded[0] < row.revision:
                loaded = self._load(row)
                self._loaded[space.key] = loaded
            return loaded[1]

    def nearest(
        self, space: Space, queries: Float32, k: int, *, among: Int64 | None = None
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
        everything = self.matrix(space)
        rows = None if among is None else _rows_of(everything.frame_ids, among)
        num_candidates = len(everything.frame_ids) if rows is None else len(rows)
        num_best = max(0, min(k, num_candidates))
        ids = np.full((len(queries), max(0, k)), -1, np.int64)
        scores = np.full((len(queries), max(0, k)), -np.inf, np.float32)
        if num_best:
            best_scores, best_rows = _exact(everything.vectors, queries, num_best, rows)
            ids[:, :num_best] = everything.frame_ids[best_rows]
            scores[:, :num_best] = best_scores
        return ids, scores

    def refresh(self) -> None:
        """Bring the files of every space up to date. Raises LibraryNotWritable."""
        with self._catalog.errors():
            spaces = vector_rows.spaces(self._catalog.connection)
        for row in spaces:
            try:
                manifest = self._catch_up(row, timeout_seconds=WRITE_TIMEOUT_SECONDS)
            except OSError as error:
                raise LibraryNotWritable(
                    f"Cannot write {self._folder}: {error}. {_STILL_COMPLETE}"
                ) from error
            if manifest is None:
                raise LibraryNotWritable(f"Cannot write {self._folder}. {_STILL_COMPLETE}")

    def files(self, space: Space) -> VectorFiles:
        """The files of a space."""
        return VectorFiles(self._folder, library=self._library_id, space=space.key, dim=space.dim)

    def forget(self) -> None:
        """Let go of what is mapped."""
        with self._lock:
            self._loaded.clear()

    def _load(self, row: SpaceRow) -> tuple[int, Matrix]:
        files = self.files(row.space)
        manifest = files.manifest()
        with suppress(OSError, ValueError):  # then from the catalog: slower, and right
            if manifest is None or manifest.revision < row.revision:
                manifest = self._catch_up(row, timeout_seconds=_SEARCH_TIMEOUT_SECONDS)
            if manifest is not None and manifest.revision >= row.revision:
                return manifest.revision, files.load(manifest)
        return self._in_memory(row.space)

    def _catch_up(self, row: SpaceRow, *, timeout_seconds: float) -> Manifest | None:
        """Make the files as new as the catalog; None where that cannot be done now. Raises OSError."""
        if self._catalog.read_only:
            return None
        files = self.files(row.space)
        self._folder.mkdir(exist_ok=True)
        with try_lock(self._folder / LOCK_FILE, timeout_seconds=timeout_seconds) as is_held:
            if not is_held:
                return None
            manifest = files.manifest()
            with self._catalog.read() as connection:
                now = vector_rows.space_row(connection, row.space) or row
                if manifest is None or manifest.revision < now.rewritten_at_revision:
                    return files.rewrite(_all_after(connection, now, -1), revision=now.revision)
                if manifest.revision >= now.revision:
                    return manifest
                last_id = files.last_frame_id(manifest)
                return files.append(manifest, _all_after(connection, now, last_id), revision=now.revision)

    def _in_memory(self, space: Space) -> tuple[int, Matrix]:
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            if row is None:
                return 0, matrix(np.empty(0, POSITION), np.empty((0, space.dim), np.float32))
            batches = list(_all_after(connection, row, -1))
        positions = [np.empty(0, POSITION), *(positions for positions, _ in batches)]
        rows = [np.empty((0, space.dim), np.float32), *(rows for _, rows in batches)]
        return row.revision, matrix(np.concatenate(positions), np.concatenate(rows))


def _all_after(
    connection: sqlite3.Connection, row: SpaceRow, frame_id: int
) -> Iterator[tuple[NDArray[np.void], Float32]]:
    for places, rows in vector_rows.batches(
        connection, row.id, row.space.dim, after_frame_id=frame_id, num_rows=_BATCH_ROWS
    ):
        yield np.array(places, dtype=POSITION), rows


def _rows_of(frame_ids: Int64, among: Int64) -> Int64:
    """The rows of those among these frames that have a vector."""
    among = np.asarray(among, dtype=np.int64)
    rows = np.searchsorted(frame_ids, among)
    is_there = rows < len(frame_ids)
    is_there[is_there] = frame_ids[rows[is_there]] == among[is_there]
    return rows[is_there]


def _exact(vectors: Float32, queries: Float32, k: int, rows: Int64 | None) -> tuple[Float32, Int64]:
    """Inner products with every row, or these rows: the k best scores and rows, (q, k) each."""
    if rows is None:
        scores, best = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        return _ordered(scores, best)
    parts = [
        np.asarray(queries @ vectors[rows[start : start + _SUBSET_ROWS]].T)
        for start in range(0, len(rows), _SUBSET_ROWS)
    ]
    scores = np.concatenate(parts, axis=1)
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return _ordered(np.take_along_axis(scores, best, axis=1), rows[best])


def _ordered(scores: Float32, rows: Int64) -> tuple[Float32, Int64]:
    """Best first, equal scores by row."""
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
