"""A library: the folder that keeps what is known of a collection of videos.

The one door to it. Every method that writes is one transaction, seen whole or not at all, after a kill too;
any number of processes may read and write at once. The catalog is the truth; the vector files beside it are
a cache that a search brings up to date. Knows no model and decodes no media.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidsearch.errors import LibraryNotWritable, TrackNotFound, VideoNotFound, VidsearchError
from vidsearch.store import (
    caption_rows,
    filters,
    frame_rows,
    ledger,
    schema,
    setting_rows,
    track_rows,
    upgrade,
    vector_rows,
    video_rows,
    word_ranking,
)
from vidsearch.store.catalog import Catalog
from vidsearch.store.lock import try_lock
from vidsearch.store.naming import find_video_named, find_videos_named
from vidsearch.store.records import (
    CaptionVersion,
    Cue,
    FileState,
    LibraryInfo,
    OpenedVideo,
    Problem,
    SubtitleTrack,
)
from vidsearch.store.word_ranking import WordKind
from vidsearch.tracks import Chunk, Segment, SegmentMatch, SegmentRecord, Track, TrackSpec
from vidsearch.types import (
    EmbeddingSpace,
    Failure,
    Fingerprint,
    FrameFilter,
    IndexedFrame,
    LibraryModels,
    Shot,
    Video,
    VideoInfo,
)

if TYPE_CHECKING:
    import sqlite3

    from vidsearch.store.vector_files import Matrix
    from vidsearch.store.vectors import Vectors
    from vidsearch.store.word_ranking import Float64
    from vidsearch.types import Float32, Int64

CLAIMS_FOLDER = "claims"
_LARGEST_ID = (1 << 63) - 1


class Library:
    """Videos, frames, vectors and captions in one folder. Use `Library.open`; close it, or use `with`."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._vectors: Vectors | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Self:
        """Open the library in a folder; with `create`, make it where there is none.

        A folder that cannot be written opens read-only by itself. Raises LibraryNotFound, LibraryDamaged,
        LibraryTooNew, LibraryNotWritable.
        """
        return cls(Catalog(Path(path), create=create, read_only=read_only))

    def close(self) -> None:
        """Let go of the files."""
        if self._vectors is not None:
            self._vectors.forget()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- the library itself -------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        return self._catalog.folder

    @property
    def is_read_only(self) -> bool:
        return self._catalog.read_only

    @property
    def models(self) -> LibraryModels | None:
        """The models that it is made with; None before anything is indexed."""
        with self._catalog.read() as connection:
            return setting_rows.models(connection)

    def set_models(self, models: LibraryModels) -> None:
        """Remember the models that it is made with. Raises LibraryNotWritable."""
        with self._catalog.write() as connection:
            setting_rows.put_models(connection, models)

    def spaces(self) -> tuple[EmbeddingSpace, ...]:
        """The spaces that are searched, in the order in which they came."""
        with self._catalog.read() as connection:
            return tuple(row.space for row in vector_rows.spaces(connection, "active"))

    def info(self) -> LibraryInfo:
        """The library in numbers."""
        with self._catalog.read() as connection:
            numbers = setting_rows.numbers(connection)
        files = (entry for entry in self.path.rglob("*") if entry.is_file())
        return LibraryInfo(
            path=self.path,
            format_version=schema.FORMAT_VERSION,
            models=self.models,
            spaces=self.spaces(),
            size_bytes=sum(entry.stat().st_size for entry in files),
            **numbers,
        )

    # --- reading ------------------------------------------------------------------------------------

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
                found = video_rows.videos_by_id(connection, [ref]) if ref <= _LARGEST_ID else []
                if not found:
                    raise VideoNotFound(f"There is no video #{ref} in {self.path}.")
                return found[0]
            videos = video_rows.all_videos(connection)
        return find_video_named(ref, videos)

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
            raise VideoNotFound(f"There is no frame {frame_id} in {self.path}.")
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
        if where.is_empty:
            return None
        with self._catalog.read() as connection:
            return filters.filtered_ids(connection, where)

    # --- searching ----------------------------------------------------------------------------------

    @property
    def _index(self) -> Vectors:
        if self._vectors is None:
            from vidsearch.store.vectors import Vectors

            with self._catalog.read() as connection:
                library_id = setting_rows.get(connection, setting_rows.LIBRARY_ID) or ""
            self._vectors = Vectors(self._catalog, library_id=library_id)
        return self._vectors

    def vectors(self, space: EmbeddingSpace, frame_ids: Sequence[int]) -> tuple[Int64, Float32]:
        """The vectors of these frames, in this order: ids int64 (n,), rows float32 (n, dim).

        Frames without a vector in the space are left out.
        """
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            space_id = -1 if row is None else row.id
            return vector_rows.vectors_by_frame(connection, space_id, space.dim, frame_ids)

    def matrix(self, space: EmbeddingSpace) -> Matrix:
        """All vectors of a space, by frame id: (frame_ids, video_ids, times, vectors).

        int64 (n,), int64 (n,), float64 (n,) seconds, float32 (n, dim) with unit rows. The same arrays until
        the library changes, mapped from disk where possible; they cannot be written.
        """
        return self._index.matrix(space)

    def nearest(
        self, space: EmbeddingSpace, queries: Float32, k: int, *, among: Int64 | None = None
    ) -> tuple[Int64, Float32]:
        """The k frames whose vectors have the largest inner products with each query.

        queries: float32 (q, dim), unit rows. `among`: frame ids, ascending, that alone are looked at. Returns
        ids int64 (q, k) and scores float32 (q, k), best first, equal scores by id; -1 and -inf where there
        are fewer than k.
        """
        return self._index.nearest(space, queries, k, among=among)

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
    ) -> tuple[Int64, Float64]:
        """What `match` finds, as segment ids int64 (n,) and scores float64 (n,), without texts: quicker."""
        with self._catalog.read() as connection:
            among = _among(connection, kinds, where)
            return word_ranking.best_scores(connection, words, k, kinds=kinds, among=among)

    def positions(self, segment_ids: Sequence[int] | Int64) -> tuple[Int64, Float64, Float64]:
        """Where segments are: their videos int64 (n,), and starts and ends, float64 (n,) seconds, in this
        order.

        Raises KeyError for an id that no segment has.
        """
        with self._catalog.read() as connection:
            return filters.positions(connection, [int(segment_id) for segment_id in segment_ids])

    # --- files: what is known, and who works on what ------------------------------------------------

    def lookup(self, path: Path) -> FileState:
        """What is known of a file. Reads it whole only where its quick key is known and its place is not.

        Raises MediaError where it cannot be read.
        """
        return ledger.lookup(self._catalog, path)

    def lookup_content(self, fingerprint: Fingerprint) -> FileState:
        """What is known of some content, wherever its file is."""
        return ledger.lookup_content(self._catalog, fingerprint)

    @contextmanager
    def claim(self, content_hash: str) -> Iterator[bool]:
        """Hold the right to index this content; yields False where somebody else holds it.

        A process that dies gives it back.
        """
        folder = self.path / CLAIMS_FOLDER
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise LibraryNotWritable(f"Cannot write in {self.path}: {error}.") from error
        with try_lock(folder / content_hash, remove_after=True) as is_held:
            yield is_held

    def was_left_in_work(self, content_hash: str) -> bool:
        """Whether a process died while it held the claim to this content. To be asked before claiming it."""
        path = self.path / CLAIMS_FOLDER / content_hash
        if not path.exists():
            return False
        with try_lock(path) as is_held:
            return is_held

    def add_path(self, video_id: int, path: Path, fingerprint: Fingerprint | None = None) -> Video:
        """Note that a video's content is at a path too; another video that was there loses the path.

        `fingerprint` saves reading the file where it was read already. Raises VideoNotFound where the file
        holds something else, MediaError, LibraryNotWritable.
        """
        return ledger.add_path(self._catalog, video_id, path, fingerprint)

    def prune(self, *, missing: bool = False) -> list[Video]:
        """Remove the videos that are nowhere any more, and return them as they were.

        These are the videos whose every path now has other content; with `missing`, also those without a
        path at which there is a file, and the paths without a file of those that stay.
        """
        return ledger.prune(self._catalog, missing=missing)

    def record_failure(self, path: Path, error: VidsearchError) -> None:
        """Note that a file could not be indexed. It is passed over until it changes."""
        ledger.record_failure(self._catalog, path, error)

    def forget_failure(self, path: Path) -> None:
        """Forget that a file failed, so that it is tried again."""
        with self._catalog.write() as connection:
            video_rows.delete_failure(connection, ledger.absolute(path))

    # --- indexing: one transaction each -------------------------------------------------------------

    def begin_video(
        self,
        path: Path,
        fingerprint: Fingerprint,
        info: VideoInfo,
        specs: Sequence[TrackSpec],
        spaces: Sequence[EmbeddingSpace] = (),
        *,
        again: bool = False,
    ) -> OpenedVideo:
        """Begin to make tracks of a file, or continue: the answer says how far each of them is.

        A track that would take the place of an active one is built beside it, and shown by `finish_video`.
        `spaces` are those that its frames are to have vectors in, beside those that they have. `again` makes
        tracks a second time that are whole, but for frames and shots. A failure recorded for the path is
        forgotten.
        """
        return ledger.begin_video(self._catalog, path, fingerprint, info, specs, spaces, again=again)

    def append(self, video_id: int, chunk: Chunk) -> None:
        """Add a part of some of a video's tracks, and note how far they now are.

        Raises VideoNotFound where the video or a track was removed meanwhile, ValueError for a vector that
        does not fit its space, LibraryNotWritable.
        """
        ledger.append(self._catalog, video_id, chunk)

    def finish_video(
        self,
        video_id: int,
        track_ids: Sequence[int],
        *,
        frames_track_id: int | None = None,
        spaces: Sequence[EmbeddingSpace] = (),
        duration_seconds: float | None = None,
        shows: bool = True,
    ) -> Video:
        """Note that tracks are whole, and how long the video is; they take the place of those before them.

        `spaces` are those in which the segments of `frames_track_id` now have all their vectors. With `shows`
        false, tracks that were built beside others stay unseen. Raises VideoNotFound.
        """
        return ledger.finish(
            self._catalog,
            video_id,
            track_ids,
            frames_track_id=frames_track_id,
            spaces=spaces,
            duration_seconds=duration_seconds,
            shows=shows,
        )

    def take_back(
        self,
        video_id: int,
        track_ids: Sequence[int],
        *,
        frames_track_id: int,
        spaces: Sequence[EmbeddingSpace] = (),
        from_seconds: float = 0.0,
    ) -> None:
        """Remove what a run made of tracks, and of vectors in these spaces, from a time on.

        For a file that changed while it was read. A video of which nothing is left goes; what people wrote
        stays.
        """
        ledger.take_back(
            self._catalog,
            video_id,
            track_ids,
            frames_track_id=frames_track_id,
            spaces=spaces,
            from_seconds=from_seconds,
        )

    def remove_if_empty(self, video_id: int) -> None:
        """Remove a video whose tracks are all empty."""
        ledger.remove_if_empty(self._catalog, video_id)

    def remove(self, video_id: int) -> None:
        """Remove a video with its frames, vectors and captions; the file stays. Raises VideoNotFound."""
        ledger.remove(self._catalog, [video_id])

    def refresh_vectors(self) -> None:
        """Bring the vector files up to date, as a search would. Raises LibraryNotWritable."""
        self._index.refresh()

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """All that is wrong with the library, and with `repair`, what was done about it.

        Reads each vector and each small picture, and each file whose size or time is not what it was. Raises
        LibraryNotWritable where `repair` cannot write.
        """
        from vidsearch.store.verify import verify

        return verify(self._catalog, lambda: self._index, repair=repair)

    # --- tracks -------------------------------------------------------------------------------------

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
                    Cue(segment.start_seconds, segment.end_seconds, segment.text or "")
                    for segment in self.segments(track.id)
                ),
            )
            for track in self.tracks(video_id)
            if track.kind == "subtitle" and track.state == "active"
        ]

    def put_track(self, video_id: int, spec: TrackSpec, segments: Iterable[SegmentRecord]) -> Track:
        """Keep a whole track, shown at once; one that it takes the place of goes.

        Raises VideoNotFound, LibraryNotWritable.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            track_id = track_rows.set_track(connection, video_id, spec, segments)
            track = track_rows.track(connection, track_id)
        assert track is not None
        return track

    def remove_track(self, track_id: int) -> Track:
        """Remove a track, and return it as it was. Raises TrackNotFound, LibraryNotWritable."""
        return ledger.remove_tracks(self._catalog, [track_id])[0]

    def track(self, track_id: int) -> Track:
        """The track with an id. Raises TrackNotFound."""
        with self._catalog.read() as connection:
            track = track_rows.track(connection, track_id)
        if track is None:
            raise TrackNotFound(f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's.")
        return track

    # --- captions -----------------------------------------------------------------------------------

    def add_human_caption(self, video_id: int, start_seconds: float, end_seconds: float, text: str) -> int:
        """Keep what a person says of [start, end) of a video, and return the segment's id.

        It is shown and found in place of what models say there, and no indexing removes it. What a person
        wrote there before is kept as a version. Raises VideoNotFound, LibraryNotWritable.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            return caption_rows.add_human(connection, video_id, start_seconds, end_seconds, text)

    def caption_versions(self, frame_id: int) -> list[CaptionVersion]:
        """All captions that a frame has had, the first one first."""
        with self._catalog.read() as connection:
            frames = frame_rows.frames_by_id(connection, [frame_id])
            if not frames:
                return []
            return caption_rows.versions(connection, frames[0].video_id, frames[0].time_seconds)

    # --- other models -------------------------------------------------------------------------------

    def prepare_upgrade(self, spaces: Sequence[EmbeddingSpace]) -> None:
        """Let vectors of other spaces be added that no search sees until `switch_models`."""
        upgrade.prepare(self._catalog, spaces)

    def switch_models(self, models: LibraryModels, spaces: Sequence[EmbeddingSpace]) -> None:
        """Search these spaces from now on, show this captioner's captions, and remember the models.

        The spaces and captions before are kept, but neither searched nor shown, until `prune_superseded`.
        """
        upgrade.switch(self._catalog, models, spaces)

    def prune_superseded(self) -> int:
        """Remove the vectors and tracks that others took the place of. Returns how many rows that were.

        What people wrote is kept.
        """
        return upgrade.prune(self._catalog)


def _among(
    connection: sqlite3.Connection, kinds: Sequence[WordKind], where: FrameFilter
) -> dict[WordKind, Int64] | None:
    """The segments that a filter leaves, by kind; None where it leaves all."""
    if where.is_empty:
        return None
    return {
        each: filters.filtered_ids(connection, where, each.kind, is_human=each.is_human) for each in kinds
    }
