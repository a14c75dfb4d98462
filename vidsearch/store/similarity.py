"""Inner products of rows with a vector, in one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32


_LENGTH_TOLERANCE = 1e-2
"""Of a unit vector's squared length: the rounding of half-precision models stays well below."""


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
