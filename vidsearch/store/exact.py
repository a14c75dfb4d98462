"""Exact nearest-neighbour search by inner product, with FAISS's brute-force kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.matrix import Rows
    from vidsearch.types import Float32, Int64

_LARGEST_BITMAP = 1 << 31
"""256 MB of bits."""
_FEW_QUERIES = 20
"""From this number of queries on FAISS multiplies matrices, which benefits from threads. With fewer, it uses
one thread per query, and starting threads costs more than it saves (on a busy machine, many times more)."""


_BLOCK_ROWS = 8192
"""Half-precision rows that are converted to float32 at a time."""


def best_rows(rows: Rows, queries: Float32, k: int, *, among: Int64 | None = None) -> tuple[Float32, Int64]:
    """Find the k rows with the largest inner products with each query.

    Args:
        rows: The rows to search, (n, dim).
        queries: float32 (q, dim).
        k: At most the number of rows that are searched.
        among: The only rows to consider, ascending; None for all.

    Returns:
        Scores float32 (q, k) and row numbers int64 (q, k), best first, equal scores by row.
    """
    with few_threads(len(queries)):
        if not rows.is_exact:
            return _best_by_block(rows, queries, k, among)
        if rows.living is not None:
            at = rows.living if among is None else rows.living[among]
            scores, stored = _best_among(rows.stored, queries, k, at)
            best = np.searchsorted(rows.living, stored)
        elif among is not None:
            scores, best = _best_among(rows.stored, queries, k, among)
        else:
            scores, best = faiss.knn(queries, rows.stored, k, metric=faiss.METRIC_INNER_PRODUCT)
    return ordered(scores, best)


def _best_by_block(rows: Rows, queries: Float32, k: int, among: Int64 | None) -> tuple[Float32, Int64]:
    among = np.arange(len(rows)) if among is None else among
    best_scores = np.empty((len(queries), 0), np.float32)
    best = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(among), _BLOCK_ROWS):
        at = among[start : start + _BLOCK_ROWS]
        scores, found = faiss.knn(queries, rows[at], min(k, len(at)), metric=faiss.METRIC_INNER_PRODUCT)
        scores, found = ordered(np.hstack((best_scores, scores)), np.hstack((best, at[found])))
        best_scores, best = scores[:, :k], found[:, :k]
    return best_scores, best


def ordered(scores: Float32, rows: Int64) -> tuple[Float32, Int64]:
    """Sort each query's rows (or ids) by score, best first, equal scores by row."""
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


def selector(ids: Int64) -> Any:
    """Return a FAISS selector of ids, ascending: a bitmap, or a set if the ids are large.

    Ids of spoken lines and of windows are large.
    """
    if len(ids) and ids[-1] >= _LARGEST_BITMAP:
        listed: Any = faiss.IDSelectorBatch
        return listed(np.ascontiguousarray(ids))
    chosen = np.zeros(int(ids[-1]) + 1 if len(ids) else 1, dtype=bool)
    chosen[ids] = True
    select: Any = faiss.IDSelectorBitmap
    return select(np.packbits(chosen, bitorder="little"))


@contextmanager
def few_threads(num_queries: int) -> Iterator[None]:
    """Limit FAISS to one thread if there are few queries."""
    before = faiss.omp_get_max_threads()
    if num_queries < _FEW_QUERIES:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _best_among(vectors: Float32, queries: Float32, k: int, among: Int64) -> tuple[Float32, Int64]:
    # faiss.knn takes no selector. The function beneath it does, and does not copy the rows.
    first, end = int(among[0]), int(among[-1]) + 1
    window = vectors[first:end]
    scores = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    faiss.knn_inner_product(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(window),
        vectors.shape[1],
        len(queries),
        len(window),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(rows),
        selector(among - first),
    )
    return scores, rows + first
