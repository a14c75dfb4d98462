"""All vectors of a space as searches see them: arrays, independent of how they are stored."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64

    Float64: TypeAlias = NDArray[np.float64]

POSITION = np.dtype([("segment_id", "<i8"), ("video_id", "<i8"), ("time_seconds", "<f8")])
"""The segment that a row's vector belongs to."""

_FEW_ROWS = 2048

RowRange: TypeAlias = tuple[int, int]
"""Rows [first, end)."""


class RowFile:
    """An open file of rows, closed when it is garbage-collected."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, rows: Int64, into: NDArray[np.floating]) -> None:
        """Read rows into an array of their type, (n, dim)."""
        size, content = into.strides[0], into.data.cast("B")
        for start, row in zip(range(0, into.nbytes, size), rows.tolist(), strict=True):
            os.preadv(self._descriptor, [content[start : start + size]], row * size)


class Rows:
    """Unit rows, read as float32 (n, dim) by number.

    The stored rows may be half-precision, and include rows that have been removed.

    Args:
        stored: float32 or float16 (m, dim), memory-mapped where possible.
        living: The n stored rows, ascending, that have not been removed; None for all.
        file: The file that `stored` is mapped from. Small numbers of rows are read from it: with the mapping,
            the system also loads the pages around each of them, until most of the file counts as this
            process's memory.
    """

    def __init__(
        self, stored: NDArray[np.floating], living: Int64 | None = None, file: RowFile | None = None
    ) -> None:
        self.stored = stored
        self.living = living
        self.file = file

    def __len__(self) -> int:
        return len(self.stored) if self.living is None else len(self.living)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.stored.shape[1]

    @property
    def nbytes(self) -> int:
        """The size of the stored rows."""
        return self.stored.nbytes

    @property
    def is_exact(self) -> bool:
        """Whether the rows equal those in the catalog exactly."""
        return self.stored.dtype == np.float32

    @overload
    def __getitem__(self, rows: int) -> Float32: ...
    @overload
    def __getitem__(self, rows: slice | Int64) -> Float32: ...
    def __getitem__(self, rows: int | slice | Int64) -> Float32:
        """Return some rows, as a view if they are contiguous float32."""
        at = rows if self.living is None else self.living[rows]
        if self.file is not None and _is_few(at):
            found = np.empty((len(at), self.stored.shape[1]), self.stored.dtype)
            self.file.read(at, found)
            return found.astype(np.float32)
        return np.asarray(self.stored[at], dtype=np.float32)


def _is_few(rows: object) -> TypeGuard[Int64]:
    """Whether these are row numbers, and only a few."""
    return isinstance(rows, np.ndarray) and rows.dtype == np.int64 and 0 < len(rows) <= _FEW_ROWS


@dataclass(frozen=True, slots=True)
class Order:
    """The rows of a `Matrix` in order of video, then time. A *place* is a position in this order."""

    rows: Int64
    """(n,): the row at each place."""
    places: Int64
    """(n,): the place of each row."""
    segment_ids: Int64
    """(n,): by place, like the two below."""
    video_ids: Int64
    times: Float64


@dataclass(frozen=True, slots=True)
class Matrix:
    """All vectors of a space, by segment id: one row per segment. Read-only."""

    segment_ids: Int64
    """(n,), ascending."""
    video_ids: Int64
    """(n,)"""
    times: Float64
    """(n,), seconds."""
    vectors: Rows
    order: Order | None = None
    """The rows by video and time, if that order is stored; otherwise callers sort them."""

    def __len__(self) -> int:
        return len(self.segment_ids)

    def rows_of(self, segment_ids: Int64) -> Int64:
        """The rows of segments (ascending); segments without a vector are left out."""
        segment_ids = np.asarray(segment_ids, dtype=np.int64)
        rows = np.searchsorted(self.segment_ids, segment_ids)
        is_there = rows < len(self.segment_ids)
        is_there[is_there] = self.segment_ids[rows[is_there]] == segment_ids[is_there]
        return rows[is_there]

    def positions(self, rows: slice) -> NDArray[np.void]:
        """The segments of rows, of type POSITION."""
        found = np.empty(len(self.segment_ids[rows]), POSITION)
        found["segment_id"] = self.segment_ids[rows]
        found["video_id"] = self.video_ids[rows]
        found["time_seconds"] = self.times[rows]
        return found


def in_memory(dim: int, batches: Iterable[tuple[NDArray[np.void], Float32]] = ()) -> Matrix:
    """Build a matrix from batches of positions (of type POSITION) and rows."""
    batches = list(batches)
    positions = np.concatenate([np.empty(0, POSITION), *(each for each, _ in batches)])
    rows = np.concatenate([np.empty((0, dim), np.float32), *(rows for _, rows in batches)])
    rows.flags.writeable = False
    segment_ids, video_ids, times = (np.ascontiguousarray(positions[name]) for name in POSITION.names or ())
    return Matrix(segment_ids, video_ids, times, Rows(rows))


def order_of(segment_ids: Int64, video_ids: Int64, times: Float64) -> Order | None:
    """The order of rows by video and time; None if they already are in that order."""
    is_in_order = (video_ids[1:] > video_ids[:-1]) | (
        (video_ids[1:] == video_ids[:-1]) & (times[1:] >= times[:-1])
    )
    if is_in_order.all():
        return None
    rows = np.lexsort((times, video_ids))
    places = np.empty_like(rows)
    places[rows] = np.arange(len(rows))
    return Order(rows, places, segment_ids[rows], video_ids[rows], times[rows])


def without(removed: Sequence[RowRange], everything: Matrix) -> Matrix:
    """Remove ranges of stored rows (ascending and disjoint) from a matrix."""
    if not removed:
        return everything
    is_living = np.ones(len(everything), dtype=bool)
    for first, end in removed:
        is_living[first:end] = False
    order = everything.order
    if order is not None:
        at = order.rows
        kept = is_living[at]
        new_rows = (np.cumsum(is_living) - 1)[at[kept]]
        places = np.empty(len(new_rows), np.int64)
        places[new_rows] = np.arange(len(new_rows))
        order = Order(new_rows, places, order.segment_ids[kept], order.video_ids[kept], order.times[kept])
    return Matrix(
        everything.segment_ids[is_living],
        everything.video_ids[is_living],
        everything.times[is_living],
        Rows(everything.vectors.stored, np.flatnonzero(is_living), everything.vectors.file),
        order,
    )


def joined(ranges: Iterable[RowRange]) -> tuple[RowRange, ...]:
    """Merge ranges of rows that touch or overlap, and drop empty ones. Returns them ascending."""
    made: list[RowRange] = []
    for first, end in sorted(ranges):
        if end <= first:
            continue
        if made and first <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((first, end))
    return tuple(made)
