"""All vectors of a space as a search sees them, whatever lies on disk: arrays, no files and no catalog."""

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
"""Whose vector a row is."""

_FEW_ROWS = 2048

RowRange: TypeAlias = tuple[int, int]
"""Rows [first, end)."""


class RowFile:
    """A file of rows that is open for as long as somebody has it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, rows: Int64, into: NDArray[np.floating]) -> None:
        """Read rows of the type of `into`, (n, dim), which takes them."""
        size, content = into.strides[0], into.data.cast("B")
        for start, row in zip(range(0, into.nbytes, size), rows.tolist(), strict=True):
            os.preadv(self._descriptor, [content[start : start + size]], row * size)


class Rows:
    """Unit rows by number, always float32 (n, dim) to who reads them.

    What is stored may be half-precision, and may have rows among it that were removed meanwhile.

    Args:
        stored: float32 or float16 (m, dim), mapped from disk where possible.
        living: The n rows of it, ascending, that are still there; None where all are.
        file: What `stored` is mapped from. A few rows are read from it: the system would map the pages
            around each of them, too, until most of the file counts as this process's memory.
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
        """Bytes of what is stored."""
        return self.stored.nbytes

    @property
    def is_exact(self) -> bool:
        """Whether the rows are those of the catalog, to the bit."""
        return self.stored.dtype == np.float32

    @overload
    def __getitem__(self, rows: int) -> Float32: ...
    @overload
    def __getitem__(self, rows: slice | Int64) -> Float32: ...
    def __getitem__(self, rows: int | slice | Int64) -> Float32:
        """Some of the rows; without copying them where they lie side by side as float32."""
        at = rows if self.living is None else self.living[rows]
        if self.file is not None and _is_few(at):
            found = np.empty((len(at), self.stored.shape[1]), self.stored.dtype)
            self.file.read(at, found)
            return found.astype(np.float32)
        return np.asarray(self.stored[at], dtype=np.float32)


def _is_few(rows: object) -> TypeGuard[Int64]:
    """Whether these are some numbers of rows, but not many."""
    return isinstance(rows, np.ndarray) and rows.dtype == np.int64 and 0 < len(rows) <= _FEW_ROWS


@dataclass(frozen=True, slots=True)
class Order:
    """Rows in the order in which their videos show them: by video, then time.

    A *place* is a position in that order, a row one in a `Matrix`.
    """

    rows: Int64
    """(n,), the row at each place."""
    places: Int64
    """(n,), the place of each row."""
    segment_ids: Int64
    """(n,), by place, as are the two below."""
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
    """The rows by video and time, where that is on disk; else a reader who needs it sorts them."""

    def __len__(self) -> int:
        return len(self.segment_ids)

    def rows_of(self, segment_ids: Int64) -> Int64:
        """The rows of those among these segments (ascending) that have a vector."""
        segment_ids = np.asarray(segment_ids, dtype=np.int64)
        rows = np.searchsorted(self.segment_ids, segment_ids)
        is_there = rows < len(self.segment_ids)
        is_there[is_there] = self.segment_ids[rows[is_there]] == segment_ids[is_there]
        return rows[is_there]

    def positions(self, rows: slice) -> NDArray[np.void]:
        """Whose rows these are, of type POSITION."""
        found = np.empty(len(self.segment_ids[rows]), POSITION)
        found["segment_id"] = self.segment_ids[rows]
        found["video_id"] = self.video_ids[rows]
        found["time_seconds"] = self.times[rows]
        return found


def in_memory(dim: int, batches: Iterable[tuple[NDArray[np.void], Float32]] = ()) -> Matrix:
    """A matrix of batches of positions (of type POSITION) and their rows."""
    batches = list(batches)
    positions = np.concatenate([np.empty(0, POSITION), *(each for each, _ in batches)])
    rows = np.concatenate([np.empty((0, dim), np.float32), *(rows for _, rows in batches)])
    rows.flags.writeable = False
    segment_ids, video_ids, times = (np.ascontiguousarray(positions[name]) for name in POSITION.names or ())
    return Matrix(segment_ids, video_ids, times, Rows(rows))


def order_of(segment_ids: Int64, video_ids: Int64, times: Float64) -> Order | None:
    """The order of rows by video and time; None where they are in that order as they lie."""
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
    """What is left of a matrix of stored rows without some ranges of them (ascending, apart)."""
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
    """Ranges of rows, ascending, with those that touch or overlap made one; empty ones go."""
    made: list[RowRange] = []
    for first, end in sorted(ranges):
        if end <= first:
            continue
        if made and first <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((first, end))
    return tuple(made)
