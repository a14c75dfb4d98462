"""A space's vectors as files that are mapped into memory: a cache, made from the catalog at any time.

Two files grow side by side: the rows (float32, as they lie in memory) and whose rows they are (frame,
video, time), by frame id. A manifest says how much of them is good, and of which revision of the catalog;
it is written beside and renamed *after* the rows are on disk. So a kill leaves rows that no manifest speaks
of, never a manifest that speaks of rows that are not there, and who has the files mapped keeps what they see.
Knows files and arrays, not the catalog.
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64

FORMAT = 1
POSITION = np.dtype([("frame_id", "<i8"), ("video_id", "<i8"), ("time_seconds", "<f8")])
_ROW = np.dtype("<f4")


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
            manifest = Manifest(**json.loads(self.manifest_path.read_text()))
            expected = (FORMAT, self._library, self._space, self._dim)
            if (manifest.format, manifest.library, manifest.space, manifest.dim) != expected:
                return None
            rows, positions = self._paths(manifest)
            whole = (
                rows.stat().st_size >= manifest.num_vectors * self._dim * _ROW.itemsize
                and positions.stat().st_size >= manifest.num_vectors * POSITION.itemsize
            )
        except (OSError, ValueError, TypeError):
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
        write_beside(self.manifest_path, json.dumps(asdict(grown), indent=1).encode())
        return grown

    def rewrite(self, batches: Iterable[tuple[NDArray[np.void], Float32]], *, revision: int) -> Manifest:
        """Write all rows anew, in files of their own, then drop the old ones. Raises OSError."""
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
        self.sweep(manifest)
        return manifest

    def sweep(self, manifest: Manifest) -> None:
        """Remove the rows of other generations: superseded, or left by a kill."""
        keep = set(self._paths(manifest))
        for pattern in (f"{self._space}.*.rows", f"{self._space}.*.positions"):
            for path in self._folder.glob(pattern):
                if path not in keep:
                    with suppress(OSError):  # Windows keeps what somebody has mapped; the next sweep takes it
                        path.unlink()

    def is_sound(self, manifest: Manifest) -> bool:
        """Read all that a manifest speaks of, and compare digests."""
        found = []
        for path, itemsize in zip(
            self._paths(manifest), (self._dim * _ROW.itemsize, POSITION.itemsize), strict=True
        ):
            left, crc = manifest.num_vectors * itemsize, 0
            with path.open("rb") as file:
                while left and (block := file.read(min(left, 1 << 20))):
                    crc = zlib.crc32(block, crc)
                    left -= len(block)
            found.append(crc)
        return found == [manifest.rows_crc32, manifest.positions_crc32]

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
        vectors=rows,
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


def _open_at(path: Path, offset: int) -> BinaryIO:
    file = path.open("r+b")
    file.seek(offset)
    return file


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
