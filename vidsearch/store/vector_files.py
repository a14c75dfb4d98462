"""A space's vectors as files that are mapped into memory: a cache, made from the catalog at any time.

Four files grow side by side, by segment id: the rows, as they lie in memory, and whose rows they are
(segment, video, time). Beside them, for large spaces, lie approximate indexes in FAISS's own format, and
the order of the rows by video and time. A manifest says how much of them is good, which rows were removed,
and of which revision of the catalog that is; it is written beside and renamed *after* the rest is on disk.
So a kill leaves rows that no manifest speaks of, never a manifest that speaks of rows that are not there,
and who has the files mapped keeps what they see.
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
"""Above this many vectors the rows are half-precision: they are read at random, so they should fit memory.
A score then differs by 4e-5 at most from the one of float32 (`benchmarks/vector_search.py`)."""
_POSITION_FIELDS = {"segments": "segment_id", "videos": "video_id", "times": "time_seconds"}
_READ_BYTES = 1 << 20
_HEAD_BYTES = 1 << 24
"""The head of an approximate index, with its centres, is shorter: 4 MB for 1,024 of 1,024 dimensions."""
_COMPACTED_ROWS = 4096
"""Rows read at a time when files are rewritten from those before."""


class VectorFiles:
    """The files of one space."""

    def __init__(self, folder: Path, *, library: str, space: str, dim: int) -> None:
        self._folder = folder
        self._library = library
        self._space = space
        self._dim = dim
        self.manifest_path = folder / f"{space}.json"

    def manifest(self) -> Manifest | None:
        """What the files hold; None where they are missing, torn, or another library's."""
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
        """Map what a manifest speaks of. Raises OSError or ValueError where the files are gone meanwhile."""
        if manifest.num_rows == 0:  # nothing to map
            return in_memory(self._dim)
        paths = self._paths(manifest)
        rows = _map(paths[0], manifest.row_type, (manifest.num_rows, self._dim))
        columns = (
            _map(path, kind, (manifest.num_rows,))
            for path, kind in zip(paths[1:], COLUMNS.values(), strict=True)
        )
        segment_ids, video_ids, times = columns
        # Half-precision rows are those of files too large to be in memory anyhow.
        is_large = manifest.row_type == "<f2" and hasattr(os, "preadv")
        kept = Rows(rows, file=RowFile(os.open(paths[0], os.O_RDONLY)) if is_large else None)
        everything = Matrix(segment_ids, video_ids, times, kept, self._load_order(manifest))
        return without(manifest.removed, everything)

    def append(
        self, manifest: Manifest, batches: Iterable[tuple[NDArray[np.void], Float32]], *, revision: int
    ) -> Manifest:
        """Add rows after those that a manifest speaks of, a batch at a time. Raises OSError."""
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
        """Note that the segments in ranges [first, end) of ids are gone; `append` writes it down."""
        stored = self.load(replace(manifest, removed=(), order=None)).segment_ids
        bounds = ((int(a), int(b)) for a, b in (np.searchsorted(stored, ids) for ids in segment_ids))
        return replace(manifest, removed=joined([*manifest.removed, *bounds]))

    def last_segment_id(self, manifest: Manifest) -> int:
        """The segment of the last row; -1 where there is none. Raises OSError, ValueError."""
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
        """Write all rows into new files, then drop the old ones. Raises OSError.

        `shards`: the approximate indexes so far; those that have all of the rows that they should are kept.
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
        """Write the living rows into new files, as small as their number asks for. Raises OSError."""
        everything = self.load(replace(manifest, order=None))

        def batches() -> Iterable[tuple[NDArray[np.void], Float32]]:
            for start in range(0, len(everything), _COMPACTED_ROWS):
                part = slice(start, start + _COMPACTED_ROWS)
                yield everything.positions(part), everything.vectors[part]

        row_type = "<f2" if len(everything) > HALF_ROWS else manifest.row_type
        return self.rewrite(batches(), revision=manifest.revision, row_type=row_type, shards=manifest.shards)

    # --- approximate indexes, and the order -------------------------------------------------------------

    def load_index(self, entry: IndexFile, *, whole: bool = False) -> ApproximateIndex | None:
        """An approximate index; None where its file is not what was written.

        Looks at its size and its head, and with `whole` at all of it. Damage elsewhere makes it propose
        others, no more: what it proposes is compared exactly.
        """
        # And FAISS, which small libraries do without.
        from vidsearch.store.approximate import ApproximateIndex

        path = self._folder / entry.name
        try:
            if not self._has_head(entry) or (whole and _crc32(path) != entry.crc32):
                return None
            return ApproximateIndex.load(path)
        except (OSError, ValueError):
            return None

    def is_indexed(self, manifest: Manifest) -> bool:
        """Whether the approximate indexes and the order are as the rows ask for; looks at sizes and heads."""
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
        """Write down that approximate indexes and the order are as the rows ask for. Raises OSError."""
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
        """Write an approximate index in a file of its own. Raises OSError."""
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
        """Keep these approximate indexes, and drop the files of others. Raises OSError."""
        in_order = tuple(sorted(shards, key=lambda entry: entry.first_segment_id))
        if in_order == manifest.shards:
            return manifest
        updated = replace(manifest, shards=in_order)
        self._write(updated)
        self.sweep(updated)
        return updated

    def save_order(self, manifest: Manifest) -> Manifest:
        """Write down the order of all rows by video and time, where they do not lie so. Raises OSError."""
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
        """Remove the files that a manifest does not speak of: superseded, or left by a kill."""
        keep = {path.name for path in self._paths(manifest)} | {entry.name for entry in manifest.shards}
        if manifest.order is not None:
            keep.add(manifest.order.name)
        patterns = [
            f"{self._space}.*.{suffix}" for suffix in ("rows", *COLUMNS, "faiss", "order", "positions")
        ]
        for pattern in (*patterns, f".{self._space}.json.*"):
            for path in self._folder.glob(pattern):
                if path.name not in keep:
                    with suppress(OSError):  # Windows keeps what somebody has mapped; the next sweep takes it
                        path.unlink()

    def is_sound(self, manifest: Manifest) -> bool:
        """Read all that a manifest speaks of, and compare digests. Raises OSError."""
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
        """Whether an approximate index has all vectors of its range of segments."""
        index = self.load_index(entry, whole=True)
        if index is None:
            return False
        ids = self.load(manifest).segment_ids
        first, end = np.searchsorted(ids, (entry.first_segment_id, entry.last_segment_id + 1))
        return bool(np.isin(ids[first:end], index.ids()).all())

    def _load_order(self, manifest: Manifest) -> Order | None:
        """The order of a manifest's rows, where it is written down for all of them."""
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
        """Each file, and the bytes in it for each row."""
        sizes = [self._dim * np.dtype(manifest.row_type).itemsize]
        sizes += [kind.itemsize for kind in COLUMNS.values()]
        return list(zip(self._paths(manifest), sizes, strict=True))


def write_beside(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside, to disk, then renamed. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            _sync(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _map(path: Path, kind: str | np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A file's first numbers, mapped, read-only; a plain view, as slicing a memmap takes its time."""
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
