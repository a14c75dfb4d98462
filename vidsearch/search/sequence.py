"""Finds ordered steps in one video by dynamic programming.

For each step, every frame gets the best sum of scores of a sequence that ends there: its own score plus the
best of the previous step within the time allowed. This is a variant of DANTE (Luu et al., "Integrated
Semantic and Temporal Alignment for Interactive Video Retrieval", arXiv:2512.13169) with a bound on the time
between steps. Every step is one pass over all frames of all videos at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Int64


_FIRST_SORTED = 1024
"""Number of best ends sorted at first; many of them lie in the same few seconds."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A row for each step, in order of time, and the sum of their scores."""

    rows: tuple[int, ...]
    score: float


def best_sequences(
    scores: NDArray[np.floating],
    video_ids: Int64,
    times: NDArray[np.float64],
    *,
    within_seconds: float,
    limit: int,
) -> list[Sequence]:
    """The best sequences, best first, no two of them overlapping.

    `scores` is (steps, frames), frames ordered by (video, time); -inf excludes a frame. Each step is later
    than the one before, by at most `within_seconds`.
    """
    if scores.shape[1] == 0:
        return []
    window_starts, window_ends = _windows(video_ids, times, within_seconds)
    totals = [scores[0].astype(np.float64)]
    for step_scores in scores[1:]:
        totals.append(step_scores + window_maxima(totals[-1], window_starts, window_ends))
    return _choose(totals, scores, window_starts, window_ends, limit)


def window_maxima(values: NDArray[np.float64], starts: Int64, ends: Int64) -> NDArray[np.float64]:
    """The maximum of values[start:end) for each window; -inf where it is empty.

    By a sparse table (Bender and Farach-Colton, "The LCA problem revisited", 2000): two overlapping runs of a
    power of two cover a window. One level of the table is held at a time.
    """
    lengths = ends - starts
    result = np.full(len(starts), -np.inf)
    level, run = values, 1
    while True:
        fits = (lengths >= run) & (lengths < 2 * run)
        first, last = starts[fits], ends[fits] - run
        result[fits] = np.maximum(level[first], level[last])
        if not np.any(lengths >= 2 * run):
            return result
        level = np.maximum(level[:-run], level[run:])
        run *= 2


def _windows(video_ids: Int64, times: NDArray[np.float64], within_seconds: float) -> tuple[Int64, Int64]:
    """For each frame, the rows [start, end) where the previous step may be.

    Videos are placed one after another on a common time axis, further apart than the window.
    """
    duration = float(times.max() - times.min())
    within_seconds = min(within_seconds, duration)
    gap = duration + within_seconds + 1.0
    video_number = np.cumsum(np.concatenate([[0], np.diff(video_ids) != 0]))
    axis = video_number * gap + times
    starts = np.searchsorted(axis, axis - within_seconds - 1e-6, side="left")
    ends = np.searchsorted(axis, axis, side="left")
    return starts, np.maximum(ends, starts)


def _choose(
    totals: list[NDArray[np.float64]],
    scores: NDArray[np.floating],
    window_starts: Int64,
    window_ends: Int64,
    limit: int,
) -> list[Sequence]:
    """Trace back from the best ends, skipping sequences that overlap a better one."""
    chosen: list[Sequence] = []
    taken = np.zeros(scores.shape[1], dtype=bool)
    final = totals[-1]
    for end in _falling(final):
        if len(chosen) == limit:
            break
        if taken[end]:
            continue
        rows = [end]
        for total in reversed(totals[:-1]):
            start, stop = window_starts[rows[-1]], window_ends[rows[-1]]
            rows.append(int(start + np.argmax(total[start:stop])))
        rows.reverse()
        if taken[rows[0] : rows[-1] + 1].any():
            continue
        taken[rows[0] : rows[-1] + 1] = True
        chosen.append(Sequence(rows=tuple(rows), score=float(final[end])))
    return chosen


def _falling(values: NDArray[np.float64]) -> Iterator[int]:
    """Indices of finite values, best first, ties by row. Sorts only as many as are requested."""
    left = np.flatnonzero(np.isfinite(values))
    count = _FIRST_SORTED
    while len(left):
        least = np.partition(values[left], -count)[-count] if count < len(left) else -np.inf
        is_next = values[left] >= least
        best = left[is_next]
        yield from best[np.argsort(-values[best], kind="stable")].tolist()
        left = left[~is_next]
        count *= 8
