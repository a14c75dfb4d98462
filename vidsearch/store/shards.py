"""Approximate indexes over ranges of a large space, each in a file of its own.

A shard is written once it is full, and not changed afterwards; new vectors go into the last one. So the cost
of adding vectors does not grow with the library. Searches use all shards together.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.store.approximate import ApproximateIndex, num_candidates

if TYPE_CHECKING:
    from vidsearch.store.manifest import IndexFile, Manifest
    from vidsearch.store.matrix import Matrix
    from vidsearch.store.vector_files import VectorFiles
    from vidsearch.types import Float32, Int64

SHARD_ROWS = 2_000_000
"""An index over this many vectors fits in memory while it is built (0.3 GB for 512 dimensions)."""


@dataclass(frozen=True, slots=True)
class Shard:
    """An approximate index over the segments of a range of ids."""

    file: IndexFile
    index: ApproximateIndex


class Shards:
    """The shards of a space, in order of ids. Not thread-safe."""

    def __init__(self, shards: Sequence[Shard], segment_ids: Int64) -> None:
        """Match shards with the segments of the space, ascending."""
        self.shards = tuple(shards)
        gaps = _gaps(segment_ids, self.files)
        self.uncovered: Int64 = np.concatenate(
            [np.empty(0, np.int64), *(np.arange(first, end) for first, end in gaps)]
        )
        """The rows that are in no shard: those added after the last one was written."""
        num_covered = len(segment_ids) - len(self.uncovered)
        self._surplus = max(1.0, sum(len(shard.index) for shard in shards) / max(1, num_covered))

    @property
    def files(self) -> tuple[IndexFile, ...]:
        return tuple(shard.file for shard in self.shards)

    def candidates(self, queries: Float32, k: int, *, among: Int64 | None = None) -> list[Int64]:
        """Return candidate ids for each query, which likely include its k best.

        `among`: the only ids to consider, ascending.
        """

        # Removed vectors are still in the shards, and displace others.
        count = math.ceil(num_candidates(k) * self._surplus)

        def of_shard(shard: Shard) -> tuple[Float32, Int64]:
            own = None if among is None else _between(among, shard.file)
            return shard.index.candidates(queries, count, among=own)

        if len(self.shards) == 1:
            found = [of_shard(self.shards[0])]
        else:
            with ThreadPoolExecutor(len(self.shards), "vidsearch-shard") as threads:
                found = list(threads.map(of_shard, self.shards))
        scores = np.concatenate([scores for scores, _ in found], axis=1)
        ids = np.concatenate([ids for _, ids in found], axis=1)
        scores = np.where(ids >= 0, scores, -np.inf)
        count = min(count, ids.shape[1])
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        chosen = np.take_along_axis(ids, best, axis=1)
        return [each[each >= 0] for each in chosen]


def catch_up(files: VectorFiles, manifest: Manifest, *, exact_rows: int, newer_rows: int) -> Manifest:
    """Build or update the shards of a space with more than `exact_rows` rows. Raises OSError.

    A shard is trained again once its rows have doubled, or half of them were removed. Up to `newer_rows` rows
    may be in no shard.
    """
    everything = files.load(manifest)
    if len(everything) <= exact_rows:
        return manifest
    manifest = files.with_shards(
        manifest, [entry for entry in manifest.shards if _serves(entry, everything, files)]
    )
    gaps = _gaps(everything.segment_ids, manifest.shards)
    if manifest.shards and sum(end - first for first, end in gaps) <= newer_rows:
        return manifest
    for first, end in gaps:
        if end - first > (newer_rows if len(gaps) > 1 else 0):
            manifest = _cover(files, manifest, everything, first, end)
    return manifest


def _cover(files: VectorFiles, manifest: Manifest, everything: Matrix, first: int, end: int) -> Manifest:
    """Add the rows [first, end) to the shard before them while it has room, then to new shards."""
    before = [entry for entry in manifest.shards if entry.last_segment_id < everything.segment_ids[first]]
    if before:
        entry = before[-1]
        start, _ = _bounds(entry, everything.segment_ids)
        until = min(end, start + SHARD_ROWS)
        if until > first:
            is_alike = until - start < 2 * entry.num_trained_on
            index = files.load_index(entry, whole=True) if is_alike else None
            manifest = _make(files, manifest, everything, start, until, grows=entry, index=index)
            first = until
    while first < end:
        until = min(end, first + SHARD_ROWS)
        manifest = _make(files, manifest, everything, first, until)
        first = until
    return manifest


def _make(
    files: VectorFiles,
    manifest: Manifest,
    everything: Matrix,
    first: int,
    end: int,
    *,
    grows: IndexFile | None = None,
    index: ApproximateIndex | None = None,
) -> Manifest:
    """Write a shard of the rows [first, end): an extended one, or one that is trained on them."""
    if index is not None and grows is not None:
        _, first_new = _bounds(grows, everything.segment_ids)
        num_trained_on = grows.num_trained_on
    else:
        index, first_new, num_trained_on = (
            ApproximateIndex.train(everything.vectors, first, end),
            first,
            end - first,
        )
    index.add(everything.segment_ids, everything.vectors, first_new, end)
    return files.save_index(
        manifest,
        index,
        num_trained_on=num_trained_on,
        first_segment_id=int(everything.segment_ids[first]),
        last_segment_id=int(everything.segment_ids[end - 1]),
        instead_of=grows,
    )


def _serves(entry: IndexFile, everything: Matrix, files: VectorFiles) -> bool:
    """Whether a shard can be read, and at least half of the rows that it was trained on still exist."""
    first, end = _bounds(entry, everything.segment_ids)
    return 2 * (end - first) > entry.num_trained_on and files.load_index(entry) is not None


def _bounds(entry: IndexFile, segment_ids: Int64) -> tuple[int, int]:
    first = int(np.searchsorted(segment_ids, entry.first_segment_id, side="left"))
    return first, int(np.searchsorted(segment_ids, entry.last_segment_id, side="right"))


def _gaps(segment_ids: Int64, entries: Sequence[IndexFile]) -> list[tuple[int, int]]:
    """The ranges of rows that no shard covers."""
    gaps, end = [], 0
    for entry in entries:
        first, after = _bounds(entry, segment_ids)
        if first > end:
            gaps.append((end, first))
        end = max(end, after)
    if len(segment_ids) > end:
        gaps.append((end, len(segment_ids)))
    return gaps


def _between(among: Int64, entry: IndexFile) -> Int64:
    first, end = _bounds(entry, among)
    return among[first:end]


def read_shards(files: VectorFiles, manifest: Manifest) -> list[Shard]:
    """Read a manifest's shards in parallel. Returns none if one of them is corrupt."""
    if not manifest.shards:
        return []
    with ThreadPoolExecutor(min(len(manifest.shards), os.cpu_count() or 1)) as threads:
        indexes = list(threads.map(files.load_index, manifest.shards))
    made = [
        Shard(entry, index)
        for entry, index in zip(manifest.shards, indexes, strict=True)
        if index is not None
    ]
    return made if len(made) == len(indexes) else []
