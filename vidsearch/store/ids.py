"""Ids by the hundred thousand: out of SQLite, and as sets."""

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

    They come as one text, which is ten times quicker than as many rows.
    """
    (ids,) = connection.execute(f"SELECT {IDS_AS_TEXT} FROM ({query}) AS found", values).fetchone()
    return np.fromstring(ids[1:-1], dtype=np.int64, sep=",")


def union(parts: Sequence[Int64]) -> Int64:
    """What is in any of the parts, ascending, each once. (`np.unique` hashes; runs in order merge faster.)"""
    merged = np.sort(np.concatenate(parts), kind="stable")
    is_first = np.ones(len(merged), dtype=bool)
    is_first[1:] = merged[1:] != merged[:-1]
    return merged[is_first]


def is_in(ids: Int64, ascending: Int64) -> NDArray[np.bool_]:
    """Which of the ids are among ascending ones."""
    if not len(ascending):
        return np.zeros(len(ids), dtype=bool)
    at = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    return np.asarray(ascending[at] == ids)
