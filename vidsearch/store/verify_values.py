"""Are the values in a catalog's rows what they should be? SQLite keeps whatever it is given.

Each damaged value is named with its row. It is mended by the value that loses least: a time becomes now, an
unreadable sampling plan the default one, what cannot be read otherwise is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from vidsearch.errors import LibraryDamaged
from vidsearch.store import setting_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.connection import Connection
from vidsearch.store.records import Problem
from vidsearch.store.values import MAX_SECONDS, json_object, plan_of, seconds_of, time_of
from vidsearch.store.video_rows import now
from vidsearch.types import SamplingPlan


@dataclass(frozen=True, slots=True)
class _Column:
    """A column whose values are more to the program than to SQLite."""

    table: str
    name: str
    is_sound: Callable[[object], bool]
    mended: Callable[[], object]
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


def _is_duration(value: object) -> bool:
    return isinstance(value, float | int) and 0 <= value < MAX_SECONDS


_SECONDS = _reads(lambda text: seconds_of(float(text), ""))
_TIME = _reads(lambda text: time_of(text, ""))
_OBJECT = _reads(lambda text: json_object(text, ""))
_PLAN = _reads(lambda text: plan_of(json_object(text, "")))
_COLUMNS = (
    _Column("videos", "indexed_at", _TIME, now, "set it to now"),
    _Column("videos", "created_at", _TIME, lambda: None, "forgot it", "created_at IS NOT NULL"),
    _Column(
        "videos", "duration_seconds", _is_duration, lambda: None, "forgot it", "duration_seconds IS NOT NULL"
    ),
    _Column("failures", "failed_at", _TIME, now, "set it to now"),
    _Column("tracks", "created_at", _TIME, now, "set it to now"),
    _Column(
        "tracks",
        "params",
        _PLAN,
        lambda: json.dumps(asdict(SamplingPlan()), sort_keys=True),
        "took the default sampling plan for it",
        "kind = 'frames'",
    ),
    _Column("tracks", "params", _OBJECT, lambda: "{}", "forgot it", "kind <> 'frames'"),
    _Column("segments", "start_seconds", _SECONDS, lambda: 0.0, "set it to 0"),
    _Column("segments", "end_seconds", _SECONDS, lambda: 0.0, "set it to 0"),
    _Column("segments", "attributes", _OBJECT, lambda: None, "forgot it", "attributes IS NOT NULL"),
)

_DERIVED = (
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
"""Table, column, what its value is by the other rows, and what is done where it is not."""


def damaged_values(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """What is wrong with single values, and with `repair`, what was done about each."""
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
    for column, (row_id, value) in damaged:
        if repair:
            with catalog.write() as connection:
                connection.execute(
                    f"UPDATE {column.table} SET {column.name} = ? WHERE {_key(column.table)} = ?",
                    (column.mended(), row_id),
                )
        what = f"{column.table} {row_id}: {column.name} cannot be {str(value)[:60]!r}."
        yield Problem("value", what, column.what_was_done if repair else None)
    for table, name, value, what_was_done in _DERIVED:
        with catalog.read() as connection:
            wrong = connection.execute(f"SELECT id, {name} FROM {table} WHERE {name} <> {value}").fetchall()
        if repair and wrong:
            with catalog.write() as connection:
                connection.execute(f"UPDATE {table} SET {name} = {value} WHERE {name} <> {value}")
        for row_id, found in wrong:
            what = f"{table} {row_id}: {name} cannot be {found}."
            yield Problem("value", what, what_was_done if repair else None)


def _key(table: str) -> str:
    return "path" if table == "failures" else "id"


def _rows(connection: Connection, column: _Column) -> list[tuple[object, object]]:
    query = f"SELECT {_key(column.table)}, {column.name} FROM {column.table} WHERE {column.where}"
    return [(row_id, value) for row_id, value in connection.execute(query) if not column.is_sound(value)]
