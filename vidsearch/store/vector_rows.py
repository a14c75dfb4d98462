"""SQL for spaces and vectors. A vector is float32, little-endian, one BLOB per segment and space.

A space has a *revision*, which counts the transactions that changed its vectors, so that vector files can be
checked for being up to date. All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.similarity import is_unit
from vidsearch.store.values import dim_of
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.tracks import TrackKind, TrackState
    from vidsearch.types import Float32, Int64

_BLOB = np.dtype("<f4")
_MOST_NOTED = 10_000
"""How many removals and additions are recorded for a space. Vector files further behind are rebuilt."""
_SPACE_COLUMNS = """
    s.id, s.model, s.weights_digest, s.preprocessing, s.dim, s.kind, s.revision,
    s.rewritten_at_revision, s.state
"""


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space in the catalog."""

    id: int
    space: EmbeddingSpace
    revision: int
    """Counts the transactions that added or removed vectors."""
    rewritten_at_revision: int
    """The last revision that did more than add vectors of segments newer than all others."""
    state: TrackState = "active"
    """`active` if it is searched, `building` while an upgrade fills it."""


@dataclass(frozen=True, slots=True)
class TrackSpace:
    """A space in which a track's segments have vectors."""

    row: SpaceRow
    is_complete: bool
    done_until_seconds: float


def ensure_space(connection: Connection, space: EmbeddingSpace) -> int:
    """The id of a space, added if it is new."""
    connection.execute(
        """
        INSERT INTO spaces (key, model, weights_digest, preprocessing, dim, kind) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (space.key, space.model, space.weights_digest, space.preprocessing, space.dim, space.kind),
    )
    return int(connection.execute("SELECT id FROM spaces WHERE key = ?", (space.key,)).fetchone()[0])


def spaces(
    connection: Connection, state: TrackState | None = None, kind: TrackKind | None = None
) -> list[SpaceRow]:
    """All spaces, or those of a state and of a kind of segments, in the order in which they were added."""
    rows = connection.execute(
        f"""
        SELECT {_SPACE_COLUMNS} FROM spaces s
        WHERE coalesce(?, s.state) = s.state AND coalesce(?, s.kind) = s.kind ORDER BY s.id
        """,
        (state, kind),
    )
    return [_space_row(row) for row in rows]


def space_row(connection: Connection, space: EmbeddingSpace) -> SpaceRow | None:
    """A space in the catalog, or None."""
    row = connection.execute(
        f"SELECT {_SPACE_COLUMNS} FROM spaces s WHERE s.key = ?", (space.key,)
    ).fetchone()
    return None if row is None else _space_row(row)


def _space_row(row: Sequence[Any]) -> SpaceRow:
    space_id, model, digest, preprocessing, dim, kind, revision, rewritten, state, *_ = row
    space = EmbeddingSpace(model, digest, preprocessing, dim_of(dim), kind)
    return SpaceRow(space_id, space, revision, rewritten, state)


def open_spaces(connection: Connection, track_id: int, spaces: Iterable[EmbeddingSpace]) -> None:
    """Add spaces in which a track's segments are to get vectors."""
    for space in spaces:
        connection.execute(
            """
            INSERT INTO track_spaces (track_id, space_id, is_complete) VALUES (?, ?, FALSE)
            ON CONFLICT DO NOTHING
            """,
            (track_id, ensure_space(connection, space)),
        )


def spaces_of_track(connection: Connection, track_id: int) -> list[TrackSpace]:
    """The spaces in which a track's segments have vectors, or are to get them."""
    rows = connection.execute(
        f"""
        SELECT {_SPACE_COLUMNS}, k.is_complete, k.done_until_seconds
        FROM track_spaces k JOIN spaces s ON s.id = k.space_id WHERE k.track_id = ? ORDER BY s.id
        """,
        (track_id,),
    )
    return [TrackSpace(_space_row(row), bool(row[-2]), row[-1]) for row in rows]


def window_tracks_of(connection: Connection, space_id: int) -> list[int]:
    """The tracks of windows that were made for a space's model, and are useless without its vectors."""
    rows = connection.execute(
        """
        SELECT t.id FROM track_spaces k JOIN tracks t ON t.id = k.track_id
        WHERE k.space_id = ? AND t.kind <> 'frames' ORDER BY t.id
        """,
        (space_id,),
    )
    return [int(row[0]) for row in rows]


def advance_spaces(
    connection: Connection, track_id: int, space_ids: Iterable[int], until_seconds: float
) -> None:
    """Set up to where a track's segments have vectors in spaces."""
    connection.executemany(
        """
        UPDATE track_spaces SET done_until_seconds = max(done_until_seconds, ?)
        WHERE track_id = ? AND space_id = ?
        """,
        [(until_seconds, track_id, space_id) for space_id in space_ids],
    )


def complete_spaces(connection: Connection, track_id: int, space_ids: Iterable[int]) -> None:
    """Mark a track's segments as having all their vectors in spaces."""
    connection.executemany(
        "UPDATE track_spaces SET is_complete = TRUE WHERE track_id = ? AND space_id = ?",
        [(track_id, space_id) for space_id in space_ids],
    )


def rewind_spaces(connection: Connection, track_id: int, until_seconds: float) -> None:
    """Lower the time up to which a track's segments have vectors."""
    connection.execute(
        """
        UPDATE track_spaces SET is_complete = FALSE, done_until_seconds = min(done_until_seconds, ?)
        WHERE track_id = ?
        """,
        (until_seconds, track_id),
    )


def cut(connection: Connection, track_id: int, space_ids: Iterable[int], from_seconds: float) -> None:
    """Remove a track's vectors in spaces from a time on, so that the next run continues there."""
    for space_id in space_ids:
        connection.execute(
            """
            DELETE FROM vectors WHERE space_id = ? AND segment_id IN
                (SELECT id FROM segments WHERE track_id = ? AND start_seconds >= ?)
            """,
            (space_id, track_id, from_seconds),
        )
        connection.execute(
            """
            UPDATE track_spaces SET is_complete = FALSE, done_until_seconds = min(done_until_seconds, ?)
            WHERE track_id = ? AND space_id = ?
            """,
            (from_seconds, track_id, space_id),
        )


def set_state(connection: Connection, space_id: int, state: TrackState) -> None:
    """Set whether a space is searched."""
    connection.execute("UPDATE spaces SET state = ? WHERE id = ?", (state, space_id))


def delete_space(connection: Connection, space_id: int) -> int:
    """Remove a space with its vectors. Returns the number of vectors."""
    num_vectors = connection.execute("DELETE FROM vectors WHERE space_id = ?", (space_id,)).rowcount
    connection.execute("DELETE FROM track_spaces WHERE space_id = ?", (space_id,))
    connection.execute("DELETE FROM vector_removals WHERE space_id = ?", (space_id,))
    connection.execute("DELETE FROM vector_additions WHERE space_id = ?", (space_id,))
    connection.execute("DELETE FROM spaces WHERE id = ?", (space_id,))
    return num_vectors


def times_without_sound_vector(connection: Connection, track_id: int, space_id: int, dim: int) -> list[float]:
    """Times (s) of a track's segments whose vector in a space is missing or corrupt."""
    rows = connection.execute(
        """
        SELECT f.start_seconds, f.attributes, e.vector FROM segments f
        LEFT JOIN vectors e ON e.segment_id = f.id AND e.space_id = ?
        WHERE f.track_id = ? ORDER BY f.start_seconds
        """,
        (space_id, track_id),
    )
    return [
        time
        for time, attributes, blob in rows
        if not (attributes is not None if blob is None else is_sound(blob, dim))
    ]


def delete_vectors(connection: Connection, space_id: int, segment_ids: Iterable[int]) -> None:
    """Remove the vectors of these segments in a space."""
    connection.executemany(
        "DELETE FROM vectors WHERE space_id = ? AND segment_id = ?",
        [(space_id, segment_id) for segment_id in segment_ids],
    )


def is_sound(blob: bytes, dim: int) -> bool:
    """Whether a row's bytes are a vector of length one."""
    return len(blob) == dim * _BLOB.itemsize and is_unit(np.frombuffer(blob, _BLOB), dim)


def insert_vectors(
    connection: Connection,
    rows: Iterable[tuple[int, EmbeddingSpace, Float32]],
    space_ids: Mapping[EmbeddingSpace, int],
) -> None:
    """Add vectors of segments. Existing vectors are kept.

    Raises ValueError if a vector does not have its space's shape, is not finite, or is not of length one.
    """
    values = []
    for segment_id, space, vector in rows:
        row = np.ascontiguousarray(vector, dtype=_BLOB)
        if not is_unit(row, space.dim):
            raise ValueError(
                f"A vector of {space.model} is not {space.dim} finite numbers of length one together: "
                f"shape {row.shape}."
            )
        values.append((segment_id, space_ids[space], row.tobytes()))
    connection.executemany(
        "INSERT INTO vectors (segment_id, space_id, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values
    )


def note_change(connection: Connection, space_ids: Iterable[int], *, rewrites: bool) -> None:
    """Record a transaction that changes vectors of spaces.

    `rewrites`: it does more than add vectors of segments newer than all others.
    """
    for space_id in space_ids:
        connection.execute("UPDATE spaces SET revision = revision + 1 WHERE id = ?", (space_id,))
        if rewrites:
            connection.execute("UPDATE spaces SET rewritten_at_revision = revision WHERE id = ?", (space_id,))


def note_addition(connection: Connection, space_ids: Iterable[int], first_segment_id: int) -> None:
    """Record a transaction that adds vectors of segments from `first_segment_id` on to spaces.

    There may be newer segments already. Vector files that contain such a segment have to be rebuilt.
    """
    for space_id in space_ids:
        note_change(connection, [space_id], rewrites=False)
        connection.execute(
            """
            INSERT INTO vector_additions (space_id, revision, first_segment_id)
            SELECT id, revision, ? FROM spaces WHERE id = ?
            """,
            (first_segment_id, space_id),
        )
        _forget_if_many(connection, space_id, "vector_additions")


def note_removal(
    connection: Connection, space_ids: Iterable[int], segments: Sequence[tuple[int, int]]
) -> None:
    """Record a transaction that only removes vectors from spaces.

    Args:
        connection: The catalog's.
        space_ids: The spaces.
        segments: Ranges [first, end) of the ids of removed segments.
    """
    for space_id in space_ids:
        note_change(connection, [space_id], rewrites=False)
        (revision,) = connection.execute("SELECT revision FROM spaces WHERE id = ?", (space_id,)).fetchone()
        connection.executemany(
            """
            INSERT INTO vector_removals (space_id, revision, first_segment_id, end_segment_id)
            VALUES (?, ?, ?, ?)
            """,
            [(space_id, revision, first, end) for first, end in segments],
        )
        _forget_if_many(connection, space_id, "vector_removals")


def _forget_if_many(connection: Connection, space_id: int, table: str) -> None:
    """Drop the records of a space if there are too many, so that outdated vector files are rebuilt."""
    (noted,) = connection.execute(f"SELECT count(*) FROM {table} WHERE space_id = ?", (space_id,)).fetchone()
    if noted > _MOST_NOTED:
        connection.execute(f"DELETE FROM {table} WHERE space_id = ?", (space_id,))
        connection.execute("UPDATE spaces SET rewritten_at_revision = revision WHERE id = ?", (space_id,))


def first_addition_after(connection: Connection, space_id: int, revision: int) -> int | None:
    """The first segment whose vector was added to a space after a revision, other than newest ones."""
    row = connection.execute(
        "SELECT min(first_segment_id) FROM vector_additions WHERE space_id = ? AND revision > ?",
        (space_id, revision),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def removals_after(connection: Connection, space_id: int, revision: int) -> list[tuple[int, int]]:
    """Ranges [first, end) of segments whose vectors in a space were removed after a revision."""
    rows = connection.execute(
        """
        SELECT first_segment_id, end_segment_id FROM vector_removals
        WHERE space_id = ? AND revision > ? ORDER BY first_segment_id
        """,
        (space_id, revision),
    )
    return [(first, end) for first, end in rows]


def count(connection: Connection, space_id: int) -> int:
    """The number of vectors in a space."""
    return int(
        connection.execute("SELECT count(*) FROM vectors WHERE space_id = ?", (space_id,)).fetchone()[0]
    )


def vectors_by_frame(
    connection: Connection, space_id: int, dim: int, frame_ids: Sequence[int]
) -> tuple[Int64, Float32]:
    """The vectors of frames, in the given order. Frames without one are left out."""
    query = f"""
        SELECT segment_id, vector FROM vectors
        WHERE space_id = ? AND segment_id IN {LISTED}
    """
    ids = json.dumps([int(frame_id) for frame_id in frame_ids])
    found = {
        segment_id: blob
        for segment_id, blob in connection.execute(query, (space_id, ids))
        if len(blob) == dim * _BLOB.itemsize
    }
    kept = [int(frame_id) for frame_id in frame_ids if int(frame_id) in found]
    blobs = b"".join(found[frame_id] for frame_id in kept)
    return np.array(kept, dtype=np.int64), np.frombuffer(blobs, dtype=_BLOB).reshape(len(kept), dim).copy()


def batches(
    connection: Connection, space_id: int, dim: int, *, after_segment_id: int, num_rows: int
) -> Iterator[tuple[list[tuple[int, int, float]], Float32]]:
    """A space's vectors for the segments of active tracks after an id, by id, `num_rows` at a time.

    Yields (segment id, video id, start in seconds) per row, and the rows: float32 (n, dim).
    """
    query = """
        SELECT e.segment_id, t.video_id, s.start_seconds, e.vector
        FROM vectors e JOIN segments s ON s.id = e.segment_id JOIN tracks t ON t.id = s.track_id
        WHERE e.segment_id > ? AND e.space_id = ? AND t.state = 'active' ORDER BY e.segment_id LIMIT ?
    """
    while found := connection.execute(query, (after_segment_id, space_id, num_rows)).fetchall():
        after_segment_id = found[-1][0]
        # A vector of another size is corrupt: `verify` reports it, and searches ignore it.
        rows = [row for row in found if len(row[3]) == dim * _BLOB.itemsize]
        blobs = b"".join(row[3] for row in rows)
        yield [row[:3] for row in rows], np.frombuffer(blobs, dtype=_BLOB).reshape(len(rows), dim)
