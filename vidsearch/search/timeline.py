"""The frames of one space, ordered by video and time, and a query's scores of them.

A view of the store's matrix that does not copy vectors: an index orders them by (video, time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from vidsearch.store.matrix import order_of
from vidsearch.store.similarity import similarities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.matrix import Matrix, Order, Rows
    from vidsearch.types import Float32, Int64

_SAMPLE_BLOCKS = 128
_SAMPLE_BLOCK_FRAMES = 16
_BLOCK_FRAMES = 512
"""Vectors read at a time and compared with all queries: a megabyte, for 512-d ones."""
NEAR_IDENTICAL_COSINE = 0.96
"""Neighbouring frames with at least this cosine count as one."""


class Timeline:
    """One space's frames by (video, time). A *row* is a position in that order: [0, num_frames)."""

    def __init__(
        self,
        segment_ids: Int64,
        video_ids: Int64,
        times: NDArray[np.float64],
        vectors: Rows | Float32,
        order: Order | None = None,
    ) -> None:
        """Lay out rows by ascending segment id; with an `order` they need not be sorted."""
        order = order or order_of(segment_ids, video_ids, times)
        self._by_id = segment_ids
        self._order = order
        self._vectors = vectors
        self.frame_ids = segment_ids if order is None else order.segment_ids
        self.video_ids = video_ids if order is None else order.video_ids
        self.times = times if order is None else order.times
        self._sample: Float32 | None = None
        self._num_distinct: float | None = None

    @classmethod
    def of(cls, matrix: Matrix) -> Self:
        """Return the timeline of all vectors of a space."""
        return cls(matrix.segment_ids, matrix.video_ids, matrix.times, matrix.vectors, matrix.order)

    def __len__(self) -> int:
        return len(self.frame_ids)

    def rows(self, frame_ids: Int64) -> Int64:
        """Rows of frames, -1 for those that have no vector here."""
        if len(self) == 0:
            return np.full(len(frame_ids), -1, dtype=np.int64)
        by_id = np.minimum(np.searchsorted(self._by_id, frame_ids), len(self) - 1)
        found = by_id if self._order is None else self._order.places[by_id]
        return np.where(self._by_id[by_id] == frame_ids, found, -1)

    def known_rows(self, frame_ids: Int64) -> Int64:
        """Rows of those of the frames that have a vector here, ascending."""
        rows = self.rows(frame_ids)
        return np.sort(rows[rows >= 0])

    def video_bounds(self, video_id: int) -> tuple[int, int]:
        """The rows [first, end) of a video; empty if it has no frames here."""
        first = int(np.searchsorted(self.video_ids, video_id, side="left"))
        return first, int(np.searchsorted(self.video_ids, video_id, side="right"))

    def rows_between(
        self, video_ids: Int64, starts: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> tuple[Int64, Int64]:
        """The rows [first, end) on screen in [start, end) of videos, (n,) each.

        At least one row if the video has frames here, else none (first = end).
        """
        low = np.searchsorted(self.video_ids, video_ids, side="left")
        high = np.searchsorted(self.video_ids, video_ids, side="right")
        first, end = low.copy(), low.copy()
        for number in np.flatnonzero(high > low).tolist():
            times = self.times[low[number] : high[number]]
            found = np.searchsorted(times, (starts[number], ends[number]))
            on_screen = int(found[0])
            if on_screen and (on_screen == len(times) or times[on_screen] > starts[number]):
                on_screen -= 1
            first[number] += on_screen
            end[number] += max(int(found[1]), on_screen + 1)
        return first, end

    def vectors(self, rows: Int64) -> Float32:
        """Vectors at rows, float32 (n, dim); not copied if contiguous."""
        at = rows if self._order is None else self._order.rows[rows]
        if len(at) and at[-1] - at[0] == len(at) - 1 and np.all(np.diff(at) == 1):
            return self._vectors[at[0] : at[-1] + 1]
        return np.asarray(self._vectors[at], dtype=np.float32)

    def scores(self, vector: Float32, first: int, end: int) -> Float32:
        """Cosines of the frames at [first, end) with a unit vector."""
        at = slice(first, end) if self._order is None else self._order.rows[first:end]
        return similarities(self._vectors[at], vector)

    def scores_at(self, rows: Int64, vectors: Float32) -> Float32:
        """Cosines of the frames at rows with unit vectors (q, dim). Returns (q, n)."""
        scores = np.empty((len(vectors), len(rows)), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK_FRAMES):
            block = slice(start, start + _BLOCK_FRAMES)
            stored = self.vectors(rows[block])
            for number, vector in enumerate(vectors):
                scores[number, block] = similarities(stored, vector)
        return scores

    @property
    def sample(self) -> Float32:
        """About two thousand frames from all over the library, without near-identical neighbours.

        A query's scores against these represent the library; an hour of still picture does not dominate.
        """
        if self._sample is None:
            self._sample, share = self._draw_sample()
            self._num_distinct = share * len(self)
        return self._sample

    @property
    def num_distinct(self) -> float:
        """Estimated number of frames, near-identical neighbours counted once."""
        if self._num_distinct is None:
            _ = self.sample
        return self._num_distinct or 0.0

    def _draw_sample(self) -> tuple[Float32, float]:
        most = _SAMPLE_BLOCKS * _SAMPLE_BLOCK_FRAMES
        if len(self) <= most:
            rows = np.arange(len(self))
        else:
            starts = np.linspace(0, len(self) - _SAMPLE_BLOCK_FRAMES, _SAMPLE_BLOCKS).astype(np.int64)
            rows = (starts[:, None] + np.arange(_SAMPLE_BLOCK_FRAMES)).ravel()
        vectors = self.vectors(rows)
        # A vector that is damaged on disk must not make every score NaN.
        is_sound = np.isfinite(vectors).all(axis=1)
        if not is_sound.all():
            rows, vectors = rows[is_sound], vectors[is_sound]
        if len(rows) < 2:
            return vectors, 1.0
        is_next = (np.diff(rows) == 1) & (np.diff(self.video_ids[rows]) == 0)
        alike = np.einsum("nd,nd->n", vectors[1:], vectors[:-1]) >= NEAR_IDENTICAL_COSINE
        is_new = np.concatenate([[True], ~(is_next & alike)])
        return vectors[is_new], float(is_new.mean())
