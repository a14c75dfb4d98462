"""Where a video turns to something else: its frames' vectors, split into sections.

Sections are whole runs of frames, and cover them all.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32

CHAPTER_PENALTY = 1.0
SHOT_PENALTY = 0.5


def split(vectors: Float32, *, penalty: float) -> list[range]:
    """Split n consecutive frames, unit rows (n, dim), into runs of like frames. Returns the runs, in order.

    Adjacent runs are merged from single frames upward, the pair first whose merging adds the least to the
    sum of squared distances of frames from their run's mean (Ward, "Hierarchical Grouping to Optimize an
    Objective Function", JASA 1963, kept to neighbours), for as long as it adds less than `penalty`. That is a
    greedy minimum of distances plus `penalty` for each boundary, the usual change-point objective; the work
    grows with n log n. As a scale: two scenes of a frames each, at cosine c, are told apart where
    a * (1 - c) > penalty.
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
