"""Checks the values in a catalog's rows, beyond the types that the database enforces.

Each invalid value is reported with its row. Repairing replaces it with as little loss as possible: a time by
the current one, a sampling plan by the default one. Other values are removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from vidsearch.errors import LibraryDamaged
from vidsearch.store import segment_ids, setting_rows, track_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.connection import Connection
from vidsearch.store.records import Problem
from vidsearch.store.segment_ids import KIND_BITS
from vidsearch.store.tables import tables
from vidsearch.store.values import MAX_SECONDS, json_object, plan_of, seconds_of, time_of
from vidsearch.store.video_rows import now
from vidsearch.tracks import TrackKind
from vidsearch.types import SamplingPlan


@dataclass(frozen=True, slots=True)
class _Column:
    """A column whose values have to satisfy more than its type."""

    table: str
    name: str
    is_sound: Callable[[object], bool]
    mended: Callable[[], object] | None
    """Returns the replacement; None removes the row."""
    what_was_done: str
    where: str = "TRUE"


def _reads(read: Callable[[str], object]) -> Callable[[object], bool]:
    def is_sound(value: object) -> bool:
        try:
            read(str(value))
        except LibraryDamaged:
            return False
        return True

    return is_sound


def _is_number(low: float, end: float) -> Callable[[object], bool]:
    return lambda value: isinstance(value, float | int) and low <= value < end


def _zero() -> int:
    return 0


def _nothing() -> None:
    return None


def _is_holder(value: object) -> bool:
    """Whether it names a process as `leases` does: host, pid, start."""
    parts = str(value).split("/")
    return len(parts) == 3 and parts[1].isdecimal() and re.fullmatch(r"\d+(\.\d+)?", parts[2]) is not None


_MAX_CLOCK = 1e11
"""Unix seconds: about three thousand years from 1970."""
_IS_LENGTH = _is_number(0, MAX_SECONDS)
_IS_TIME_HERE = _is_number(-MAX_SECONDS, MAX_SECONDS)
_IS_CLOCK = _is_number(-_MAX_CLOCK, _MAX_CLOCK)
_IS_COUNT = _is_number(0, 2**53)
_OF_LABELS = "track_id IN (SELECT id FROM tracks WHERE kind = 'label')"


_SECONDS = _reads(lambda text: seconds_of(float(text), ""))
_TIME = _reads(lambda text: time_of(text, ""))
_OBJECT = _reads(lambda text: json_object(text, ""))
_PLAN = _reads(lambda text: plan_of(json_object(text, "")))
_COLUMNS = (
    _Column("videos", "indexed_at", _TIME, now, "set it to now"),
    _Column("videos", "created_at", _TIME, _nothing, "forgot it", "created_at IS NOT NULL"),
    _Column("videos", "duration_seconds", _IS_LENGTH, _nothing, "forgot it", "duration_seconds IS NOT NULL"),
    _Column("videos", "frame_rate", _is_number(0, 1e6), _nothing, "forgot it", "frame_rate IS NOT NULL"),
    *(
        _Column("videos", name, _IS_COUNT, _zero, "set it to 0")
        for name in ("size_bytes", "width", "height", "num_audio_tracks")
    ),
    _Column("videos", "rotation_degrees", _is_number(-360, 361), _zero, "set it to 0"),
    _Column("videos", "recorded_unix_seconds", _IS_CLOCK, _zero, "set it to 1970"),
    _Column("videos", "recorded_local_seconds", _IS_CLOCK, _zero, "set it to 1970"),
    _Column("failures", "failed_at", _TIME, now, "set it to now"),
    _Column("tracks", "created_at", _TIME, now, "set it to now"),
    _Column("tracks", "done_until_seconds", _IS_TIME_HERE, _zero, "set it to 0"),
    _Column(
        "tracks",
        "params",
        _PLAN,
        lambda: json.dumps(asdict(SamplingPlan()), sort_keys=True),
        "took the default sampling plan for it",
        "kind = 'frames'",
    ),
    _Column("tracks", "params", _OBJECT, lambda: "{}", "forgot it", "kind <> 'frames'"),
    _Column("track_spaces", "done_until_seconds", _IS_TIME_HERE, _zero, "set it to 0"),
    _Column("segments", "start_seconds", _SECONDS, lambda: 0.0, "set it to 0"),
    _Column("segments", "end_seconds", _SECONDS, lambda: 0.0, "set it to 0"),
    _Column("segments", "attributes", _OBJECT, _nothing, "forgot it", "attributes IS NOT NULL"),
    _Column("segments", "text", bool, None, "removed it; `vidsearch label` finds them again", _OF_LABELS),
    _Column("leases", "holder", _is_holder, _nothing, "gave it back", "holder IS NOT NULL"),
    _Column("leases", "expires_unix_seconds", _IS_CLOCK, _zero, "let it expire"),
    _Column("leases", "deaths", _IS_COUNT, _zero, "set it to 0"),
    _Column("concepts", "created_at", _TIME, now, "set it to now"),
    _Column("concepts", "changed_at", _TIME, now, "set it to now"),
    _Column(
        "concept_examples", "time_seconds", _IS_TIME_HERE, _nothing, "forgot it", "time_seconds IS NOT NULL"
    ),
    _Column("alert_rules", "seen_frame_id", _IS_COUNT, _zero, "set it to 0"),
    _Column("alerts", "start_seconds", _IS_TIME_HERE, _zero, "set it to 0"),
    _Column("alerts", "end_seconds", _IS_TIME_HERE, _zero, "set it to 0"),
    _Column("alerts", "created_at", _TIME, now, "set it to now"),
    _Column("alerts", "event", _OBJECT, None, "removed the alert"),
    _Column("alert_deliveries", "attempts", _IS_COUNT, _zero, "set it to 0"),
    _Column("alert_deliveries", "due_unix_seconds", _IS_CLOCK, _zero, "made it due"),
    _Column("alert_deliveries", "delivered_at", _TIME, now, "set it to now", "delivered_at IS NOT NULL"),
)

_DERIVED = (
    (
        "segments",
        "end_seconds",
        "CASE WHEN end_seconds < start_seconds THEN start_seconds ELSE end_seconds END",
        "let it end where it begins",
    ),
    (
        "segment_ids",
        "next_id",
        f"""coalesce((
            SELECT s.id + 1 FROM segments s
            WHERE s.id >= segment_ids.next_id AND s.id < segment_ids.first_id + {1 << KIND_BITS}
            ORDER BY s.id DESC LIMIT 1
        ), next_id)""",
        "took the number after the last one",
    ),
    (
        "tracks",
        "num_segments",
        "(SELECT count(*) FROM segments s WHERE s.track_id = tracks.id)",
        "counted them again",
    ),
    (
        "spaces",
        "dim",
        """coalesce((
            SELECT length(v.vector) / 4 FROM vectors v
            WHERE v.space_id = spaces.id AND length(v.vector) BETWEEN 4 AND 4 * 65536
            GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
        ), dim)""",
        "took the size that most of its vectors have",
    ),
    (
        "spaces",
        "kind",
        """coalesce((
            SELECT t.kind FROM vectors v
            JOIN segments s ON s.id = v.segment_id JOIN tracks t ON t.id = s.track_id
            WHERE v.space_id = spaces.id LIMIT 1
        ), kind)""",
        "took the kind of the segments that its vectors are of",
    ),
)
"""Derived columns: table, column, the value that follows from other rows, and what repairing does."""


def damaged_values(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Yield invalid values, and with `repair`, what was done about each."""
    with catalog.read() as connection:
        try:
            setting_rows.models(connection)
        except LibraryDamaged as error:
            problem, has_models = str(error), False
        else:
            problem, has_models = "", True
        damaged = [(column, row) for column in _COLUMNS for row in _rows(connection, column)]
    if not has_models:
        if repair:
            with catalog.write() as connection:
                setting_rows.delete(connection, setting_rows.MODELS)
        yield Problem(
            "value", problem, "forgot the models; the next `index` chooses them" if repair else None
        )
    for column, (key, value) in damaged:
        if repair:
            with catalog.write() as connection:
                _mend(connection, column, key)
        what = f"{column.table} {_shown(key)}: {column.name} cannot be {str(value)[:60]!r}."
        yield Problem("value", what, column.what_was_done if repair else None)
    yield from _kinds(catalog, repair=repair)
    for table, name, value, what_was_done in _DERIVED:
        (key_name,) = _key(table)
        with catalog.read() as connection:
            wrong = connection.execute(
                f"SELECT {key_name}, {name} FROM {table} WHERE {name} <> {value}"
            ).fetchall()
        if repair and wrong:
            with catalog.write() as connection:
                connection.execute(f"UPDATE {table} SET {name} = {value} WHERE {name} <> {value}")
        for key, found in wrong:
            what = f"{table} {key}: {name} cannot be {found}."
            yield Problem("value", what, what_was_done if repair else None)


def _kinds(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Tracks and segments whose kind does not match the segments' ids."""
    with catalog.read() as connection:
        rows = connection.execute(
            """
            SELECT t.id, t.kind, t.state, (SELECT min(s.id) FROM segments s WHERE s.track_id = t.id)
            FROM tracks t ORDER BY t.id
            """
        ).fetchall()
    for track_id, kind, state, first_id in rows:
        try:
            right = kind if first_id is None else segment_ids.kind_of(first_id)[0]
        except KeyError:
            right = None
        if right == kind and kind in get_args(TrackKind):
            continue
        is_known = first_id is not None and right is not None
        if repair:
            with catalog.write() as connection:
                if is_known:
                    # Setting the state again updates the full-text indexes.
                    change = "UPDATE tracks SET state = ? WHERE id = ?"
                    connection.execute(change, ("superseded", track_id))
                    connection.execute("UPDATE tracks SET kind = ? WHERE id = ?", (right, track_id))
                    connection.execute(change, (state, track_id))
                else:
                    track_rows.delete_track(connection, track_id)
        done = f"made it {right}, as its segments are" if is_known else "removed it: it has nothing"
        yield Problem("value", f"tracks {track_id}: kind cannot be {kind!r}.", done if repair else None)


def _mend(connection: Connection, column: _Column, key: Sequence[object]) -> None:
    where = " AND ".join(f"{name} = ?" for name in _key(column.table))
    if column.mended is None:
        connection.execute(f"DELETE FROM {column.table} WHERE {where}", key)
    else:
        query = f"UPDATE {column.table} SET {column.name} = ? WHERE {where}"
        connection.execute(query, (column.mended(), *key))


def _key(table: str) -> tuple[str, ...]:
    return next(each.key for each in tables() if each.name == table)


def _shown(key: Sequence[object]) -> str:
    return ", ".join(map(str, key))


def _rows(connection: Connection, column: _Column) -> list[tuple[Sequence[object], object]]:
    query = f"SELECT {', '.join(_key(column.table))}, {column.name} FROM {column.table} WHERE {column.where}"
    return [(key, value) for *key, value in connection.execute(query) if not column.is_sound(value)]
