"""Checks a library for problems, and repairs them.

For lost data that can be made from the video again, repairing truncates the track there, so that the next
`index` continues at that point. It never changes video files, or what only people could write again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import MediaError, SourceMissing
from vidsearch.paths import exists, is_elsewhere
from vidsearch.store import (
    concept_rows,
    elsewhere,
    frame_rows,
    ledger,
    line_vectors,
    setting_rows,
    track_rows,
    vector_rows,
    video_rows,
)
from vidsearch.store.catalog import Catalog
from vidsearch.store.fingerprint import fingerprint, glance, identify, is_read_whole
from vidsearch.store.records import Problem
from vidsearch.store.vectors import Vectors
from vidsearch.store.verify_values import damaged_values
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.tracks import Track
    from vidsearch.types import Video


def verify(catalog: Catalog, vectors: Callable[[], Vectors], *, repair: bool) -> list[Problem]:
    """See `Store.verify`."""
    problems = list(catalog.check(repair=repair))
    if any(problem.repaired is None for problem in problems):
        return problems  # further checks on a corrupt file mean nothing
    problems += _copy(catalog)
    checks = (damaged_values, _vectors, _thumbnails, _concepts, _files)
    for check in checks:
        problems += check(catalog, repair=repair)
        if check is damaged_values and any(
            problem.kind == "value" and not problem.repaired for problem in problems
        ):
            return problems  # nothing else can be read
    problems += _caches(catalog, vectors(), repair=repair)
    return problems


def _copy(catalog: Catalog) -> list[Problem]:
    with catalog.read() as connection:
        is_whole = setting_rows.get(connection, setting_rows.COPY_OF) is None
    if is_whole:
        return []
    return [Problem("copy", "The library is an unfinished copy. `vidsearch copy`, given again, finishes it.")]


def _vectors(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Missing and corrupt vectors."""
    with catalog.read() as connection:
        videos = video_rows.all_videos(connection)
    for video in videos:
        with catalog.read() as connection:
            missing = [
                (track, each.row.space.model, times)
                for track in track_rows.tracks_of(connection, video.id)
                for each in vector_rows.spaces_of_track(connection, track.id)
                if (times := _times_without_vector(connection, track, each))
            ]
        for track, model, times in missing:
            segments = "frames" if track.kind == "frames" else f"{track.kind} windows"
            what = f"{_name(video)}: {len(times)} {segments} have no sound vector of {model}."
            yield Problem("vectors-missing", what, _cut(catalog, track, times[0]) if repair else None)
    with catalog.read() as connection:
        of_words = [
            (row, ids)
            for row in vector_rows.spaces(connection)
            if (ids := line_vectors.unsound(connection, row))
        ]
    for row, ids in of_words:
        what = f"{len(ids)} {row.space.kind} lines have an unsound vector of {row.space.model}."
        if repair:
            with catalog.write() as connection:
                vector_rows.delete_vectors(connection, row.id, ids)
                vector_rows.note_change(connection, [row.id], rewrites=True)
        done = "removed them; the next `vidsearch index` makes them again" if repair else None
        yield Problem("vectors-unsound", what, done)


def _times_without_vector(
    connection: Connection, track: Track, of_track: vector_rows.TrackSpace
) -> list[float]:
    """Times (s) of a track's segments whose vector in a space is missing, as far as the track is made."""
    until = math.inf if of_track.is_complete else of_track.done_until_seconds
    row = of_track.row
    times = vector_rows.times_without_sound_vector(connection, track.id, row.id, row.space.dim)
    return [time for time in times if time < until]


def _thumbnails(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Thumbnails that do not decode."""
    from vidsearch.media.images import decode_jpeg

    with catalog.read() as connection:
        videos = video_rows.all_videos(connection)
    for video in videos:
        with catalog.read() as connection:
            frames = frame_rows.frames_of(connection, video.id)
        for frame in frames:
            with catalog.read() as connection:
                jpeg = frame_rows.thumbnail(connection, frame.id)
            try:
                decode_jpeg(jpeg or b"")
            except MediaError:
                at = format_moment(frame.time_seconds)
                what = f"{_name(video)}: the small picture at {at} does not decode."
                done = _remake_thumbnail(catalog, video, frame.id, frame.time_seconds) if repair else None
                yield Problem("thumbnail", what, done)


def _concepts(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Examples of concepts: corrupt vectors, and pictures that do not decode."""
    from vidsearch.media.images import decode_jpeg

    with catalog.read() as connection:
        unsound = concept_rows.unsound_vectors(connection)
    for example_id, space_id, model in unsound:
        if repair:
            with catalog.write() as connection:
                concept_rows.delete_vector(connection, example_id, space_id)
        what = f"The vector of {model} of example {example_id} is unsound."
        done = "removed it; the next search for its concept makes it again" if repair else None
        yield Problem("concept-vector", what, done)
    with catalog.read() as connection:
        for example_id, name, jpeg in concept_rows.all_pictures(connection):
            try:
                decode_jpeg(jpeg)
            except MediaError:
                what = f"The picture of example {example_id} of {name!r} does not decode. Teach another one."
                yield Problem("concept-picture", what)


def _remake_thumbnail(catalog: Catalog, video: Video, frame_id: int, time_seconds: float) -> str | None:
    from vidsearch.media.decode import frame_at
    from vidsearch.media.images import thumbnail

    try:
        path = video.path
        whole = fingerprint(path) if is_read_whole(video.content_hash) else identify(path)
        if whole.content_hash != video.content_hash:
            return None
        jpeg = thumbnail(frame_at(path, time_seconds).image)
    except MediaError:
        return None
    with catalog.write() as connection:
        frame_rows.put_thumbnail(connection, frame_id, jpeg)
    return "made it again from the video"


def _files(catalog: Catalog, *, repair: bool) -> Iterator[Problem]:
    """Videos whose files are missing, or have changed."""
    with catalog.read() as connection:
        known = video_rows.paths(connection)
        videos = {video.id: video for video in video_rows.all_videos(connection)}
        pathless = [videos[video_id] for video_id in video_rows.pathless_ids(connection)]
    for path, video_id, size_bytes, mtime_ns in known:
        video = videos.get(video_id)
        if video is None:
            continue  # the path of no video: the check for orphans reports it
        if not exists(path):
            what, kind = f"{path} is not there.", "file-missing"
        else:
            try:
                if is_elsewhere(path) and elsewhere.known_version(catalog, path) is not None:
                    continue
                seen = glance(path)
                if (seen.size_bytes, seen.mtime_ns) == (size_bytes, mtime_ns):
                    with catalog.read() as connection:
                        if seen.quick_key == video_rows.quick_key_of(connection, video_id):
                            continue
                elif (whole := fingerprint(path)).content_hash == video.content_hash:
                    if repair:  # only its modification time has changed
                        ledger.add_path(catalog, video_id, path, whole)
                    continue
                what, kind = f"{path} has changed since it was indexed.", "file-changed"
            except SourceMissing:
                what, kind = f"{path} is not there.", "file-missing"
            except MediaError as error:
                what, kind = str(error), "file-unreadable"
        is_at_another = any(other != path and exists(other) for other in video.paths)
        if repair and kind != "file-unreadable" and is_at_another:
            with catalog.write() as connection:
                video_rows.delete_path(connection, path)
            yield Problem(kind, what, "forgot the path: the video is at another one, too")
        else:
            yield Problem(kind, what)
    pruned = {video.id for video in ledger.prune(catalog, missing=False)} if repair and pathless else set()
    with catalog.read() as connection:
        kept = set(video_rows.pathless_ids(connection))
    for video in pathless:
        what = f"{_name(video)}: other content is in its place now."
        if video.id not in pruned:
            yield Problem("replaced", what)
        elif video.id in kept:
            yield Problem("replaced", what, "removed all but what people wrote of the video")
        else:
            yield Problem("replaced", what, "removed the video from the library")


def _caches(catalog: Catalog, vectors: Vectors, *, repair: bool) -> Iterator[Problem]:
    """Vector files that differ from the catalog. Files that are only outdated are no problem."""
    with catalog.read() as connection:
        spaces = vector_rows.spaces(connection, "active")
    for row in spaces:
        files = vectors.files(row.space)
        if not files.manifest_path.exists():
            continue
        what = None
        manifest = files.manifest()
        try:
            if manifest is None:
                what = f"The vector files of {row.space.model} are torn, or of another library."
            elif not files.is_sound(manifest):
                what = f"The vector files of {row.space.model} are not what was written into them."
            elif manifest.revision == row.revision and not _is_same(catalog, vectors, row):
                what = f"The vector files of {row.space.model} do not hold what the catalog does."
        except (OSError, ValueError) as error:
            what = f"The vector files of {row.space.model} cannot be read: {error}."
        if what is not None:
            if repair:
                files.manifest_path.unlink(missing_ok=True)
                vectors.forget()
                vectors.refresh()
            yield Problem("cache", what, "rebuilt them" if repair else None)


def _is_same(catalog: Catalog, vectors: Vectors, row: vector_rows.SpaceRow) -> bool:
    everything = vectors.matrix(row.space)
    stored = everything.vectors.stored.dtype
    start = 0
    with catalog.read() as connection:
        for places, rows in vector_rows.batches(
            connection, row.id, row.space.dim, after_segment_id=-1, num_rows=4096
        ):
            part = slice(start, start + len(rows))
            start += len(rows)
            ids = np.array([place[0] for place in places])
            if not (
                np.array_equal(everything.segment_ids[part], ids)
                and np.array_equal(everything.vectors[part], rows.astype(stored), equal_nan=True)
            ):
                return False
    return start == len(everything)


def _cut(catalog: Catalog, track: Track, time_seconds: float) -> str:
    """Truncate a track at a time, so that the next run continues there."""
    with catalog.write() as connection:
        track_rows.delete_segments(connection, track.id, from_seconds=time_seconds)
        track_rows.rewind(connection, track.id, time_seconds)
        vector_rows.rewind_spaces(connection, track.id, time_seconds)
    segments = "frames" if track.kind == "frames" else f"{track.kind} windows"
    return (
        f"removed its {segments} from {format_moment(time_seconds)} on; the next `vidsearch index` makes "
        "them again"
    )


def _name(video: Video) -> str:
    return f"#{video.id} {video.path}"
