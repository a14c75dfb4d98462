"""The manifest of a space's vector files: which parts of them are valid."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.matrix import RowRange

FORMAT = 3
COLUMNS = {"segments": np.dtype("<i8"), "videos": np.dtype("<i8"), "times": np.dtype("<f8")}
"""The columns that are stored beside the rows: which segment each row belongs to."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """An approximate index over the segments of a range of ids."""

    name: str
    size_bytes: int
    crc32: int
    head_crc32: int
    """Of its head, which locates the rest: FAISS does not validate it."""
    num_trained_on: int
    first_segment_id: int
    last_segment_id: int
    """It holds every vector of the range, and possibly some that were removed since."""


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file with the order of the first rows by video and time."""

    name: str
    crc32: int
    num_rows: int

    @property
    def size_bytes(self) -> int:
        return 5 * 8 * self.num_rows


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which parts of a space's vector files are valid."""

    library: str
    space: str
    dim: int
    revision: int
    generation: str
    """Part of the names of its files."""
    row_type: str = "<f4"
    num_rows: int = 0
    crc32: tuple[int, ...] = (0,) * (1 + len(COLUMNS))
    """Of the rows, then of each column."""
    removed: tuple[RowRange, ...] = ()
    """Rows in the files that are no longer in the library."""
    shards: tuple[IndexFile, ...] = ()
    order: OrderFile | None = None
    indexed_at_revision: int = -1
    """The revision for which the shards and the order were last updated."""
    format: int = FORMAT

    @property
    def num_removed(self) -> int:
        return sum(end - first for first, end in self.removed)

    @property
    def num_vectors(self) -> int:
        """The number of vectors in the space."""
        return self.num_rows - self.num_removed

    def as_json(self) -> bytes:
        """The content of the manifest's file, for `read_manifest`."""
        return json.dumps(asdict(self), indent=1).encode()


def read_manifest(content: bytes) -> Manifest:
    """Parse a manifest's JSON. Raises ValueError, KeyError, TypeError ... if it is something else."""
    fields: Any = json.loads(content)
    if fields["row_type"] not in ("<f4", "<f2"):
        raise ValueError("not a type of rows")
    fields["crc32"] = tuple(fields["crc32"])
    fields["removed"] = tuple((int(first), int(end)) for first, end in fields["removed"])
    fields["shards"] = tuple(IndexFile(**entry) for entry in fields["shards"])
    fields["order"] = OrderFile(**fields["order"]) if fields["order"] else None
    return Manifest(**fields)
