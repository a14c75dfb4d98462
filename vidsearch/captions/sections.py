"""Splits a video into sections by its frames' vectors. Sections are runs of frames, and cover all of them."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32

CHAPTER_PENALTY = 1.0
SHOT_PENALTY = 0.5


def split(vectors: Float32, *, penalty: float) -> list[range]:
    """Split n consecutive frames, unit rows (n, dim), into runs of similar frames. Returns the runs, in
    order.

    Starting from single frames, the pair of adjacent runs is merged that increases the sum of squared
    distances of frames from their run's mean the least (Ward, "Hierarchical Grouping to Optimize an Objective
    Function", JASA 1963, restricted to neighbours), as long as the increase is below `penalty`. This greedily
    minimizes the usual change-point objective: distances plus `penalty` for each boundary. The cost is O(n
    log n). Two scenes of a frames each, with cosine c, are separated if a * (1 - c) > penalty.
    """
    num_frames = len(vectors)
    sums = np.asarray(vectors, dtype=np.float64).copy()
    counts = np.ones(num_frames)
    end = np.arange(1, num_frames + 1)
    before = np.arange(-1, num_frames - 1)
    is_run = np.ones(num_frames, dtype=bool)
    age = np.zeros(num_frames, dtype=np.int64)

    def cost(left: int, right: int) -> float:
        apart = sums[left] / counts[left] - sums[right] / counts[right]
        return float(counts[left] * counts[right] / (counts[left] + counts[right]) * (apart @ apart))

    queue = [(cost(i, i + 1), i, i + 1, 0, 0) for i in range(num_frames - 1)]
    heapq.heapify(queue)
    while queue and queue[0][0] < penalty:
        _, left, right, left_age, right_age = heapq.heappop(queue)
        if not (is_run[left] and is_run[right] and age[left] == left_age and age[right] == right_age):
            continue
        sums[left] += sums[right]
        counts[left] += counts[right]
        end[left] = end[right]
        is_run[right] = False
        age[left] += 1
        following = int(end[left])
        if following < num_frames:
            before[following] = left
            heapq.heappush(
                queue, (cost(left, following), left, following, int(age[left]), int(age[following]))
            )
        if before[left] >= 0:
            earlier = int(before[left])
            heapq.heappush(queue, (cost(earlier, left), earlier, left, int(age[earlier]), int(age[left])))
    return [range(int(start), int(end[start])) for start in np.flatnonzero(is_run)]
