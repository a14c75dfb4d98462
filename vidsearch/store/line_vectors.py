"""SQL for vectors of lines of text: a space for one kind of track, filled after its lines are stored.

Lines are added and removed with their tracks, and people edit theirs, so tracks do not record how far their
lines have vectors: a line without a vector still needs one. All functions take a connection; none begins or
ends a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidsearch.store import segment_ids, vector_rows
from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.ids import selected_ids
from vidsearch.tracks import WINDOW_KINDS

if TYPE_CHECKING:
    from vidsearch.tracks import TrackKind, WordKind
    from vidsearch.types import EmbeddingSpace, Float32

_NO_WORDS: tuple[TrackKind, ...] = ("frames", *WINDOW_KINDS)
_HERE = f"SELECT id FROM segments WHERE id IN {LISTED}"


def spaces_of(connection: Connection, track_id: int) -> list[int]:
    """The ids of the spaces of lines of a track's kind; none for kinds without text."""
    rows = connection.execute(
        f"""
        SELECT s.id FROM spaces s JOIN tracks t ON t.kind = s.kind
        WHERE t.id = ? AND s.kind NOT IN ({", ".join("?" * len(_NO_WORDS))}) ORDER BY s.id
        """,
        (track_id, *_NO_WORDS),
    )
    return [int(row[0]) for row in rows]


def lacking(
    connection: Connection, space_id: int, words: Sequence[WordKind], *, num_lines: int, after: int = 0
) -> list[tuple[int, str]]:
    """Ids and texts of active or building segments of these kinds that have no vector in a space.

    By id, starting above `after`.
    """
    found: list[tuple[int, str]] = []
    for first, end in sorted(segment_ids.id_range(each.kind, is_human=each.is_human) for each in words):
        rows = connection.execute(
            """
            SELECT s.id, s.text FROM segments s JOIN tracks t ON t.id = s.track_id
            WHERE s.id >= ? AND s.id < ? AND t.state <> 'superseded' AND s.text <> '' AND NOT EXISTS
                (SELECT 1 FROM vectors e WHERE e.segment_id = s.id AND e.space_id = ?)
            ORDER BY s.id LIMIT ?
            """,
            (max(first, after + 1), end, space_id, num_lines - len(found)),
        )
        found += rows.fetchall()
    return found


def add(connection: Connection, space: EmbeddingSpace, line_ids: Sequence[int], vectors: Float32) -> None:
    """Add vectors of lines, (n, dim). Lines that have been removed are ignored.

    Raises ValueError as `vector_rows.insert_vectors` does.
    """
    here = set(selected_ids(connection, _HERE, [json.dumps([int(each) for each in line_ids])]).tolist())
    rows = [(int(each), space, row) for each, row in zip(line_ids, vectors, strict=True) if int(each) in here]
    if not rows:
        return
    space_id = vector_rows.ensure_space(connection, space)
    first_id = min(row[0] for row in rows)
    is_behind = _has_vectors_from(connection, space_id, space.kind, first_id)
    vector_rows.insert_vectors(connection, rows, {space: space_id})
    if is_behind:
        vector_rows.note_addition(connection, [space_id], first_id)
    else:
        vector_rows.note_change(connection, [space_id], rewrites=False)


def _has_vectors_from(connection: Connection, space_id: int, kind: TrackKind, segment_id: int) -> bool:
    """Whether a space has a vector of a segment of its kind with this id or a greater one."""
    query = """
        SELECT EXISTS (SELECT 1 FROM vectors WHERE space_id = ? AND segment_id >= ? AND segment_id < ?)
    """
    ranges = [segment_ids.id_range(kind, is_human=is_human) for is_human in (False, True)]
    return any(
        connection.execute(query, (space_id, max(segment_id, first), end)).fetchone()[0]
        for first, end in ranges
    )


def unsound(connection: Connection, row: vector_rows.SpaceRow) -> list[int]:
    """Lines whose vectors in a space are corrupt; none if it is not a space of lines of text."""
    if row.space.kind in _NO_WORDS:
        return []
    query = "SELECT segment_id, vector FROM vectors WHERE space_id = ? ORDER BY segment_id"
    found = connection.execute(query, (row.id,))
    return [segment_id for segment_id, blob in found if not vector_rows.is_sound(blob, row.space.dim)]
