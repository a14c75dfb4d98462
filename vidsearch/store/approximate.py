"""Approximate nearest-neighbour search, for more vectors than can be searched exhaustively in time.

An inverted file (IVF): each vector is in the list of its nearest centroid, and a query probes the lists of
the centroids nearest to it. Lists hold one bit per dimension (Gao and Long, "RaBitQ: Quantizing
High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest Neighbor Search", SIGMOD
2024), from which FAISS estimates inner products in registers. The estimates only select candidates, which the
caller then compares exactly.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import faiss
import numpy as np

from vidsearch.store.exact import few_threads, selector

if TYPE_CHECKING:
    from vidsearch.store.matrix import Rows
    from vidsearch.types import Float32, Int64

_TRAINING_ROWS_PER_LIST = 50
_TRAINING_ROUNDS = 6
_PROBED_SHARE = 0.125
_MIN_CANDIDATES = 400
_CANDIDATES_PER_ANSWER = 4
_BLOCK_ROWS = 32768


class ApproximateIndex:
    """An IVF index with 1-bit codes. Not thread-safe."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def train(cls, rows: Rows, first: int, end: int) -> Self:
        """Train an empty index on the rows [first, end). Training is deterministic."""
        count = end - first
        num_lists = 2 ** round(math.log2(math.sqrt(max(1, count))))
        index: Any = faiss.index_factory(
            rows.shape[1], f"IVF{num_lists},RaBitQfs", faiss.METRIC_INNER_PRODUCT
        )
        index.cp.niter = _TRAINING_ROUNDS
        num_samples = min(count, num_lists * _TRAINING_ROWS_PER_LIST)
        sample = np.random.default_rng(0).choice(count, num_samples, replace=False)
        index.train(np.ascontiguousarray(rows[first + np.sort(sample)]))
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an index. Raises OSError or ValueError if it cannot be read."""
        try:
            # FAISS reorders the codes in memory, so mapping the file would keep them twice.
            return cls(faiss.read_index(str(path)))
        except (RuntimeError, MemoryError) as error:  # what FAISS raises for a missing or truncated file
            raise ValueError(f"{path} is not a FAISS index: {error}") from error

    def save(self, path: Path) -> None:
        """Write the index. Raises OSError."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:  # what FAISS raises if the disk is full
            raise OSError(f"Cannot write {path}: {error}") from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Int64, rows: Rows, first: int, end: int) -> None:
        """Add the rows [first, end). `ids`, int64 (n,), are those of all rows."""
        for start in range(first, end, _BLOCK_ROWS):
            block = slice(start, min(end, start + _BLOCK_ROWS))
            self._index.add_with_ids(np.ascontiguousarray(rows[block]), np.ascontiguousarray(ids[block]))

    def ids(self) -> Int64:
        """The ids of all vectors, ascending."""
        lists = self._index.invlists
        sizes = [lists.list_size(number) for number in range(lists.nlist)]
        parts = [faiss.rev_swig_ptr(lists.get_ids(number), size) for number, size in enumerate(sizes) if size]
        return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

    def candidates(
        self, queries: Float32, count: int, *, among: Int64 | None = None
    ) -> tuple[Float32, Int64]:
        """Return the likely neighbours of each query: estimated scores and ids, (q, count or fewer).

        Ids are -1 where there are fewer. `among`: the only ids to consider, ascending.
        """
        share, selected = 1.0, None
        if among is not None:
            selected = selector(among)
            share = max(len(among) / max(1, len(self)), 1e-6)
        # The fewer ids are allowed, the more lists have to be probed to find enough of them.
        num_lists = min(self._index.nlist, math.ceil(self._index.nlist * _PROBED_SHARE / share))
        make_parameters: Any = faiss.IVFRaBitQSearchParameters  # its stub lacks the keywords
        parameters = make_parameters(nprobe=num_lists, sel=selected)
        with few_threads(len(queries)):
            scores, ids = self._index.search(queries, min(count, len(self)), params=parameters)
        return np.asarray(scores), np.asarray(ids)


def num_candidates(k: int) -> int:
    """Return how many candidates are compared exactly to find the k best."""
    return max(_MIN_CANDIDATES, _CANDIDATES_PER_ANSWER * k)
