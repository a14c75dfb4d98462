"""Inner products of rows with a vector, in one thread, by NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.matrix import Rows
    from vidsearch.types import Float32, Int64


_LENGTH_TOLERANCE = 1e-2
"""Of a unit vector's squared length: the rounding of half-precision models stays well below."""
_BLOCK_ROWS = 8192
"""Rows that are copied at a time, where they have to be."""


def is_unit(row: Float32, dim: int) -> bool:
    """Whether a row has shape (dim,), is finite, and is of length one: what inner products rest on."""
    if np.shape(row) != (dim,) or not np.isfinite(row).all():
        return False
    return abs(float(np.vdot(row, row)) - 1.0) < _LENGTH_TOLERANCE


def similarities(rows: Float32, vector: Float32) -> Float32:
    """The inner product of each row, float32 (n, dim), with a vector: (n,).

    `rows @ vector` would wake BLAS's threads, from some 900 rows of 512 numbers on. They gain little where
    reading memory is what takes the time, then spin while SQLite works, and on a busy machine are waited for:
    8 ms and more a call.
    """
    return np.asarray(np.vecdot(rows, vector), dtype=np.float32)


def best_of_one(rows: Rows, query: Float32, k: int, *, among: Int64 | None = None) -> tuple[Float32, Int64]:
    """The k rows with the largest inner product with a query: scores and rows, both (1, k).

    `among`: the rows, ascending, that alone are looked at. k is at most the number of rows looked at. Best
    first, equal scores by row.
    """
    count = len(rows) if among is None else len(among)
    scores = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK_ROWS):
        end = min(start + _BLOCK_ROWS, count)
        at = slice(start, end) if among is None else _side_by_side(among[start:end])
        scores[start:end] = similarities(rows[at], query)
    scores[np.isnan(scores)] = -np.inf  # of a damaged row; no comparison with it would hold
    least = np.partition(scores, count - k)[count - k]
    likely = np.flatnonzero(scores >= least)
    best = likely[np.lexsort((likely, -scores[likely]))[:k]]
    return scores[None, best], (best if among is None else among[best])[None]


def _side_by_side(rows: Int64) -> slice | Int64:
    """Rows (ascending) as a slice where there is none between them: those are not copied."""
    first, end = int(rows[0]), int(rows[-1]) + 1
    return slice(first, end) if end - first == len(rows) else rows
