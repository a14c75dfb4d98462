"""The state of each file: new, in progress, complete, failed, moved, replaced or missing.

Each function is one transaction on a catalog. A video is identified by its content; its paths may change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vidsearch.errors import MediaError, TrackNotFound, VideoNotFound, VidsearchError
from vidsearch.media.source import is_gone
from vidsearch.paths import absolute, is_elsewhere
from vidsearch.store import lease_rows, track_rows, vector_rows, video_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.connection import Connection
from vidsearch.store.fingerprint import fingerprint, glance, identify
from vidsearch.store.records import FileState, Lease, OpenedVideo
from vidsearch.tracks import WINDOW_KINDS, Chunk, SegmentRecord, Track, TrackSpec
from vidsearch.types import EmbeddingSpace, Fingerprint, Video, VideoInfo


def lookup(catalog: Catalog, path: Path) -> FileState:
    """See `Store.lookup`."""
    path = absolute(path)
    with catalog.read() as connection:
        failure = video_rows.failure_at(connection, path)
    try:
        seen = glance(path)
    except MediaError:
        if failure is not None and failure[1] == (None, None, None):
            return FileState("failed", failure=failure[0])
        raise
    if failure is not None and failure[1] == (seen.size_bytes, seen.mtime_ns, seen.quick_key):
        return FileState("failed", failure=failure[0])
    with catalog.read() as connection:
        there = video_rows.path_row(connection, path)
        before = existing(connection, there[0]) if there else None
        if (
            before is not None
            and there is not None
            and there[1:] == (seen.size_bytes, seen.mtime_ns, seen.version)
            and video_rows.quick_key_of(connection, before.id) == seen.quick_key
        ):
            return replace(state_of(connection, before), is_known_here=True)
        if not video_rows.has_quick_key(connection, seen.quick_key):
            return FileState("new", replaces=before)
        if is_elsewhere(path):
            by_version = identify(path, seen)
            video = video_rows.video_by_hash(connection, by_version.content_hash)
            if video is not None:
                return replace(state_of(connection, video), fingerprint=by_version, replaces=before)
    # A video has the same quick key. Only the whole content shows whether it is the same video.
    whole = fingerprint(path)
    with catalog.read() as connection:
        video = video_rows.video_by_hash(connection, whole.content_hash)
        if video is None:
            return FileState("new", fingerprint=whole, replaces=before)
        state = replace(state_of(connection, video), fingerprint=whole)
    return replace(state, replaces=before) if before is not None and before.id != video.id else state


def lookup_content(catalog: Catalog, whole: Fingerprint) -> FileState:
    """See `Store.lookup_content`."""
    with catalog.read() as connection:
        video = video_rows.video_by_hash(connection, whole.content_hash)
        if video is None:
            return FileState("new", fingerprint=whole)
        return replace(state_of(connection, video), fingerprint=whole)


def add_path(catalog: Catalog, video_id: int, path: Path, known: Fingerprint | None) -> Video:
    """See `Store.add_path`."""
    path = absolute(path)
    whole = known or fingerprint(path)
    with catalog.write() as connection:
        video = existing(connection, video_id)
        if video.content_hash != whole.content_hash:
            raise VideoNotFound(f"{path} does not hold the video #{video_id}: its content is different.")
        video_rows.put_path(connection, video_id, path, whole)
        video_rows.delete_failure(connection, path)
        return existing(connection, video_id)


def prune(catalog: Catalog, *, missing: bool) -> list[Video]:
    """See `Store.prune`."""
    gone = []
    if missing:
        with catalog.read() as connection:
            known = [path for path, *_ in video_rows.paths(connection)]
        gone = [path for path in known if is_gone(path)]
    with catalog.write() as connection:
        for path in gone:
            video_rows.delete_path(connection, path)
        videos = video_rows.videos_by_id(connection, video_rows.pathless_ids(connection))
        pruned = []
        for video in videos:
            tracks = track_rows.tracks_of(connection, video.id)
            made_by_people = [
                track for track in tracks if track.spec.is_made_by_people and track.num_segments
            ]
            if not made_by_people:
                remove_rows(connection, video.id)
                pruned.append(video)
                continue
            made_by_models = [track for track in tracks if not track.spec.is_made_by_people]
            for track in made_by_models:
                track_rows.delete_track(connection, track.id)
            if made_by_models:
                pruned.append(video)
    return pruned


def record_failure(catalog: Catalog, path: Path, error: VidsearchError) -> None:
    """See `Store.record_failure`."""
    path = absolute(path)
    try:
        seen = glance(path)
    except MediaError:
        seen = None
    with catalog.write() as connection:
        video_rows.put_failure(
            connection,
            path,
            error=type(error).__name__,
            reason=error.reason,
            size_bytes=seen.size_bytes if seen else None,
            mtime_ns=seen.mtime_ns if seen else None,
            quick_key=seen.quick_key if seen else None,
        )


def begin_video(
    catalog: Catalog,
    path: Path,
    whole: Fingerprint,
    info: VideoInfo,
    specs: Sequence[TrackSpec],
    spaces: Sequence[EmbeddingSpace],
    *,
    again: bool,
) -> OpenedVideo:
    """See `Store.begin_video`."""
    path = absolute(path)
    with catalog.write() as connection:
        video = video_rows.video_by_hash(connection, whole.content_hash)
        video_id = video.id if video else video_rows.insert_video(connection, path, whole, info)
        video_rows.put_path(connection, video_id, path, whole)
        video_rows.delete_failure(connection, path)
        tracks = [
            track_rows.open_track(
                connection, video_id, spec, again=again and spec.kind not in ("frames", "shot")
            )
            for spec in specs
        ]
        until_seconds = {}
        for track in tracks:
            if track.kind == "frames":
                vector_rows.open_spaces(connection, track.id, spaces)
            for each in vector_rows.spaces_of_track(connection, track.id):
                until_seconds[each.row.space] = math.inf if each.is_complete else each.done_until_seconds
        return OpenedVideo(
            video=existing(connection, video_id),
            tracks=tuple(tracks),
            space_until_seconds={space: until_seconds[space] for space in spaces if space in until_seconds},
        )


def append(catalog: Catalog, video_id: int, chunk: Chunk, lease: Lease | None) -> None:
    """See `Store.append`."""
    with catalog.write() as connection:
        lease_rows.check(connection, lease)
        existing(connection, video_id)
        changed: dict[int, int | None] = {}
        for track_id, records in chunk.tracks.items():
            track = track_rows.track(connection, track_id)
            if track is None or track.video_id != video_id:
                raise VideoNotFound(f"Track {track_id} of video #{video_id} has been removed.")
            changed.update(_append_to(connection, track, records, chunk))
        for space_id, first_id in changed.items():
            if first_id is None:
                vector_rows.note_change(connection, [space_id], rewrites=False)
            else:
                vector_rows.note_addition(connection, [space_id], first_id)
        lease_rows.note_progress(connection, lease)
        video_rows.touch(connection, video_id)


def _append_to(
    connection: Connection, track: Track, records: Sequence[SegmentRecord], chunk: Chunk
) -> dict[int, int | None]:
    """Add a part of one track.

    Returns the searched spaces that changed, and from which segment on if not only new segments did.
    """
    is_ahead = track.done_until_seconds >= chunk.until_seconds
    if is_ahead and track.kind != "frames":
        return {}
    # A chunk that was partly stored before starts before the track's last segment, which must not shrink.
    starts = [each.start_seconds for each in records if each.start_seconds >= track.done_until_seconds]
    if starts and track.kind not in track_rows.SEVERAL_AT_ONCE:
        track_rows.extend(connection, track.id, starts[0])
    inserted = track_rows.insert_segments(connection, track, records)
    space_ids = {
        space: vector_rows.ensure_space(connection, space)
        for space in dict.fromkeys(space for record in records for space in record.vectors)
    }
    vector_rows.insert_vectors(
        connection,
        (
            (each.segment_id, space, vector)
            for each in inserted
            for space, vector in each.record.vectors.items()
        ),
        space_ids,
    )
    track_rows.advance(connection, track.id, chunk.until_seconds)
    if track.kind in WINDOW_KINDS:  # windows are stored with their vectors
        vector_rows.open_spaces(connection, track.id, space_ids)
        done = list(space_ids.values())
    else:
        done = [vector_rows.ensure_space(connection, space) for space in chunk.spaces]
    vector_rows.advance_spaces(connection, track.id, done, chunk.until_seconds)
    if track.state != "active":
        return {}
    is_behind = not all(each.is_new for each in inserted)
    first_id = min(each.segment_id for each in inserted) if is_behind else None
    return dict.fromkeys(space_ids.values(), first_id)


def finish(
    catalog: Catalog,
    video_id: int,
    track_ids: Sequence[int],
    *,
    frames_track_id: int | None,
    spaces: Sequence[EmbeddingSpace],
    duration_seconds: float | None,
    shows: bool,
    lease: Lease | None,
    gives_back: bool,
) -> Video:
    """See `Store.finish_video`."""
    with catalog.write() as connection:
        lease_rows.check(connection, lease)
        video = existing(connection, video_id)
        if duration_seconds is not None:
            video_rows.set_duration(connection, video_id, duration_seconds)
        else:
            duration_seconds = video.info.duration_seconds
        for track_id in track_ids:
            track = track_rows.track(connection, track_id)
            if track is None:
                raise VideoNotFound(f"Track {track_id} of video #{video_id} has been removed.")
            track_rows.complete(connection, track_id, _end_seconds(track, duration_seconds))
            if track.kind in WINDOW_KINDS:
                own = [each.row.id for each in vector_rows.spaces_of_track(connection, track_id)]
                vector_rows.complete_spaces(connection, track_id, own)
            if shows:
                show(connection, track_id)
        if frames_track_id is not None:
            space_ids = [vector_rows.ensure_space(connection, space) for space in spaces]
            vector_rows.complete_spaces(connection, frames_track_id, space_ids)
        if gives_back:
            lease_rows.delete_lease(connection, lease)
        video_rows.touch(connection, video_id)
        return existing(connection, video_id)


def take_back(
    catalog: Catalog,
    video_id: int,
    track_ids: Sequence[int],
    *,
    frames_track_id: int,
    spaces: Sequence[EmbeddingSpace],
    from_seconds: float,
    lease: Lease | None,
) -> None:
    """See `Store.take_back`."""
    with catalog.write() as connection:
        lease_rows.check(connection, lease)
        changed = {vector_rows.ensure_space(connection, space) for space in spaces}
        vector_rows.cut(connection, frames_track_id, changed, from_seconds)
        for track_id in track_ids:
            track_rows.cut(connection, track_id, from_seconds)
            vector_rows.rewind_spaces(connection, track_id, from_seconds)
            changed |= {each.row.id for each in vector_rows.spaces_of_track(connection, track_id)}
        vector_rows.note_change(connection, changed, rewrites=True)
        _remove_if_empty(connection, video_id)


def remove_if_empty(catalog: Catalog, video_id: int, lease: Lease | None) -> None:
    """See `Store.remove_if_empty`."""
    with catalog.write() as connection:
        lease_rows.check(connection, lease)
        _remove_if_empty(connection, video_id)


def _remove_if_empty(connection: Connection, video_id: int) -> None:
    if all(track.num_segments == 0 for track in track_rows.tracks_of(connection, video_id)):
        remove_rows(connection, video_id)


def show(connection: Connection, track_id: int) -> None:
    """Make a track active, and the tracks that it replaces superseded. Replaced frames are deleted."""
    track = track_rows.track(connection, track_id)
    if track is None or track.state == "active":
        return
    for other in track_rows.tracks_of(connection, track.video_id):
        if other.state != "active" or not track.spec.replaces(other.spec):
            continue
        if other.kind == "frames":
            track_rows.delete_track(connection, other.id)
        else:
            track_rows.set_state(connection, other.id, "superseded")
    track_rows.set_state(connection, track_id, "active")


def remove(catalog: Catalog, video_ids: Sequence[int]) -> None:
    """See `Store.remove`."""
    with catalog.write() as connection:
        for video_id in video_ids:
            existing(connection, video_id)
            remove_rows(connection, video_id)


def remove_tracks(catalog: Catalog, track_ids: Sequence[int]) -> list[Track]:
    """See `Store.remove_tracks`."""
    with catalog.write() as connection:
        removed = []
        for track_id in track_ids:
            track = track_rows.track(connection, track_id)
            if track is None:
                raise TrackNotFound(
                    f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's."
                )
            track_rows.delete_track(connection, track.id)
            removed.append(track)
        return removed


def existing(connection: Connection, video_id: int) -> Video:
    """The video with an id. Raises VideoNotFound if there is none."""
    videos = video_rows.videos_by_id(connection, [video_id])
    if not videos:
        raise VideoNotFound(f"There is no video #{video_id} in the library, or it has been removed.")
    return videos[0]


def _end_seconds(track: Track, duration_seconds: float | None) -> float:
    """Where a complete track ends."""
    ends = [duration_seconds, track.spec.params.get("end_seconds") if track.kind == "frames" else None]
    return min((end for end in ends if end is not None), default=track.done_until_seconds)


def state_of(connection: Connection, video: Video) -> FileState:
    """The state of a video's file."""
    tracks = tuple(track_rows.tracks_of(connection, video.id))
    frames = [track for track in tracks if track.kind == "frames" and track.state == "active"]
    spaces = [each for track in frames for each in vector_rows.spaces_of_track(connection, track.id)]
    return FileState(
        "complete" if video.is_complete else "partial",
        video=video,
        spaces=tuple(each.row.space for each in spaces if each.is_complete or not video.is_complete),
        tracks=tracks,
    )


def remove_rows(connection: Connection, video_id: int) -> None:
    """Remove a video, and everything that belongs to it."""
    for track in track_rows.tracks_of(connection, video_id):
        track_rows.delete_track(connection, track.id)
    video_rows.delete_video(connection, video_id)
