"""SQL for labels, and the spans where they were found. All functions take a connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.store import setting_rows, track_rows
from vidsearch.store.track_rows import attributes_of
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

LABELS = "labels"
PRODUCER = "labels"


@dataclass(frozen=True, slots=True)
class LabelSpan:
    """A span [start, end) of a video where a label was found."""

    label: str
    video_id: int
    start_seconds: float
    end_seconds: float
    confidence: float | None
    recorded_local_seconds: float
    """When its video was recorded: the local time there, in seconds since 1970."""


def labels(connection: Connection) -> list[str]:
    """The labels of the last run, in their order."""
    try:
        found = json.loads(setting_rows.get(connection, LABELS) or "[]")
    except (ValueError, RecursionError):
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def put_labels(connection: Connection, names: Sequence[str]) -> None:
    """Set the labels."""
    setting_rows.put(connection, LABELS, json.dumps(list(names), ensure_ascii=False))


def put_track(
    connection: Connection, video_id: int, records: Iterable[SegmentRecord], *, models: Sequence[str]
) -> None:
    """Replace a video's label track."""
    spec = TrackSpec("label", PRODUCER, {"models": list(models)})
    track_rows.set_track(connection, video_id, spec, records)


def spans(connection: Connection, video_id: int | None = None) -> list[LabelSpan]:
    """The spans of all labels, in the library or in one video, by video and time."""
    rows = connection.execute(
        """
        SELECT s.text, t.video_id, s.start_seconds, s.end_seconds, s.attributes, v.recorded_local_seconds
        FROM tracks t JOIN segments s ON s.track_id = t.id JOIN videos v ON v.id = t.video_id
        WHERE t.kind = 'label' AND t.state = 'active' AND t.video_id = coalesce(?, t.video_id)
        ORDER BY t.video_id, s.start_seconds, s.id
        """,
        (video_id,),
    )
    return [
        LabelSpan(text or "", video, start, end, attributes_of(attributes).get("confidence"), recorded)
        for text, video, start, end, attributes, recorded in rows
    ]
