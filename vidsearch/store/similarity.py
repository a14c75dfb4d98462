"""Inner products of rows with a vector, single-threaded, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.matrix import Rows
    from vidsearch.types import Float32, Int64


_LENGTH_TOLERANCE = 1e-2
"""Tolerance of a unit vector's squared length. Rounding in half-precision models stays well below it."""
_BLOCK_ROWS = 8192
"""Rows that are copied at a time, if they have to be copied."""


def is_unit(row: Float32, dim: int) -> bool:
    """Whether a row has shape (dim,), finite values and length one, as cosine similarity requires."""
    if np.shape(row) != (dim,) or not np.isfinite(row).all():
        return False
    return abs(float(np.vdot(row, row)) - 1.0) < _LENGTH_TOLERANCE


def similarities(rows: Float32, vector: Float32) -> Float32:
    """Return the inner product of each row, float32 (n, dim), with a vector: (n,).

    From about 900 rows of 512 numbers on, `rows @ vector` would start BLAS threads. They gain little, as
    memory bandwidth is the limit, keep spinning while SQLite works, and have to be waited for on a busy
    machine: 8 ms and more per call.
    """
    return np.asarray(np.vecdot(rows, vector), dtype=np.float32)


def best_of_one(rows: Rows, query: Float32, k: int, *, among: Int64 | None = None) -> tuple[Float32, Int64]:
    """Do what `exact.best_rows` does, for one query: returns scores and row numbers, both (1, k)."""
    count = len(rows) if among is None else len(among)
    scores = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK_ROWS):
        end = min(start + _BLOCK_ROWS, count)
        at = slice(start, end) if among is None else _side_by_side(among[start:end])
        scores[start:end] = similarities(rows[at], query)
    scores[np.isnan(scores)] = -np.inf  # of a corrupt row: NaN compares as neither smaller nor larger
    least = np.partition(scores, count - k)[count - k]
    likely = np.flatnonzero(scores >= least)
    best = likely[np.lexsort((likely, -scores[likely]))[:k]]
    return scores[None, best], (best if among is None else among[best])[None]


def _side_by_side(rows: Int64) -> slice | Int64:
    """Contiguous rows (ascending) as a slice, which is not copied."""
    first, end = int(rows[0]), int(rows[-1]) + 1
    return slice(first, end) if end - first == len(rows) else rows
