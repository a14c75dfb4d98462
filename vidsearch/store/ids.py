"""Arrays of ids: fast reading from SQLite, and set operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.store.connection import IDS_AS_TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.connection import Connection
    from vidsearch.types import Int64


def selected_ids(connection: Connection, query: str, values: Sequence[object]) -> Int64:
    """The column `id` of a query's rows, int64 (n,), in their order.

    They are read as one JSON text, which is ten times faster than one row per id.
    """
    (ids,) = connection.execute(f"SELECT {IDS_AS_TEXT} FROM ({query}) AS found", values).fetchone()
    return np.fromstring(ids[1:-1], dtype=np.int64, sep=",")


def union(parts: Sequence[Int64]) -> Int64:
    """The distinct ids of all parts, ascending. Parts are sorted, so merging is faster than `np.unique`."""
    merged = np.sort(np.concatenate(parts), kind="stable")
    is_first = np.ones(len(merged), dtype=bool)
    is_first[1:] = merged[1:] != merged[:-1]
    return merged[is_first]


def is_in(ids: Int64, ascending: Int64) -> NDArray[np.bool_]:
    """Which ids are in an ascending array."""
    if not len(ascending):
        return np.zeros(len(ids), dtype=bool)
    at = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    return np.asarray(ascending[at] == ids)
