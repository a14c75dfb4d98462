"""A space's vectors as files that are mapped into memory: a cache, made from the catalog at any time.

Two files grow side by side: the rows (float32, as they lie in memory) and whose rows they are (frame,
video, time), by frame id. A third, for large spaces, is an approximate index in FAISS's own format. A
manifest says how much of them is good, and of which revision of the catalog; it is written beside and renamed
*after* the rest is on disk. So a kill leaves rows that no manifest speaks of, never a manifest that speaks of
rows that are not there, and who has the files mapped keeps what they see. Knows files, not the catalog.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from vidsearch.store.approximate import ApproximateIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64

FORMAT = 1
POSITION = np.dtype([("frame_id", "<i8"), ("video_id", "<i8"), ("time_seconds", "<f8")])
_ROW = np.dtype("<f4")
_READ_BYTES = 1 << 20


class Matrix(NamedTuple):
    """All vectors of a space, by frame id: one row per frame. Read-only, mapped from disk where possible."""

    frame_ids: Int64
    """(n,), ascending."""
    video_ids: Int64
    """(n,)"""
    times: NDArray[np.float64]
    """(n,), seconds."""
    vectors: Float32
    """(n, dim), unit rows."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """An approximate index over the first vectors of a space."""

    name: str
    size_bytes: int
    crc32: int
    num_trained_on: int
    last_frame_id: int
    """It has every vector up to this frame; it may have some that were removed since."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is good in the files."""

    library: str
    space: str
    dim: int
    revision: int
    generation: str
    """Part of the names of the files that this speaks of."""
    num_vectors: int = 0
    rows_crc32: int = 0
    positions_crc32: int = 0
    index: IndexFile | None = None
    format: int = FORMAT


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
            fields = json.loads(self.manifest_path.read_text())
            index = fields.pop("index")
            manifest = Manifest(**fields, index=IndexFile(**index) if index else None)
            expected = (FORMAT, self._library, self._space, self._dim)
            if (manifest.format, manifest.library, manifest.space, manifest.dim) != expected:
                return None
            rows, positions = self._paths(manifest)
            whole = (
                rows.stat().st_size >= manifest.num_vectors * self._dim * _ROW.itemsize
                and positions.stat().st_size >= manifest.num_vectors * POSITION.itemsize
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return manifest if whole else None

    def load(self, manifest: Manifest) -> Matrix:
        """Map what a manifest speaks of. Raises OSError or ValueError where the files are gone meanwhile."""
        rows, positions = self._paths(manifest)
        count = manifest.num_vectors
        if count == 0:
            return matrix(np.empty(0, POSITION), np.empty((0, self._dim), np.float32))
        return matrix(
            np.memmap(positions, POSITION, "r", shape=(count,)),
            np.memmap(rows, _ROW, "r", shape=(count, self._dim)),
        )

    def last_frame_id(self, manifest: Manifest) -> int:
        """The frame of the last row; -1 where there is none. Raises OSError, ValueError."""
        if manifest.num_vectors == 0:
            return -1
        offset = (manifest.num_vectors - 1) * POSITION.itemsize
        last = np.fromfile(self._paths(manifest)[1], POSITION, count=1, offset=offset)
        return int(last["frame_id"][0])

    def append(
        self, manifest: Manifest, batches: Iterable[tuple[NDArray[np.void], Float32]], *, revision: int
    ) -> Manifest:
        """Add rows after those that a manifest speaks of, a batch at a time. Raises OSError."""
        rows_path, positions_path = self._paths(manifest)
        count = manifest.num_vectors
        rows_crc, positions_crc = manifest.rows_crc32, manifest.positions_crc32
        with _open_at(rows_path, count * self._dim * _ROW.itemsize) as rows:
            with _open_at(positions_path, count * POSITION.itemsize) as positions:
                for new_positions, new_rows in batches:
                    rows_bytes = new_rows.astype(_ROW, copy=False).tobytes()
                    positions_bytes = new_positions.tobytes()
                    rows.write(rows_bytes)
                    positions.write(positions_bytes)
                    rows_crc = zlib.crc32(rows_bytes, rows_crc)
                    positions_crc = zlib.crc32(positions_bytes, positions_crc)
                    count += len(new_rows)
                _sync(positions)
            _sync(rows)
        grown = replace(
            manifest,
            revision=revision,
            num_vectors=count,
            rows_crc32=rows_crc,
            positions_crc32=positions_crc,
        )
        self._write(grown)
        return grown

    def rewrite(
        self,
        batches: Iterable[tuple[NDArray[np.void], Float32]],
        *,
        revision: int,
        index: IndexFile | None,
    ) -> Manifest:
        """Write all rows into new files, then drop the old ones. Raises OSError.

        `index`: the approximate index, to be kept if it has all of the rows that it should.
        """
        fresh = Manifest(
            library=self._library,
            space=self._space,
            dim=self._dim,
            revision=revision,
            generation=secrets.token_hex(4),
        )
        for path in self._paths(fresh):
            path.parent.mkdir(exist_ok=True)
            path.touch()
        manifest = self.append(fresh, batches, revision=revision)
        with_index = replace(manifest, index=index)
        if self._has_all_rows(with_index):
            manifest = with_index
            self._write(manifest)
        self.sweep(manifest)
        return manifest

    def load_index(self, manifest: Manifest) -> ApproximateIndex | None:
        """The approximate index; None where there is none, or its file is not what was written."""
        if manifest.index is None:
            return None
        path = self._folder / manifest.index.name
        try:
            if path.stat().st_size != manifest.index.size_bytes or _crc32(path) != manifest.index.crc32:
                return None
            return ApproximateIndex.load(path)
        except (OSError, ValueError):
            return None

    def save_index(
        self, manifest: Manifest, index: ApproximateIndex, *, num_trained_on: int, last_frame_id: int
    ) -> Manifest:
        """Write an approximate index in a file of its own, and drop the one before. Raises OSError."""
        path = self._folder / f"{self._space}.{secrets.token_hex(4)}.faiss"
        try:
            index.save(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            entry = IndexFile(
                name=path.name,
                size_bytes=path.stat().st_size,
                crc32=_crc32(path),
                num_trained_on=num_trained_on,
                last_frame_id=last_frame_id,
            )
            updated = replace(manifest, index=entry)
            self._write(updated)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self.sweep(updated)
        return updated

    def sweep(self, manifest: Manifest) -> None:
        """Remove the files that a manifest does not speak of: superseded, or left by a kill."""
        keep = {path.name for path in self._paths(manifest)}
        if manifest.index is not None:
            keep.add(manifest.index.name)
        for pattern in ("{}.*.rows", "{}.*.positions", "{}.*.faiss", ".{}.json.*"):
            for path in self._folder.glob(pattern.format(self._space)):
                if path.name not in keep:
                    with suppress(OSError):  # Windows keeps what somebody has mapped; the next sweep takes it
                        path.unlink()

    def is_sound(self, manifest: Manifest) -> bool:
        """Read all that a manifest speaks of, and compare digests. Raises OSError."""
        rows, positions = self._paths(manifest)
        count = manifest.num_vectors
        return (
            _crc32(rows, count * self._dim * _ROW.itemsize) == manifest.rows_crc32
            and _crc32(positions, count * POSITION.itemsize) == manifest.positions_crc32
            and (manifest.index is None or self.load_index(manifest) is not None)
        )

    def _has_all_rows(self, manifest: Manifest) -> bool:
        index = self.load_index(manifest)
        if index is None or manifest.index is None:
            return False
        frame_ids = self.load(manifest).frame_ids
        expected = frame_ids[: np.searchsorted(frame_ids, manifest.index.last_frame_id, side="right")]
        return bool(np.isin(expected, index.ids()).all())

    def _write(self, manifest: Manifest) -> None:
        write_beside(self.manifest_path, json.dumps(asdict(manifest), indent=1).encode())

    def _paths(self, manifest: Manifest) -> tuple[Path, Path]:
        stem = f"{self._space}.{manifest.generation}"
        return self._folder / f"{stem}.rows", self._folder / f"{stem}.positions"


def matrix(positions: NDArray[np.void], rows: Float32) -> Matrix:
    """A matrix over positions (of type POSITION) and their rows."""
    return Matrix(
        # Contiguous copies: 24 bytes a frame, and searched much faster than every third number of a table.
        frame_ids=np.ascontiguousarray(positions["frame_id"], dtype=np.int64),
        video_ids=np.ascontiguousarray(positions["video_id"], dtype=np.int64),
        times=np.ascontiguousarray(positions["time_seconds"], dtype=np.float64),
        vectors=np.asarray(rows),  # a plain view of what is mapped: slicing a memmap takes its time
    )


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


def _crc32(path: Path, num_bytes: int | None = None) -> int:
    """The checksum of a file, or of its first bytes."""
    left, crc = path.stat().st_size if num_bytes is None else num_bytes, 0
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
