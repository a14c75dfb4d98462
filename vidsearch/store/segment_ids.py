"""Ids of segments: each kind of track has its own range.

The high bits of an id hold the kind, and whether a person wrote the segment. So a full-text search in one
kind is a range of row ids, for which FTS5 reads no rows of other kinds, and ids of frames, which people see,
are small numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vidsearch.tracks import TrackKind

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

KIND_BITS = 40
"""Each kind has 2**40 ids. All ids are below 2**53, so that JSON numbers represent them exactly."""
_HUMAN = 32
_NUMBERS: dict[TrackKind, int] = {
    "frames": 0,
    "caption": 1,
    "shot": 2,
    "transcript": 3,
    "ocr": 4,
    "subtitle": 5,
    "chapter": 6,
    "sound": 7,
    "clip": 8,
    "label": 9,
}
assert set(_NUMBERS) == set(get_args(TrackKind))


def id_range(kind: TrackKind, *, is_human: bool = False) -> tuple[int, int]:
    """Return the range of ids [first, end) of a kind's segments by models, or by people."""
    number = _NUMBERS[kind] + (_HUMAN if is_human else 0)
    return number << KIND_BITS, (number + 1) << KIND_BITS


def kind_of(segment_id: int) -> tuple[TrackKind, bool]:
    """Return the kind of a segment, and whether a person wrote it."""
    number = segment_id >> KIND_BITS
    kinds = {value: kind for kind, value in _NUMBERS.items()}
    return kinds[number % _HUMAN], number >= _HUMAN


def take(connection: Connection, kind: TrackKind, count: int, *, is_human: bool = False) -> range:
    """Allocate `count` ids of a kind, ascending. Ids of removed segments are never used again."""
    first, _ = id_range(kind, is_human=is_human)
    (after,) = connection.execute(
        """
        INSERT INTO segment_ids (first_id, next_id) VALUES (?, ?)
        ON CONFLICT (first_id) DO UPDATE SET next_id = segment_ids.next_id + ? RETURNING next_id
        """,
        (first, max(first, 1) + count, count),
    ).fetchone()
    return range(after - count, after)
