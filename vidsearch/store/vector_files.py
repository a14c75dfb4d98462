"""A space's vectors in memory-mapped files: a cache, which can be rebuilt from the catalog at any time.

Four files grow in parallel, in order of segment id: the rows, and the segment, video and time of each row.
For large spaces there are also approximate indexes in FAISS's format, and the order of the rows by video and
time. A manifest states how many rows are valid, which were removed, and for which revision of the catalog; it
is written to a temporary file, and renamed *after* everything else is on disk. So a crash may leave rows that
are in no manifest, but never a manifest with missing rows, and processes that have files mapped are not
affected.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vidsearch.store.manifest import COLUMNS, FORMAT, IndexFile, Manifest, OrderFile, read_manifest
from vidsearch.store.matrix import Matrix, Order, RowFile, Rows, in_memory, joined, order_of, without

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.approximate import ApproximateIndex
    from vidsearch.types import Float32

HALF_ROWS = 2_000_000
"""Above this many vectors the rows are half-precision: access is random, so they should fit in memory. Scores
then differ from those of float32 by at most 4e-5 (`benchmarks/vector_search.py`)."""
_POSITION_FIELDS = {"segments": "segment_id", "videos": "video_id", "times": "time_seconds"}
_READ_BYTES = 1 << 20
_HEAD_BYTES = 1 << 24
"""More than the head of an approximate index with its centroids: 4 MB for 1,024 of 1,024 dimensions."""
_COMPACTED_ROWS = 4096
"""Rows read at a time when files are rewritten from earlier ones."""


class VectorFiles:
    """The files of one space."""

    def __init__(self, folder: Path, *, library: str, space: str, dim: int) -> None:
        self._folder = folder
        self._library = library
        self._space = space
        self._dim = dim
        self.manifest_path = folder / f"{space}.json"

    def manifest(self) -> Manifest | None:
        """Return the manifest; None if files are missing, truncated, or of another library."""
        try:
            manifest = read_manifest(self.manifest_path.read_bytes())
            expected = (FORMAT, self._library, self._space, self._dim)
            if (manifest.format, manifest.library, manifest.space, manifest.dim) != expected:
                return None
            is_whole = all(
                path.stat().st_size >= manifest.num_rows * size for path, size in self._row_sizes(manifest)
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return manifest if is_whole else None

    def load(self, manifest: Manifest) -> Matrix:
        """Map a manifest's rows. Raises OSError or ValueError if the files have been removed."""
        if manifest.num_rows == 0:  # nothing to map
            return in_memory(self._dim)
        paths = self._paths(manifest)
        rows = _map(paths[0], manifest.row_type, (manifest.num_rows, self._dim))
        columns = (
            _map(path, kind, (manifest.num_rows,))
            for path, kind in zip(paths[1:], COLUMNS.values(), strict=True)
        )
        segment_ids, video_ids, times = columns
        # Half-precision rows are in files that are too large for memory anyway.
        is_large = manifest.row_type == "<f2" and hasattr(os, "preadv")
        kept = Rows(rows, file=RowFile(os.open(paths[0], os.O_RDONLY)) if is_large else None)
        everything = Matrix(segment_ids, video_ids, times, kept, self._load_order(manifest))
        return without(manifest.removed, everything)

    def append(
        self, manifest: Manifest, batches: Iterable[tuple[NDArray[np.void], Float32]], *, revision: int
    ) -> Manifest:
        """Add rows after a manifest's, batch by batch. Raises OSError."""
        count, crcs = manifest.num_rows, list(manifest.crc32)
        with ExitStack() as opened:
            files = [
                opened.enter_context(_open_at(path, count * size)) for path, size in self._row_sizes(manifest)
            ]
            for positions, rows in batches:
                parts = [rows.astype(manifest.row_type, copy=False)]
                parts += [positions[field] for field in _POSITION_FIELDS.values()]
                for number, (file, part) in enumerate(zip(files, parts, strict=True)):
                    content = part.tobytes()
                    file.write(content)
                    crcs[number] = zlib.crc32(content, crcs[number])
                count += len(rows)
            for file in files:
                _sync(file)
        grown = replace(manifest, revision=revision, num_rows=count, crc32=tuple(crcs))
        self._write(grown)
        return grown

    def remove(self, manifest: Manifest, segment_ids: Iterable[tuple[int, int]]) -> Manifest:
        """Mark rows of segments in ranges [first, end) of ids as removed. `append` writes the manifest."""
        stored = self.load(replace(manifest, removed=(), order=None)).segment_ids
        bounds = ((int(a), int(b)) for a, b in (np.searchsorted(stored, ids) for ids in segment_ids))
        return replace(manifest, removed=joined([*manifest.removed, *bounds]))

    def last_segment_id(self, manifest: Manifest) -> int:
        """Return the segment of the last row, -1 if there is none. Raises OSError, ValueError."""
        if manifest.num_rows == 0:
            return -1
        return int(_map(self._paths(manifest)[1], COLUMNS["segments"], (manifest.num_rows,))[-1])

    def rewrite(
        self,
        batches: Iterable[tuple[NDArray[np.void], Float32]],
        *,
        revision: int,
        row_type: str = "<f4",
        shards: Sequence[IndexFile] = (),
    ) -> Manifest:
        """Write all rows to new files, then remove the old ones. Raises OSError.

        `shards`: the current approximate indexes; those that hold all rows of their range are kept.
        """
        fresh = Manifest(
            library=self._library,
            space=self._space,
            dim=self._dim,
            revision=revision,
            generation=secrets.token_hex(4),
            row_type=row_type,
        )
        for path in self._paths(fresh):
            path.parent.mkdir(exist_ok=True)
            path.touch()
        manifest = self.append(fresh, batches, revision=revision)
        if shards:
            manifest = self.with_shards(manifest, [each for each in shards if self._has_all(each, manifest)])
        self.sweep(manifest)
        return manifest

    def compact(self, manifest: Manifest) -> Manifest:
        """Write the rows that were not removed to new files, of the precision for their number.

        Raises OSError.
        """
        everything = self.load(replace(manifest, order=None))

        def batches() -> Iterable[tuple[NDArray[np.void], Float32]]:
            for start in range(0, len(everything), _COMPACTED_ROWS):
                part = slice(start, start + _COMPACTED_ROWS)
                yield everything.positions(part), everything.vectors[part]

        row_type = "<f2" if len(everything) > HALF_ROWS else manifest.row_type
        return self.rewrite(batches(), revision=manifest.revision, row_type=row_type, shards=manifest.shards)

    # --- approximate indexes, and the order -------------------------------------------------------------

    def load_index(self, entry: IndexFile, *, whole: bool = False) -> ApproximateIndex | None:
        """Read an approximate index; None if its file is not what was written.

        Checks its size and its head, or all of it with `whole`. Damage elsewhere only makes it propose other
        candidates, which are compared exactly.
        """
        # Imported here, as it needs FAISS, which small libraries never load.
        from vidsearch.store.approximate import ApproximateIndex

        path = self._folder / entry.name
        try:
            if not self._has_head(entry) or (whole and _crc32(path) != entry.crc32):
                return None
            return ApproximateIndex.load(path)
        except (OSError, ValueError):
            return None

    def is_indexed(self, manifest: Manifest) -> bool:
        """Whether the approximate indexes and the order match the rows; checks sizes and heads only."""
        order = manifest.order
        try:
            return (
                manifest.indexed_at_revision == manifest.revision
                and all(self._has_head(entry) for entry in manifest.shards)
                and (order is None or (self._folder / order.name).stat().st_size == order.size_bytes)
            )
        except OSError:
            return False

    def _has_head(self, entry: IndexFile) -> bool:
        path = self._folder / entry.name
        return path.stat().st_size == entry.size_bytes and _crc32(path, _HEAD_BYTES) == entry.head_crc32

    def note_indexed(self, manifest: Manifest) -> Manifest:
        """Record that the approximate indexes and the order match the rows. Raises OSError."""
        if manifest.indexed_at_revision == manifest.revision:
            return manifest
        updated = replace(manifest, indexed_at_revision=manifest.revision)
        self._write(updated)
        return updated

    def save_index(
        self,
        manifest: Manifest,
        index: ApproximateIndex,
        *,
        num_trained_on: int,
        first_segment_id: int,
        last_segment_id: int,
        instead_of: IndexFile | None = None,
    ) -> Manifest:
        """Write an approximate index to a file of its own. Raises OSError."""
        path = self._folder / f"{self._space}.{secrets.token_hex(4)}.faiss"
        try:
            index.save(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            entry = IndexFile(
                name=path.name,
                size_bytes=path.stat().st_size,
                crc32=_crc32(path),
                head_crc32=_crc32(path, _HEAD_BYTES),
                num_trained_on=num_trained_on,
                first_segment_id=first_segment_id,
                last_segment_id=last_segment_id,
            )
            others = [each for each in manifest.shards if each != instead_of]
            return self.with_shards(manifest, [*others, entry])
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def with_shards(self, manifest: Manifest, shards: Iterable[IndexFile]) -> Manifest:
        """Set the approximate indexes, and remove the files of others. Raises OSError."""
        in_order = tuple(sorted(shards, key=lambda entry: entry.first_segment_id))
        if in_order == manifest.shards:
            return manifest
        updated = replace(manifest, shards=in_order)
        self._write(updated)
        self.sweep(updated)
        return updated

    def save_order(self, manifest: Manifest) -> Manifest:
        """Store the order of all rows by video and time, if it differs from theirs. Raises OSError."""
        stored = self.load(replace(manifest, removed=(), order=None))
        order = order_of(stored.segment_ids, stored.video_ids, stored.times)
        entry = None
        if order is not None:
            path = self._folder / f"{self._space}.{secrets.token_hex(4)}.order"
            with path.open("wb") as file:
                for column in (order.rows, order.places, order.segment_ids, order.video_ids, order.times):
                    file.write(np.ascontiguousarray(column).data)
                _sync(file)
            entry = OrderFile(path.name, _crc32(path), manifest.num_rows)
        updated = replace(manifest, order=entry)
        self._write(updated)
        self.sweep(updated)
        return updated

    def sweep(self, manifest: Manifest) -> None:
        """Remove files that are not in the manifest: those that were replaced, or left by a crash."""
        keep = {path.name for path in self._paths(manifest)} | {entry.name for entry in manifest.shards}
        if manifest.order is not None:
            keep.add(manifest.order.name)
        patterns = [
            f"{self._space}.*.{suffix}" for suffix in ("rows", *COLUMNS, "faiss", "order", "positions")
        ]
        for pattern in (*patterns, f".{self._space}.json.*"):
            for path in self._folder.glob(pattern):
                if path.name not in keep:
                    with suppress(OSError):  # Windows keeps mapped files; the next sweep removes them
                        path.unlink()

    def is_sound(self, manifest: Manifest) -> bool:
        """Read all files of a manifest, and compare their checksums. Raises OSError."""
        order = manifest.order
        return (
            all(
                _crc32(path, manifest.num_rows * size) == crc
                for (path, size), crc in zip(self._row_sizes(manifest), manifest.crc32, strict=True)
            )
            and all(self.load_index(entry, whole=True) is not None for entry in manifest.shards)
            and (order is None or _crc32(self._folder / order.name) == order.crc32)
        )

    def _has_all(self, entry: IndexFile, manifest: Manifest) -> bool:
        """Whether an approximate index holds all vectors of its range of segments."""
        index = self.load_index(entry, whole=True)
        if index is None:
            return False
        ids = self.load(manifest).segment_ids
        first, end = np.searchsorted(ids, (entry.first_segment_id, entry.last_segment_id + 1))
        return bool(np.isin(ids[first:end], index.ids()).all())

    def _load_order(self, manifest: Manifest) -> Order | None:
        """Read the stored order of a manifest's rows, if it covers all of them."""
        entry = manifest.order
        if entry is None or entry.num_rows != manifest.num_rows:
            return None
        path = self._folder / entry.name
        if path.stat().st_size != entry.size_bytes:
            return None
        whole = _map(path, "<i8", (5, entry.num_rows))
        return Order(whole[0], whole[1], whole[2], whole[3], whole[4].view("<f8"))

    def _write(self, manifest: Manifest) -> None:
        write_beside(self.manifest_path, manifest.as_json())

    def _paths(self, manifest: Manifest) -> tuple[Path, ...]:
        stem = f"{self._space}.{manifest.generation}"
        return tuple(self._folder / f"{stem}.{suffix}" for suffix in ("rows", *COLUMNS))

    def _row_sizes(self, manifest: Manifest) -> list[tuple[Path, int]]:
        """Each file, and its bytes per row."""
        sizes = [self._dim * np.dtype(manifest.row_type).itemsize]
        sizes += [kind.itemsize for kind in COLUMNS.values()]
        return list(zip(self._paths(manifest), sizes, strict=True))


def write_beside(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file, synced, then renamed. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            _sync(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _map(path: Path, kind: str | np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Map a file's first numbers, read-only. Returns a plain array, as slicing a memmap is slow."""
    return np.asarray(np.memmap(path, dtype=kind, mode="r", shape=shape))


def _crc32(path: Path, num_bytes: int | None = None) -> int:
    """The checksum of a file, or of its first bytes."""
    size, crc = path.stat().st_size, 0
    left = size if num_bytes is None else min(size, num_bytes)
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _READ_BYTES))):
            crc = zlib.crc32(block, crc)
            left -= len(block)
    return crc


def _open_at(path: Path, offset: int) -> BinaryIO:
    file = path.open("r+b")
    file.seek(offset)
    return file


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
