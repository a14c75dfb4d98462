"""SQL for captions: those that are shown, those that people wrote, and older versions.

A model's captions are the segments of a caption track, each as long as its frames look alike. What people
wrote is in a track of its own and takes precedence wherever it overlaps. All functions take a connection;
none begins or ends a transaction.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidsearch.store import segment_ids, track_rows
from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.records import CaptionVersion
from vidsearch.store.values import json_object, time_of
from vidsearch.store.video_rows import now
from vidsearch.tracks import HUMAN, SegmentRecord, Track, TrackKind, TrackSpec
from vidsearch.types import Caption, CaptionOrigin

_WRITTEN_AT = "written_at"
_MOMENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Said:
    """A segment of a caption track."""

    start_seconds: float
    end_seconds: float
    text: str
    attributes: Mapping[str, Any]
    producer: str
    prompt: str | None

    def covers(self, time_seconds: float) -> bool:
        return self.start_seconds <= time_seconds and (
            time_seconds < self.end_seconds or time_seconds == self.start_seconds
        )

    def caption(self, time_seconds: float) -> Caption:
        """The caption of a frame at a time."""
        raw_text = self.attributes.get("raw_text", self.text)
        if self.producer == HUMAN:
            return Caption(self.text, raw_text, CaptionOrigin.HUMAN)
        return Caption(
            text=self.text,
            raw_text=raw_text,
            model=self.producer,
            prompt=self.prompt,
            mean_logprob=self.attributes.get("mean_logprob"),
            carried_over=self.start_seconds < time_seconds or "carried_over" in self.attributes,
        )


class ShownCaptions:
    """The captions of a video that are shown: a person's take precedence over a model's."""

    def __init__(self, tracks: Sequence[Sequence[_Said]]) -> None:
        self._tracks = [(track, [said.start_seconds for said in track]) for track in tracks]

    def at(self, time_seconds: float, *, is_blank: bool = False) -> Caption | None:
        """The caption at a time. Models' captions do not apply to blank frames."""
        for track, starts in self._tracks:
            place = bisect_right(starts, time_seconds) - 1
            if place < 0 or (is_blank and track[place].producer != HUMAN):
                continue
            if track[place].covers(time_seconds):
                return track[place].caption(time_seconds)
        return None


def shown_captions(connection: Connection, video_id: int) -> ShownCaptions:
    """Load the captions of a whole video that are shown."""
    rows = _rows(connection, "t.video_id = ? AND t.state = 'active'", (video_id,))
    by_track: dict[int, list[_Said]] = {}
    for track_id, _, _, said in rows:
        by_track.setdefault(track_id, []).append(said)
    # People's tracks first, then the newest track.
    order = sorted(by_track, key=lambda each: (by_track[each][0].producer != HUMAN, -each))
    return ShownCaptions([by_track[track_id] for track_id in order])


def captions_at(
    connection: Connection, moments: Sequence[tuple[int, float]]
) -> dict[tuple[int, float], ShownCaptions]:
    """Return the captions shown at moments (video id, seconds). Faster than whole videos for a few frames."""
    rows = connection.execute(
        f"""
        SELECT video_id, id, producer, params FROM tracks
        WHERE video_id IN {LISTED} AND kind = 'caption' AND state = 'active'
        ORDER BY video_id, producer <> ?, id DESC
        """,
        (json.dumps(sorted({video_id for video_id, _ in moments})), HUMAN),
    )
    tracks: dict[int, list[tuple[int, str, str]]] = {}
    for video_id, *track in rows:
        tracks.setdefault(video_id, []).append((track[0], track[1], track[2]))
    asked = [
        (track_id, time_seconds)
        for video_id, time_seconds in dict.fromkeys(moments)
        for track_id, _, _ in tracks.get(video_id, ())
    ]
    last = _last_begun(connection, asked)
    return {
        (video_id, time_seconds): ShownCaptions(
            [
                [_said(last[track_id, time_seconds], producer, params)]
                for track_id, producer, params in tracks.get(video_id, ())
                if (track_id, time_seconds) in last
            ]
        )
        for video_id, time_seconds in moments
    }


def _last_begun(
    connection: Connection, moments: Sequence[tuple[int, float]]
) -> dict[tuple[int, float], Sequence[Any]]:
    """Return the last segment of a track that starts at or before a time, by (track id, seconds)."""
    found: dict[tuple[int, float], Sequence[Any]] = {}
    for start in range(0, len(moments), _MOMENTS_AT_ONCE):
        part = moments[start : start + _MOMENTS_AT_ONCE]
        rows = connection.execute(
            f"""
            WITH moments (track_id, at) AS (VALUES {", ".join(["(?, ?)"] * len(part))})
            SELECT m.track_id, m.at, s.start_seconds, s.end_seconds, s.text, s.attributes
            FROM moments m JOIN segments s ON s.id = (
                SELECT c.id FROM segments c WHERE c.track_id = m.track_id AND c.start_seconds <= m.at
                ORDER BY c.start_seconds DESC LIMIT 1
            )
            """,
            [value for moment in part for value in (moment[0], float(moment[1]))],
        )
        found.update({(track_id, at): row for track_id, at, *row in rows})
    return found


def versions(connection: Connection, video_id: int, time_seconds: float) -> list[CaptionVersion]:
    """Return all captions that a moment of a video has had, oldest first."""
    found = [
        (said.attributes.get(_WRITTEN_AT, created_at), track_id, state, said)
        for track_id, state, created_at, said in _rows(connection, "t.video_id = ?", (video_id,))
        if said.covers(time_seconds) and state != "building"
    ]
    # At equal times a person's words sort last: they correct an earlier caption.
    found.sort(key=lambda each: (each[0], each[3].producer == HUMAN, each[2] == "active", each[1]))
    active = [number for number, (_, _, state, _) in enumerate(found) if state == "active"]
    shown = max(active, key=lambda number: (found[number][3].producer == HUMAN, found[number][1]), default=-1)
    return [
        CaptionVersion(
            said.caption(time_seconds), number + 1, number == shown, time_of(at, "the time of a caption")
        )
        for number, (at, _, _, said) in enumerate(found)
    ]


def add_human(
    connection: Connection,
    video_id: int,
    start_seconds: float,
    end_seconds: float,
    text: str,
    *,
    kind: TrackKind = "caption",
) -> int:
    """Store what a person wrote about [start, end) of a video. Returns the segment's id.

    It replaces what people wrote there before, which is kept as a hidden older version.
    """
    track = track_rows.open_track(connection, video_id, TrackSpec(kind, HUMAN))
    overwritten = [
        segment
        for segment in track_rows.segments_of(connection, track.id)
        if segment.start_seconds < end_seconds and start_seconds < segment.end_seconds
    ]
    if overwritten:
        rest = []
        for old in overwritten:
            for start, end in ((old.start_seconds, start_seconds), (end_seconds, old.end_seconds)):
                if start < end:
                    rest.append(SegmentRecord(start, end, old.text, old.attributes))
        _keep_as_superseded(
            connection,
            track,
            [
                SegmentRecord(
                    max(old.start_seconds, start_seconds),
                    min(old.end_seconds, end_seconds),
                    old.text,
                    {_WRITTEN_AT: track.created_at.isoformat(), **old.attributes},
                )
                for old in overwritten
            ],
        )
        track_rows.delete_segments(connection, track.id, from_seconds=start_seconds, to_seconds=end_seconds)
        track_rows.insert_segments(connection, track, sorted(rest, key=lambda record: record.start_seconds))
    new = SegmentRecord(start_seconds, end_seconds, text, {_WRITTEN_AT: now()})
    (inserted,) = track_rows.insert_segments(connection, track, [new])
    track_rows.mark_whole(connection, track.id)
    return inserted.segment_id


def _keep_as_superseded(connection: Connection, shown: Track, records: Sequence[SegmentRecord]) -> None:
    """Keep people's older words in a superseded track."""
    row = connection.execute(
        """
        INSERT INTO tracks (video_id, kind, producer, params, state, is_complete, created_at)
        VALUES (?, ?, ?, '{}', 'superseded', TRUE, ?) RETURNING id
        """,
        (shown.video_id, shown.kind, HUMAN, now()),
    ).fetchone()
    track = track_rows.track(connection, row[0])
    assert track is not None
    track_rows.insert_segments(connection, track, records)


def covered_by_people(connection: Connection) -> list[int]:
    """Return the ids of models' captions and spoken lines that a person's words cover completely.

    They are not shown, so searches must not find them.
    """
    kinds: tuple[TrackKind, ...] = ("caption", "transcript")
    by_people = [segment_ids.id_range(kind, is_human=True) for kind in kinds]
    has_any = " OR ".join(["EXISTS (SELECT 1 FROM segments WHERE id >= ? AND id < ?)"] * len(kinds))
    if not connection.execute(f"SELECT {has_any}", [end for ids in by_people for end in ids]).fetchone()[0]:
        return []
    return sorted(segment_id for kind in kinds for segment_id in _covered(connection, kind))


def _covered(connection: Connection, kind: TrackKind) -> list[int]:
    rows = connection.execute(
        """
        SELECT c.id FROM segments h
        JOIN tracks ht ON ht.id = h.track_id AND ht.state = 'active'
        JOIN tracks t ON t.video_id = ht.video_id AND t.kind = ? AND t.state = 'active'
            AND t.producer <> ?
        JOIN segments c ON c.track_id = t.id AND c.start_seconds >= h.start_seconds
            AND c.start_seconds < h.end_seconds AND c.end_seconds <= h.end_seconds
        WHERE h.id >= ? AND h.id < ?
        """,
        (kind, HUMAN, *segment_ids.id_range(kind, is_human=True)),
    )
    return [row[0] for row in rows]


def _rows(
    connection: Connection, condition: str, values: Sequence[object]
) -> list[tuple[int, str, str, _Said]]:
    """(track id, state, created at, segment) of caption tracks, by track and start."""
    query = f"""
        SELECT t.id, t.state, t.created_at, c.start_seconds, c.end_seconds, c.text, c.attributes, t.producer,
            t.params
        FROM tracks t JOIN segments c ON c.track_id = t.id
        WHERE t.kind = 'caption' AND {condition} ORDER BY t.id, c.start_seconds
    """
    return [
        (track_id, state, created_at, _said(columns, producer, params))
        for track_id, state, created_at, *columns, producer, params in connection.execute(query, values)
    ]


def _said(columns: Sequence[Any], producer: str, params: str) -> _Said:
    start_seconds, end_seconds, text, attributes = columns
    prompt = json_object(params, "the params of a track").get("prompt")
    return _Said(start_seconds, end_seconds, text, track_rows.attributes_of(attributes), producer, prompt)
