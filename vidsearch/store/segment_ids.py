"""Numbers of segments: each kind of track has a range of them.

The kind stands in the high bits of a segment's id, and beside it whether a person wrote the segment. So a
search of words in one kind is a range of row ids, which FTS5 follows without reading the rows of other kinds,
and a frame's id is the small number that people see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vidsearch.tracks import TrackKind

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

KIND_BITS = 40
"""A kind has room for 2**40 segments. Every id stays below 2**53, which JSON numbers hold exactly."""
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
    """Return the ids [first, end) of the segments of a kind that models, or people, made."""
    number = _NUMBERS[kind] + (_HUMAN if is_human else 0)
    return number << KIND_BITS, (number + 1) << KIND_BITS


def kind_of(segment_id: int) -> tuple[TrackKind, bool]:
    """Return the kind of a segment, and whether a person wrote it."""
    number = segment_id >> KIND_BITS
    kinds = {value: kind for kind, value in _NUMBERS.items()}
    return kinds[number % _HUMAN], number >= _HUMAN


def take(connection: Connection, kind: TrackKind, count: int, *, is_human: bool = False) -> range:
    """Take `count` new ids of a kind, ascending. An id is never used twice, not even after a removal."""
    first, _ = id_range(kind, is_human=is_human)
    (after,) = connection.execute(
        """
        INSERT INTO segment_ids (first_id, next_id) VALUES (?, ?)
        ON CONFLICT (first_id) DO UPDATE SET next_id = segment_ids.next_id + ? RETURNING next_id
        """,
        (first, max(first, 1) + count, count),
    ).fetchone()
    return range(after - count, after)
