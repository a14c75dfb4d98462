"""What a library can say of itself: every method is one snapshot, and none waits for a writer."""

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
    """The half of `Store` that reads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.concepts = ConceptStore(catalog)
        """What the library was taught."""
        self.alerts = AlertStore(catalog)
        """What `watch` found to tell of, and who was told."""
        self.labels = LabelStore(catalog)
        """What is looked for in every frame, and where it was seen."""

    @property
    def path(self) -> Path:
        """The folder of its files on this machine."""
        return self._catalog.folder

    @property
    def address(self) -> str:
        """What names the library to people: its folder, or its server without a password."""
        return self._catalog.address

    def stamp(self) -> object:
        """A value that is another one after each write of any process."""
        return self._catalog.stamp()

    @property
    def is_read_only(self) -> bool:
        return self._catalog.read_only

    @property
    def models(self) -> LibraryModels | None:
        """The models that it is made with; None before anything is indexed."""
        with self._catalog.read() as connection:
            return setting_rows.models(connection)

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns, as in a .gitignore, of the files in folders that indexing passes over."""
        with self._catalog.read() as connection:
            return setting_rows.exclude(connection)

    def spaces(self, kind: TrackKind | None = "frames") -> tuple[EmbeddingSpace, ...]:
        """The spaces that are searched and hold vectors of segments of a kind, in the order in which they
        came; None for those of all kinds."""
        with self._catalog.read() as connection:
            return tuple(row.space for row in vector_rows.spaces(connection, "active", kind))

    def info(self) -> LibraryInfo:
        """The library in numbers."""
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
        """Return every video, in the order of first indexing, or those that a name means.

        Raises VideoNotFound for a name that fits none; see `vidsearch.store.naming`.
        """
        with self._catalog.read() as connection:
            videos = video_rows.all_videos(connection)
        return videos if name is None else find_videos_named(name, videos)

    def video(self, ref: str | int) -> Video:
        """Return the one video that an id or a name means; see `vidsearch.store.naming`.

        Raises VideoNotFound where there is none, or where the name fits several.
        """
        with self._catalog.read() as connection:
            if isinstance(ref, int):
                found = video_rows.videos_by_id(connection, [ref]) if ref <= LARGEST_ID else []
                if not found:
                    raise VideoNotFound(f"There is no video #{ref} in {self.address}.")
                return found[0]
            videos = video_rows.all_videos(connection)
        return find_video_named(ref, videos)

    def recorded_local_seconds(self) -> dict[int, float]:
        """When each video was recorded, as the clock of that place showed it, in seconds since 1970."""
        with self._catalog.read() as connection:
            return video_rows.recorded_local_seconds(connection)

    def video_of_content(self, content_hash: str) -> Video | None:
        """The video of this content; None where the library has none."""
        with self._catalog.read() as connection:
            return video_rows.video_by_hash(connection, content_hash)

    def frames(self, video_id: int) -> list[IndexedFrame]:
        """A video's frames, by time."""
        with self._catalog.read() as connection:
            return frame_rows.frames_of(connection, video_id)

    def track_frames(self, track_id: int) -> list[IndexedFrame]:
        """The frames of one `frames` track, shown or not, by time."""
        with self._catalog.read() as connection:
            return frame_rows.frames_of_track(connection, track_id)

    def frames_by_id(self, frame_ids: Sequence[int]) -> list[IndexedFrame]:
        """The frames with these ids, in this order; unknown ids are left out."""
        with self._catalog.read() as connection:
            return frame_rows.frames_by_id(connection, [int(frame_id) for frame_id in frame_ids])

    def thumbnail(self, frame_id: int) -> bytes:
        """A frame's small picture, JPEG. Raises VideoNotFound where there is no such frame."""
        with self._catalog.read() as connection:
            jpeg = frame_rows.thumbnail(connection, frame_id)
        if jpeg is None:
            raise VideoNotFound(f"There is no frame {frame_id} in {self.address}.")
        return jpeg

    def shots(self, video_id: int) -> list[Shot]:
        """A video's shots, by start; none where it was not sampled by shots."""
        with self._catalog.read() as connection:
            return frame_rows.shots_of(connection, video_id)

    def failures(self) -> list[Failure]:
        """The files that could not be indexed, by path."""
        with self._catalog.read() as connection:
            return video_rows.failures(connection)

    def frame_ids(self, where: FrameFilter) -> Int64 | None:
        """Ids of the frames that a filter leaves, ascending; None where it is empty and leaves all."""
        return self.segment_ids(where, "frames")

    def segment_ids(self, where: FrameFilter, kind: TrackKind) -> Int64 | None:
        """Ids of the segments of a kind that a filter leaves, ascending; None where it is empty and leaves
        all."""
        if where.is_empty:
            return None
        with self._catalog.read() as connection:
            return filters.segments_left(connection, where, kind)

    def lines_lacking(
        self, space: EmbeddingSpace, num_lines: int, *, after: int = 0, by_models: bool = True
    ) -> list[tuple[int, str]]:
        """Ids and words of segments of the space's kind that have no vector in it, by id.

        Args:
            space: The space.
            num_lines: How many, at most.
            after: The id to go on after: the last one of the call before. Lines up to it are not looked at.
            by_models: Whether to take those by models as well as those by people.
        """
        words = [WordKind(space.kind, is_human=True), *([WordKind(space.kind)] if by_models else [])]
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            space_id = -1 if row is None else row.id
            return line_vectors.lacking(connection, space_id, words, num_lines=num_lines, after=after)

    def covered_lines(self) -> Int64:
        """Ids of the models' captions and lines that a person's words cover whole, ascending: not shown."""
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
        """The k segments of these kinds whose words answer best: one ranking over all of them.

        Words are stemmed, `sun*` is a prefix, "red car" in quotes a phrase; no input is an error.
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
        """What `match` finds, as arrays of ids, scores and shares of the words, without texts: quicker."""
        with self._catalog.read() as connection:
            among = _among(connection, kinds, where)
            return word_ranking.best_scores(connection, words, k, kinds=kinds, among=among)

    def marked(self, words: str, scores: Mapping[int, float]) -> list[SegmentMatch]:
        """What segments say, with the words that answer marked: of ids with their scores, in this order.

        Segments that are gone are left out.
        """
        with self._catalog.read() as connection:
            return word_ranking.marked(connection, words, scores)

    def positions(self, segment_ids: Sequence[int] | Int64) -> tuple[Int64, Float64, Float64]:
        """Where segments are: their videos int64 (n,), and starts and ends, float64 (n,) seconds, in this
        order.

        Raises KeyError for an id that no segment has.
        """
        with self._catalog.read() as connection:
            return filters.positions(connection, [int(segment_id) for segment_id in segment_ids])

    def tracks(self, video_id: int) -> list[Track]:
        """A video's tracks, in the order in which they were begun."""
        with self._catalog.read() as connection:
            return track_rows.tracks_of(connection, video_id)

    def segments(self, track_id: int) -> list[Segment]:
        """A track's segments, by start."""
        with self._catalog.read() as connection:
            return track_rows.segments_of(connection, track_id)

    def subtitles(self, video_id: int) -> list[SubtitleTrack]:
        """A video's subtitle tracks that are shown, with their lines."""
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
        """The track with an id. Raises TrackNotFound."""
        with self._catalog.read() as connection:
            track = track_rows.track(connection, track_id)
        if track is None:
            raise TrackNotFound(f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's.")
        return track

    def caption_versions(self, frame_id: int) -> list[CaptionVersion]:
        """All captions that a frame has had, the first one first."""
        with self._catalog.read() as connection:
            frames = frame_rows.frames_by_id(connection, [frame_id])
            if not frames:
                return []
            return caption_rows.versions(connection, frames[0].video_id, frames[0].time_seconds)

    def lookup(self, path: Path) -> FileState:
        """What is known of a file. Reads it whole only where its quick key is known and its place is not.

        Raises MediaError where it cannot be read.
        """
        path = absolute(path)
        known = elsewhere.known_version(self._catalog, path) if is_elsewhere(path) else None
        return known or ledger.lookup(self._catalog, path)

    def lookup_content(self, fingerprint: Fingerprint) -> FileState:
        """What is known of some content, wherever its file is."""
        return ledger.lookup_content(self._catalog, fingerprint)


def _among(
    connection: Connection, kinds: Sequence[WordKind], where: FrameFilter
) -> dict[WordKind, Int64] | None:
    """The segments that a filter leaves, by kind; None where it leaves all."""
    if where.is_empty:
        return None
    shown = word_ranking.num_searchable(connection)
    return {
        each: filters.filtered_ids(connection, where, each.kind, is_human=each.is_human)
        if shown.get(each)
        else np.empty(0, np.int64)
        for each in kinds
    }
