"""Spaces and vectors as rows: float32, little-endian, one BLOB per frame and space.

A space has a *revision* that counts the transactions that changed its vectors, so that a copy elsewhere can
tell whether it is up to date. All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.types import Float32, Int64

_BLOB = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as the catalog has it."""

    id: int
    space: EmbeddingSpace
    revision: int
    """Counts the transactions that added or removed vectors."""
    rewritten_at_revision: int
    """The last one that did more than add vectors to frames newer than all before."""


def ensure_space(connection: sqlite3.Connection, space: EmbeddingSpace) -> int:
    """The id of a space, added if it is new."""
    connection.execute(
        """
        INSERT INTO spaces (key, model, weights_digest, preprocessing, dim) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (space.key, space.model, space.weights_digest, space.preprocessing, space.dim),
    )
    return int(connection.execute("SELECT id FROM spaces WHERE key = ?", (space.key,)).fetchone()[0])


def spaces(connection: sqlite3.Connection) -> list[SpaceRow]:
    """All spaces, in the order in which they came."""
    rows = connection.execute(
        """
        SELECT id, model, weights_digest, preprocessing, dim, revision, rewritten_at_revision
        FROM spaces ORDER BY id
        """
    )
    return [
        SpaceRow(space_id, EmbeddingSpace(model, digest, preprocessing, dim), revision, rewritten)
        for space_id, model, digest, preprocessing, dim, revision, rewritten in rows
    ]


def space_row(connection: sqlite3.Connection, space: EmbeddingSpace) -> SpaceRow | None:
    """A space as the catalog has it, if it does."""
    row = connection.execute(
        "SELECT id, revision, rewritten_at_revision FROM spaces WHERE key = ?", (space.key,)
    ).fetchone()
    return SpaceRow(row[0], space, row[1], row[2]) if row else None


def set_video_spaces(connection: sqlite3.Connection, video_id: int, space_ids: Iterable[int]) -> None:
    """Note the spaces in which a video's frames have vectors."""
    connection.execute("DELETE FROM video_spaces WHERE video_id = ?", (video_id,))
    connection.executemany(
        "INSERT INTO video_spaces (video_id, space_id) VALUES (?, ?)",
        [(video_id, space_id) for space_id in space_ids],
    )


def video_space_ids(connection: sqlite3.Connection, video_id: int) -> list[int]:
    """Ids of the spaces in which a video's frames have vectors."""
    query = "SELECT space_id FROM video_spaces WHERE video_id = ? ORDER BY space_id"
    return [int(row[0]) for row in connection.execute(query, (video_id,))]


def spaces_of_video(connection: sqlite3.Connection, video_id: int) -> list[SpaceRow]:
    """The spaces in which a video's frames have vectors."""
    ids = set(video_space_ids(connection, video_id))
    return [row for row in spaces(connection) if row.id in ids]


def times_without_sound_vector(
    connection: sqlite3.Connection, video_id: int, space_id: int, dim: int
) -> list[float]:
    """Times (s) of a video's frames that should have a vector in a space, and have none that is sound."""
    rows = connection.execute(
        """
        SELECT f.time_seconds, f.is_blank, e.vector FROM frames f
        LEFT JOIN vectors e ON e.frame_id = f.id AND e.space_id = ?
        WHERE f.video_id = ? ORDER BY f.time_seconds
        """,
        (space_id, video_id),
    )
    return [time for time, is_blank, blob in rows if not _is_sound(blob, dim, is_blank=bool(is_blank))]


def _is_sound(blob: bytes | None, dim: int, *, is_blank: bool) -> bool:
    if blob is None:
        return is_blank
    return len(blob) == dim * _BLOB.itemsize and bool(np.isfinite(np.frombuffer(blob, _BLOB)).all())


def insert_vectors(
    connection: sqlite3.Connection,
    frame_id: int,
    vectors: Mapping[EmbeddingSpace, Float32],
    space_ids: Mapping[EmbeddingSpace, int],
) -> None:
    """Add a frame's vectors. Raises ValueError where one has not its space's shape or is not finite."""
    for space, vector in vectors.items():
        row = np.ascontiguousarray(vector, dtype=_BLOB)
        if row.shape != (space.dim,) or not np.isfinite(row).all():
            raise ValueError(f"A vector of {space.model} is not {space.dim} finite numbers: {row.shape}.")
        connection.execute(
            "INSERT INTO vectors (frame_id, space_id, vector) VALUES (?, ?, ?)",
            (frame_id, space_ids[space], row.tobytes()),
        )


def note_change(connection: sqlite3.Connection, space_ids: Iterable[int], *, rewrites: bool) -> None:
    """Count a transaction that changes the vectors of these spaces.

    `rewrites`: it did not only add vectors to frames newer than all before.
    """
    for space_id in space_ids:
        connection.execute("UPDATE spaces SET revision = revision + 1 WHERE id = ?", (space_id,))
        if rewrites:
            connection.execute("UPDATE spaces SET rewritten_at_revision = revision WHERE id = ?", (space_id,))


def count(connection: sqlite3.Connection, space_id: int) -> int:
    """The number of vectors in a space."""
    return int(
        connection.execute("SELECT count(*) FROM vectors WHERE space_id = ?", (space_id,)).fetchone()[0]
    )


def vectors_by_frame(
    connection: sqlite3.Connection, space_id: int, dim: int, frame_ids: Sequence[int]
) -> tuple[Int64, Float32]:
    """The vectors of these frames, in this order; frames without one are left out."""
    query = """
        SELECT frame_id, vector FROM vectors
        WHERE space_id = ? AND frame_id IN (SELECT value FROM json_each(?))
    """
    ids = json.dumps([int(frame_id) for frame_id in frame_ids])
    found = dict(connection.execute(query, (space_id, ids)).fetchall())
    kept = [int(frame_id) for frame_id in frame_ids if int(frame_id) in found]
    blobs = b"".join(found[frame_id] for frame_id in kept)
    return np.array(kept, dtype=np.int64), np.frombuffer(blobs, dtype=_BLOB).reshape(len(kept), dim).copy()


def batches(
    connection: sqlite3.Connection, space_id: int, dim: int, *, after_frame_id: int, num_rows: int
) -> Iterator[tuple[list[tuple[int, int, float]], Float32]]:
    """A space's vectors for frames after an id, by frame id, `num_rows` at a time.

    Yields (frame id, video id, time in seconds) per row, and the rows: float32 (n, dim).
    """
    cursor = connection.execute(
        """
        SELECT e.frame_id, f.video_id, f.time_seconds, e.vector
        FROM vectors e JOIN frames f ON f.id = e.frame_id
        WHERE e.frame_id > ? AND e.space_id = ? ORDER BY e.frame_id
        """,
        (after_frame_id, space_id),
    )
    while rows := cursor.fetchmany(num_rows):
        blobs = b"".join(row[3] for row in rows)
        yield [row[:3] for row in rows], np.frombuffer(blobs, dtype=_BLOB).reshape(len(rows), dim)
