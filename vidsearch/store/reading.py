"""The part of `Store` that reads. Each method sees one snapshot, and none waits for a writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import TrackNotFound, VideoNotFound
from vidsearch.paths import absolute, is_elsewhere
from vidsearch.store import (
    caption_rows,
    elsewhere,
    filters,
    frame_rows,
    ledger,
    line_vectors,
    setting_rows,
    track_rows,
    vector_rows,
    video_rows,
    word_ranking,
)
from vidsearch.store.alerts import AlertStore
from vidsearch.store.catalog import Catalog
from vidsearch.store.concepts import ConceptStore
from vidsearch.store.labels import LabelStore
from vidsearch.store.naming import find_video_named, find_videos_named
from vidsearch.store.records import (
    CaptionVersion,
    FileState,
    LibraryInfo,
    SubtitleTrack,
)
from vidsearch.store.sqlite.schema import FORMAT_VERSION
from vidsearch.tracks import Segment, SegmentMatch, Track, TrackKind, WordKind
from vidsearch.types import (
    LARGEST_ID,
    EmbeddingSpace,
    Failure,
    Fingerprint,
    FrameFilter,
    IndexedFrame,
    LibraryModels,
    Shot,
    TimedText,
    Video,
)

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.store.word_ranking import Float64, Ranked
    from vidsearch.types import Int64


class StoreReading:
    """A store that can be read."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.concepts = ConceptStore(catalog)
        """The concepts that the library was taught."""
        self.alerts = AlertStore(catalog)
        """The alerts of `vidsearch watch`, and their delivery."""
        self.labels = LabelStore(catalog)
        """The labels that are searched for in every frame."""

    @property
    def path(self) -> Path:
        """The folder on this machine that holds its files."""
        return self._catalog.folder

    @property
    def address(self) -> str:
        """The library's folder, or its server's address without the password: for messages."""
        return self._catalog.address

    def stamp(self) -> object:
        """A value that changes with each write by any process."""
        return self._catalog.stamp()

    @property
    def is_read_only(self) -> bool:
        return self._catalog.read_only

    @property
    def models(self) -> LibraryModels | None:
        """The models that the library uses; None before the first run."""
        with self._catalog.read() as connection:
            return setting_rows.models(connection)

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns, as in a .gitignore, of files that indexing skips."""
        with self._catalog.read() as connection:
            return setting_rows.exclude(connection)

    def spaces(self, kind: TrackKind | None = "frames") -> tuple[EmbeddingSpace, ...]:
        """Return the spaces that are searched, in the order in which they were added.

        Args:
            kind: Only spaces of this kind of segments; None for all.
        """
        with self._catalog.read() as connection:
            return tuple(row.space for row in vector_rows.spaces(connection, "active", kind))

    def info(self) -> LibraryInfo:
        """Return the library's models, and its size in numbers."""
        with self._catalog.read() as connection:
            numbers = setting_rows.numbers(connection)
        return LibraryInfo(
            path=self.address,
            format_version=FORMAT_VERSION,
            models=self.models,
            spaces=self.spaces(kind=None),
            size_bytes=self._catalog.size_bytes(),
            **numbers,
        )

    def videos(self, name: str | None = None) -> list[Video]:
        """Return videos, in the order of first indexing.

        Args:
            name: Only those with this name, as in `vidsearch.store.naming`; None for all.

        Raises:
            VideoNotFound: No video has this name.
        """
        with self._catalog.read() as connection:
            videos = video_rows.all_videos(connection)
        return videos if name is None else find_videos_named(name, videos, failures=self.failures)

    def video(self, ref: str | int) -> Video:
        """Return one video.

        Args:
            ref: Its id, or its name as in `vidsearch.store.naming`.

        Raises:
            VideoNotFound: No video, or more than one, has this name.
        """
        with self._catalog.read() as connection:
            if isinstance(ref, int):
                found = video_rows.videos_by_id(connection, [ref]) if ref <= LARGEST_ID else []
                if not found:
                    raise VideoNotFound(f"There is no video #{ref} in {self.address}.")
                return found[0]
            videos = video_rows.all_videos(connection)
        return find_video_named(ref, videos, failures=self.failures)

    def recorded_local_seconds(self) -> dict[int, float]:
        """Return when each video was recorded, by id: the local time there, in seconds since 1970."""
        with self._catalog.read() as connection:
            return video_rows.recorded_local_seconds(connection)

    def video_of_content(self, content_hash: str) -> Video | None:
        """Return the video with this content hash, or None."""
        with self._catalog.read() as connection:
            return video_rows.video_by_hash(connection, content_hash)

    def frames(self, video_id: int) -> list[IndexedFrame]:
        """Return a video's frames, by time."""
        with self._catalog.read() as connection:
            return frame_rows.frames_of(connection, video_id)

    def track_frames(self, track_id: int) -> list[IndexedFrame]:
        """Return the frames of one `frames` track in any state, by time."""
        with self._catalog.read() as connection:
            return frame_rows.frames_of_track(connection, track_id)

    def frames_by_id(self, frame_ids: Sequence[int]) -> list[IndexedFrame]:
        """Return the frames with these ids, in this order. Unknown ids are left out."""
        with self._catalog.read() as connection:
            return frame_rows.frames_by_id(connection, [int(frame_id) for frame_id in frame_ids])

    def thumbnail(self, frame_id: int) -> bytes:
        """Return a frame's thumbnail as JPEG, empty if none is stored.

        Raises:
            VideoNotFound: There is no such frame.
        """
        with self._catalog.read() as connection:
            jpeg = frame_rows.thumbnail(connection, frame_id)
        if jpeg is None:
            raise VideoNotFound(f"There is no frame {frame_id} in {self.address}.")
        return jpeg

    def shots(self, video_id: int) -> list[Shot]:
        """Return a video's shots, by start; none if it was not sampled by shots."""
        with self._catalog.read() as connection:
            return frame_rows.shots_of(connection, video_id)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, by path."""
        with self._catalog.read() as connection:
            return video_rows.failures(connection)

    def frame_ids(self, where: FrameFilter) -> Int64 | None:
        """Return the ids of frames that pass a filter, ascending int64 (n,); None if the filter is empty."""
        return self.segment_ids(where, "frames")

    def segment_ids(self, where: FrameFilter, kind: TrackKind) -> Int64 | None:
        """Return the ids of a kind's segments that pass a filter, as `frame_ids` does."""
        if where.is_empty:
            return None
        with self._catalog.read() as connection:
            return filters.segments_left(connection, where, kind)

    def lines_lacking(
        self, space: EmbeddingSpace, num_lines: int, *, after: int = 0, by_models: bool = True
    ) -> list[tuple[int, str]]:
        """Return the ids and texts of segments of the space's kind that have no vector in it, by id.

        Args:
            space: The space.
            num_lines: How many to return, at most.
            after: Only segments with a larger id: the last id of the previous call.
            by_models: Whether to include segments by models, besides those by people.
        """
        words = [WordKind(space.kind, is_human=True), *([WordKind(space.kind)] if by_models else [])]
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            space_id = -1 if row is None else row.id
            return line_vectors.lacking(connection, space_id, words, num_lines=num_lines, after=after)

    def covered_lines(self) -> Int64:
        """Return the ids of models' segments that are hidden by a person's words, ascending."""
        with self._catalog.read() as connection:
            return np.asarray(caption_rows.covered_by_people(connection), dtype=np.int64)

    def match(
        self,
        words: str,
        k: int,
        *,
        kinds: Sequence[WordKind],
        where: FrameFilter = FrameFilter(),
    ) -> list[SegmentMatch]:
        """Find the segments whose text matches words best, in one ranking over several kinds.

        Args:
            words: Stemmed when compared; `sun*` is a prefix, "red car" in quotes a phrase. Any text is valid.
            k: How many to find.
            kinds: The kinds of text to search.
            where: The filter that segments must pass.

        Returns:
            The matches, best first.
        """
        with self._catalog.read() as connection:
            among = _among(connection, kinds, where)
            return word_ranking.matches(connection, words, k, kinds=kinds, among=among)

    def match_scores(
        self,
        words: str,
        k: int,
        *,
        kinds: Sequence[WordKind],
        where: FrameFilter = FrameFilter(),
    ) -> Ranked:
        """Find what `match` finds, as arrays of ids, scores and shares of the words, without texts."""
        with self._catalog.read() as connection:
            among = _among(connection, kinds, where)
            return word_ranking.best_scores(connection, words, k, kinds=kinds, among=among)

    def marked(self, words: str, scores: Mapping[int, float]) -> list[SegmentMatch]:
        """Return segments with the matching words highlighted.

        Args:
            words: As for `match`.
            scores: The segments' scores by id; the answer has the same order.

        Returns:
            The matches. Segments that have been removed are left out.
        """
        with self._catalog.read() as connection:
            return word_ranking.marked(connection, words, scores)

    def positions(self, segment_ids: Sequence[int] | Int64) -> tuple[Int64, Float64, Float64]:
        """Return where segments are, in the given order.

        Returns:
            The ids of their videos, int64 (n,), and their starts and ends in seconds, float64 (n,).

        Raises:
            KeyError: No segment has one of the ids.
        """
        with self._catalog.read() as connection:
            return filters.positions(connection, [int(segment_id) for segment_id in segment_ids])

    def tracks(self, video_id: int) -> list[Track]:
        """Return a video's tracks, in the order in which they were begun."""
        with self._catalog.read() as connection:
            return track_rows.tracks_of(connection, video_id)

    def segments(self, track_id: int) -> list[Segment]:
        """Return a track's segments, by start."""
        with self._catalog.read() as connection:
            return track_rows.segments_of(connection, track_id)

    def subtitles(self, video_id: int) -> list[SubtitleTrack]:
        """Return a video's active subtitle tracks with their lines."""
        return [
            SubtitleTrack(
                id=track.id,
                video_id=video_id,
                name=track.name,
                cues=tuple(
                    TimedText(segment.start_seconds, segment.end_seconds, segment.text or "")
                    for segment in self.segments(track.id)
                ),
            )
            for track in self.tracks(video_id)
            if track.kind == "subtitle" and track.state == "active"
        ]

    def track(self, track_id: int) -> Track:
        """Return the track with an id.

        Raises:
            TrackNotFound: There is no such track.
        """
        with self._catalog.read() as connection:
            track = track_rows.track(connection, track_id)
        if track is None:
            raise TrackNotFound(f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's.")
        return track

    def caption_versions(self, frame_id: int) -> list[CaptionVersion]:
        """Return all captions that a frame has had, oldest first."""
        with self._catalog.read() as connection:
            frames = frame_rows.frames_by_id(connection, [frame_id])
            if not frames:
                return []
            return caption_rows.versions(connection, frames[0].video_id, frames[0].time_seconds)

    def lookup(self, path: Path) -> FileState:
        """Return what the library knows about a file.

        Reads the whole file only if its path is new and its quick key is known.

        Raises:
            MediaError: The file cannot be read.
        """
        path = absolute(path)
        known = elsewhere.known_version(self._catalog, path) if is_elsewhere(path) else None
        return known or ledger.lookup(self._catalog, path)

    def lookup_content(self, fingerprint: Fingerprint) -> FileState:
        """Return what the library knows about some content, at whatever path."""
        return ledger.lookup_content(self._catalog, fingerprint)


def _among(
    connection: Connection, kinds: Sequence[WordKind], where: FrameFilter
) -> dict[WordKind, Int64] | None:
    """Return the ids of segments that pass a filter, by kind; None if the filter is empty."""
    if where.is_empty:
        return None
    shown = word_ranking.num_searchable(connection)
    return {
        each: filters.filtered_ids(connection, where, each.kind, is_human=each.is_human)
        if shown.get(each)
        else np.empty(0, np.int64)
        for each in kinds
    }
