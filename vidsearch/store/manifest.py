"""What is good in the files of a space's vectors, as the manifest beside them says it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.matrix import RowRange

FORMAT = 3
COLUMNS = {"segments": np.dtype("<i8"), "videos": np.dtype("<i8"), "times": np.dtype("<f8")}
"""Whose vector a row is: the columns beside the rows."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """An approximate index over the segments of a range of ids."""

    name: str
    size_bytes: int
    crc32: int
    head_crc32: int
    """Of its first bytes, which say where the others are: FAISS believes them."""
    num_trained_on: int
    first_segment_id: int
    last_segment_id: int
    """It has every vector of the range; it may have some that were removed since."""


@dataclass(frozen=True, slots=True)
class OrderFile:
    """The order of the first rows by video and time."""

    name: str
    crc32: int
    num_rows: int

    @property
    def size_bytes(self) -> int:
        return 5 * 8 * self.num_rows


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is good in the files."""

    library: str
    space: str
    dim: int
    revision: int
    generation: str
    """Part of the names of the files that this speaks of."""
    row_type: str = "<f4"
    num_rows: int = 0
    crc32: tuple[int, ...] = (0,) * (1 + len(COLUMNS))
    """Of the rows, then of each column."""
    removed: tuple[RowRange, ...] = ()
    """Rows that are in the files, and in the library no longer."""
    shards: tuple[IndexFile, ...] = ()
    order: OrderFile | None = None
    indexed_at_revision: int = -1
    """The revision for which the shards and the order were last made fit."""
    format: int = FORMAT

    @property
    def num_removed(self) -> int:
        return sum(end - first for first, end in self.removed)

    @property
    def num_vectors(self) -> int:
        """The vectors that the space has."""
        return self.num_rows - self.num_removed

    def as_json(self) -> bytes:
        """The manifest as its file has it; `read_manifest` takes it from there."""
        return json.dumps(asdict(self), indent=1).encode()


def read_manifest(content: bytes) -> Manifest:
    """Take a manifest from its JSON. Raises what a read of something else does: ValueError, KeyError ..."""
    fields: Any = json.loads(content)
    if fields["row_type"] not in ("<f4", "<f2"):
        raise ValueError("not a type of rows")
    fields["crc32"] = tuple(fields["crc32"])
    fields["removed"] = tuple((int(first), int(end)) for first, end in fields["removed"])
    fields["shards"] = tuple(IndexFile(**entry) for entry in fields["shards"])
    fields["order"] = OrderFile(**fields["order"]) if fields["order"] else None
    return Manifest(**fields)
