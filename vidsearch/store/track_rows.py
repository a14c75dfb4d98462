"""SQL for tracks and their segments.

All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidsearch.store import line_vectors, segment_ids, vector_rows
from vidsearch.store.values import json_object, seconds_of, time_of
from vidsearch.store.video_rows import now
from vidsearch.tracks import WINDOW_KINDS, Segment, SegmentRecord, Track, TrackSpec

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.tracks import TrackState

_ONE_A_START = ("frames", "caption", "shot")
"""Kinds with at most one segment per start time: a segment with an existing start is the same segment."""
_WITH_OWN_ENDS = ("transcript", *WINDOW_KINDS)
"""Kinds whose segments have ends of their own, instead of ending where the next one starts."""
SEVERAL_AT_ONCE = ("ocr",)
"""Kinds whose segments may overlap within a track, each with its own end."""
_TRACK = """
    SELECT id, video_id, kind, producer, params, language, state, is_complete, done_until_seconds, created_at,
        num_segments
    FROM tracks
"""


# --- tracks -----------------------------------------------------------------------------------------


def tracks_of(connection: Connection, video_id: int) -> list[Track]:
    """A video's tracks, in the order in which they were begun."""
    rows = connection.execute(f"{_TRACK} WHERE video_id = ? ORDER BY id", (video_id,))
    return [_track(row) for row in rows]


def track(connection: Connection, track_id: int) -> Track | None:
    """The track with an id."""
    row = connection.execute(f"{_TRACK} WHERE id = ?", (track_id,)).fetchone()
    return None if row is None else _track(row)


def open_track(connection: Connection, video_id: int, spec: TrackSpec, *, again: bool = False) -> Track:
    """Return the active or building track with a spec, or create it. With `again`, ignore an active one.

    A new track is active at once if it replaces nothing; otherwise it is building.
    """
    here = tracks_of(connection, video_id)
    for known in here:
        is_shown_whole = known.state == "active" and known.is_complete
        if known.spec == spec and known.state != "superseded" and not (again and is_shown_whole):
            return known
    takes_a_place = any(known.state == "active" and spec.replaces(known.spec) for known in here)
    state: TrackState = "building" if takes_a_place else "active"
    (track_id,) = connection.execute(
        """
        INSERT INTO tracks (video_id, kind, producer, params, language, state, is_complete, created_at)
        VALUES (?, ?, ?, ?, ?, ?, FALSE, ?) RETURNING id
        """,
        (video_id, spec.kind, spec.producer, params_text(spec.params), spec.language, state, now()),
    ).fetchone()
    made = track(connection, track_id)
    assert made is not None
    return made


def advance(connection: Connection, track_id: int, until_seconds: float) -> None:
    """Set up to where a track is made."""
    query = "UPDATE tracks SET done_until_seconds = max(done_until_seconds, ?) WHERE id = ?"
    connection.execute(query, (until_seconds, track_id))


def rewind(connection: Connection, track_id: int, until_seconds: float) -> None:
    """Lower the time up to which a track is made, so that the next run continues there."""
    query = """
        UPDATE tracks SET is_complete = FALSE, done_until_seconds = min(done_until_seconds, ?) WHERE id = ?
    """
    connection.execute(query, (until_seconds, track_id))


def complete(connection: Connection, track_id: int, end_seconds: float) -> None:
    """Mark a track as complete, and extend its last segments to `end_seconds` if the last chunk cut them."""
    known = track(connection, track_id)
    if known is not None and known.kind in SEVERAL_AT_ONCE:
        until_seconds = known.done_until_seconds
        query = "UPDATE segments SET end_seconds = ? WHERE track_id = ? AND end_seconds = ?"
        connection.execute(query, (max(end_seconds, until_seconds), track_id, until_seconds))
    else:
        extend(connection, track_id, end_seconds)
    connection.execute(
        "UPDATE tracks SET is_complete = TRUE, done_until_seconds = max(done_until_seconds, ?) WHERE id = ?",
        (end_seconds, track_id),
    )


def mark_whole(connection: Connection, track_id: int) -> None:
    """Mark a track as complete, without changing its segments."""
    query = """
        UPDATE tracks SET is_complete = TRUE, done_until_seconds =
            coalesce((SELECT max(end_seconds) FROM segments WHERE track_id = tracks.id), 0)
        WHERE id = ?
    """
    connection.execute(query, (track_id,))


def cut(connection: Connection, track_id: int, from_seconds: float) -> None:
    """Remove a track's segments from a time on, so that the next run continues there."""
    _note_removal(connection, track_id, "start_seconds >= ?", (from_seconds,))
    connection.execute(
        "DELETE FROM segments WHERE track_id = ? AND start_seconds >= ?", (track_id, from_seconds)
    )
    connection.execute(
        "UPDATE segments SET end_seconds = min(end_seconds, ?) WHERE track_id = ? AND end_seconds > ?",
        (from_seconds, track_id, from_seconds),
    )
    rewind(connection, track_id, from_seconds)
    recount(connection, track_id)


def set_state(connection: Connection, track_id: int, state: TrackState) -> None:
    """Set a track's state."""
    known = track(connection, track_id)
    if known is None or known.state == state:
        return
    _note_removal(connection, track_id)
    connection.execute("UPDATE tracks SET state = ? WHERE id = ?", (state, track_id))
    runs = _runs_of_ids(connection, track_id) if state == "active" else []
    if runs:
        vector_rows.note_addition(connection, _spaces_of(connection, track_id), runs[0][0])


def _note_removal(
    connection: Connection, track_id: int, condition: str = "TRUE", values: Sequence[object] = ()
) -> None:
    """Record in all spaces with vectors of a track that its segments are no longer shown."""
    known = track(connection, track_id)
    if known is not None and known.state == "active":
        runs = _runs_of_ids(connection, track_id, condition, values)
        vector_rows.note_removal(connection, _spaces_of(connection, track_id), runs)


def _spaces_of(connection: Connection, track_id: int) -> list[int]:
    of_track = [each.row.id for each in vector_rows.spaces_of_track(connection, track_id)]
    return [*of_track, *line_vectors.spaces_of(connection, track_id)]


def _runs_of_ids(
    connection: Connection, track_id: int, condition: str = "TRUE", values: Sequence[object] = ()
) -> list[tuple[int, int]]:
    """The ids of a track's segments as ranges [first, end), ascending."""
    rows = connection.execute(
        f"""
        SELECT min(id), max(id) + 1 FROM (
            SELECT id, id - row_number() OVER (ORDER BY id) AS run FROM segments
            WHERE track_id = ? AND {condition}
        ) AS numbered
        GROUP BY run ORDER BY 1
        """,
        (track_id, *values),
    )
    return [(first, end) for first, end in rows]


def delete_track(connection: Connection, track_id: int) -> None:
    """Remove a track, and everything that belongs to it."""
    _note_removal(connection, track_id)
    connection.execute("DELETE FROM tracks WHERE id = ?", (track_id,))


def params_text(params: Mapping[str, Any]) -> str:
    """A track's params as stored in the catalog."""
    return json.dumps(dict(params), sort_keys=True, ensure_ascii=False)


def _track(row: Sequence[Any]) -> Track:
    track_id, video_id, kind, producer, params, language, state, is_complete, until, created_at, count = row
    return Track(
        id=track_id,
        video_id=video_id,
        spec=TrackSpec(
            kind=kind,
            producer=producer,
            params=json_object(params, "the params of a track"),
            language=language,
        ),
        state=state,
        is_complete=bool(is_complete),
        done_until_seconds=until,
        created_at=time_of(created_at, "the time of a track"),
        num_segments=count,
    )


# --- segments ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inserted:
    """A segment of a chunk, with its id."""

    segment_id: int
    record: SegmentRecord
    is_new: bool


def segments_of(connection: Connection, track_id: int) -> list[Segment]:
    """A track's segments, by start."""
    query = """
        SELECT id, track_id, start_seconds, end_seconds, text, attributes FROM segments
        WHERE track_id = ? ORDER BY start_seconds, end_seconds, id
    """
    return [_segment(row) for row in connection.execute(query, (track_id,))]


def extend(connection: Connection, track_id: int, until_seconds: float) -> None:
    """Extend the last segment to a time, if the end of the last chunk cut it."""
    known = track(connection, track_id)
    if known is None or known.kind in _WITH_OWN_ENDS:
        return
    connection.execute(
        """
        UPDATE segments SET end_seconds = max(start_seconds, ?)
        WHERE track_id = ?
            AND start_seconds = (SELECT max(start_seconds) FROM segments WHERE track_id = ?)
            AND end_seconds = (SELECT done_until_seconds FROM tracks WHERE id = ?)
        """,
        (until_seconds, track_id, track_id, track_id),
    )


def insert_segments(connection: Connection, into: Track, records: Sequence[SegmentRecord]) -> list[Inserted]:
    """Add segments to a track, in order of time. Existing segments with the same start are kept."""
    if not records:
        return []
    by_start = into.kind in _ONE_A_START
    known = _ids_by_start(connection, into.id, records[0].start_seconds, records[-1].start_seconds)
    records = [record for record in records if not _is_continued(connection, into, record)]
    new = [record for record in records if not (by_start and record.start_seconds in known)]
    ids = iter(segment_ids.take(connection, into.kind, len(new), is_human=into.is_human)) if new else iter(())
    inserted, rows = [], []
    for record in records:
        is_new = not (by_start and record.start_seconds in known)
        segment_id = next(ids) if is_new else known[record.start_seconds]
        inserted.append(Inserted(segment_id, record, is_new))
        if is_new:
            known[record.start_seconds] = segment_id
            carried_over = {"carried_over": True} if record.continues else {}
            attributes = attributes_text({**record.attributes, **carried_over})
            rows.append(
                (segment_id, into.id, record.start_seconds, record.end_seconds, record.text, attributes)
            )
    connection.executemany(
        """
        INSERT INTO segments (id, track_id, start_seconds, end_seconds, text, attributes)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        rows,
    )
    connection.executemany(
        "INSERT INTO thumbnails (segment_id, jpeg) VALUES (?, ?)",
        [
            (each.segment_id, each.record.thumbnail_jpeg)
            for each in inserted
            if each.is_new and each.record.thumbnail_jpeg is not None
        ],
    )
    connection.index_words([(row[0], row[4]) for row in rows if row[4] is not None])
    connection.execute("UPDATE tracks SET num_segments = num_segments + ? WHERE id = ?", (len(rows), into.id))
    return inserted


def delete_segments(
    connection: Connection,
    track_id: int,
    *,
    from_seconds: float = -math.inf,
    to_seconds: float = math.inf,
) -> None:
    """Remove a track's segments that overlap [from, to), and everything that belongs to them."""
    _note_removal(connection, track_id, "end_seconds > ? AND start_seconds < ?", (from_seconds, to_seconds))
    connection.execute(
        "DELETE FROM segments WHERE track_id = ? AND end_seconds > ? AND start_seconds < ?",
        (track_id, from_seconds, to_seconds),
    )
    recount(connection, track_id)


def recount(connection: Connection, track_id: int) -> None:
    """Update a track's number of segments."""
    query = """
        UPDATE tracks SET num_segments = (SELECT count(*) FROM segments WHERE track_id = tracks.id)
        WHERE id = ?
    """
    connection.execute(query, (track_id,))


def attributes_text(attributes: Mapping[str, Any]) -> str | None:
    """A segment's attributes as stored in the catalog; None (NULL) if there are none."""
    return json.dumps(dict(attributes), ensure_ascii=False) if attributes else None


def attributes_of(text: str | None) -> dict[str, Any]:
    """Parse what `attributes_text` returned."""
    return {} if text is None else json_object(text, "the attributes of a segment")


def _ids_by_start(
    connection: Connection, track_id: int, first_seconds: float, last_seconds: float
) -> dict[float, int]:
    query = "SELECT start_seconds, id FROM segments WHERE track_id = ? AND start_seconds BETWEEN ? AND ?"
    return dict(connection.execute(query, (track_id, first_seconds, last_seconds)).fetchall())


def _is_continued(connection: Connection, of: Track, record: SegmentRecord) -> bool:
    """Extend the segment that a record continues, if there is one: it ends where the record starts.

    That is the track's last segment, or, for kinds with overlapping segments, the one with equal content.
    """
    if not record.continues:
        return False
    is_it = "start_seconds = (SELECT max(start_seconds) FROM segments WHERE track_id = ?)"
    value: int | str | None = of.id
    if of.kind in SEVERAL_AT_ONCE:
        is_it, value = "attributes = ?", attributes_text(record.attributes)
    cursor = connection.execute(
        f"""
        UPDATE segments SET end_seconds = ?
        WHERE track_id = ? AND end_seconds = ? AND text = ? AND {is_it}
        """,
        (record.end_seconds, of.id, record.start_seconds, record.text, value),
    )
    return cursor.rowcount > 0


def _segment(row: Sequence[Any]) -> Segment:
    segment_id, track_id, start, end, text, attributes = row
    start, end = seconds_of(start, "the time of a segment"), seconds_of(end, "the end of a segment")
    return Segment(segment_id, track_id, start, end, text, attributes_of(attributes))


def set_track(
    connection: Connection, video_id: int, spec: TrackSpec, records: Iterable[SegmentRecord]
) -> int:
    """Store a complete track, and delete the one that it replaces. Returns its id."""
    for known in tracks_of(connection, video_id):
        if known.spec == spec or spec.replaces(known.spec):
            delete_track(connection, known.id)
    made = open_track(connection, video_id, spec)
    ordered = sorted(records, key=lambda record: (record.start_seconds, record.end_seconds))
    insert_segments(connection, made, ordered)
    mark_whole(connection, made.id)
    return made.id
