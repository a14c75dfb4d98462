"""Segments and pictures of a video, by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.errors import QueryError, TrackNotFound
from vidsearch.store.fingerprint import path_of
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.store.store import Store
    from vidsearch.tracks import Segment, Track, TrackKind
    from vidsearch.types import Video

_PAST_END_SECONDS = 1.0
"""Up to this long after a video's end, a time means its last picture."""


def segments_of(
    store: Store,
    video: Video,
    *,
    kind: TrackKind | None,
    track_id: int | None,
    after_seconds: float | None,
    before_seconds: float | None,
) -> list[tuple[Track, Segment]]:
    """Return segments of a video with their tracks, by time; see `Library.segments`."""
    tracks = store.tracks(video.id)
    if track_id is not None:
        chosen = [track for track in tracks if track.id == track_id]
        if not chosen:
            raise TrackNotFound(f"The video #{video.id} has no track {track_id}.")
    else:
        chosen = [
            track
            for track in tracks
            if track.state == "active" and (track.kind != "frames" if kind is None else track.kind == kind)
        ]
    found = [
        (track, segment)
        for track in chosen
        for segment in store.segments(track.id)
        if (after_seconds is None or segment.end_seconds > after_seconds)
        and (before_seconds is None or segment.start_seconds < before_seconds)
    ]
    return sorted(found, key=lambda each: (each[1].start_seconds, each[1].end_seconds, each[1].id))


def picture_at(video: Video, time_seconds: float, side_pixels: int | None) -> bytes:
    """Return the picture at a time, as JPEG; see `Library.picture`."""
    from vidsearch.media.decode import frame_at
    from vidsearch.media.images import encode_jpeg, thumbnail

    if video.info.duration_seconds is not None:
        check_is_within(video.path, video.info.duration_seconds, time_seconds)
    image = frame_at(path_of(video), time_seconds).image
    return (
        encode_jpeg(image) if side_pixels is None else thumbnail(image, side_pixels=side_pixels, quality=85)
    )


def check_is_within(path: Path, duration_seconds: float, time_seconds: float) -> None:
    """Raise QueryError for a time after the end of a video."""
    if time_seconds > duration_seconds + _PAST_END_SECONDS:
        raise QueryError(
            f"{path.name} is {format_moment(duration_seconds)} long; there is no picture at "
            f"{format_moment(time_seconds)}."
        )
