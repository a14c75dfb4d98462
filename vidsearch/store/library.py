"""A library: the folder that keeps what is known of a collection of videos.

The one door to it. Every method that writes is one transaction, seen whole or not at all, after a kill too;
any number of processes may read and write at once. The catalog is the truth; the vector files beside it are
a cache that a search brings up to date. Knows no model and decodes no media.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidsearch.errors import LibraryNotWritable, VideoNotFound, VidsearchError
from vidsearch.store import (
    caption_ranking,
    caption_rows,
    frame_rows,
    ledger,
    schema,
    setting_rows,
    subtitle_rows,
    vector_rows,
    video_rows,
)
from vidsearch.store.catalog import Catalog
from vidsearch.store.lock import try_lock
from vidsearch.store.naming import find_video_named, find_videos_named
from vidsearch.store.records import (
    CaptionMatch,
    CaptionVersion,
    Cue,
    CueMatch,
    FileState,
    LibraryInfo,
    Problem,
    SubtitleTrack,
)
from vidsearch.types import (
    Caption,
    CaptionOrigin,
    Chunk,
    EmbeddingSpace,
    Failure,
    Fingerprint,
    FrameFilter,
    IndexedFrame,
    LibraryModels,
    SamplingPlan,
    Shot,
    Video,
    VideoInfo,
)

if TYPE_CHECKING:
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.search.query import Query
    from vidsearch.store.caption_ranking import Float64
    from vidsearch.store.vector_files import Matrix
    from vidsearch.store.vectors import Vectors
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
            text = setting_rows.get(connection, setting_rows.MODELS)
        if text is None:
            return None
        value = json.loads(text)
        return LibraryModels(embedders=tuple(value["embedders"]), captioner=value["captioner"])

    def set_models(self, models: LibraryModels) -> None:
        """Remember the models that it is made with. Raises LibraryNotWritable."""
        text = json.dumps({"embedders": list(models.embedders), "captioner": models.captioner})
        with self._catalog.write() as connection:
            setting_rows.put(connection, setting_rows.MODELS, text)

    def spaces(self) -> tuple[EmbeddingSpace, ...]:
        """The spaces that it has vectors in, or had."""
        with self._catalog.read() as connection:
            return tuple(row.space for row in vector_rows.spaces(connection))

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
            return frame_rows.filtered_ids(connection, where)

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

    def caption_matches(self, words: str, k: int, *, among: Int64 | None = None) -> list[CaptionMatch]:
        """The k frames whose captions answer any of the words best.

        Words are stemmed, `sun*` is a prefix, "red car" in quotes a phrase; no input is an error. `among`:
        frame ids, ascending, that alone may match.
        """
        with self._catalog.read() as connection:
            return caption_ranking.matches(connection, words, k, among=among)

    def caption_scores(self, words: str, k: int, *, among: Int64 | None = None) -> tuple[Int64, Float64]:
        """What `caption_matches` finds, as ids int64 (n,) and scores float64 (n,), without texts: quicker."""
        with self._catalog.read() as connection:
            return caption_ranking.best_scores(connection, words, k, among=among)

    def search(self, query: Query) -> SearchAnswer:
        """Answer a query; see `vidsearch.search.engine`."""
        from vidsearch.search.engine import search

        return search(self, query)

    # --- files: what is known, and who works on what ------------------------------------------------

    def lookup(self, path: Path) -> FileState:
        """What is known of a file. Reads it whole only where its quick key is known and its place is not.

        Raises MediaError where it cannot be read.
        """
        return ledger.lookup(self._catalog, path)

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
        plan: SamplingPlan,
        spaces: Iterable[EmbeddingSpace],
    ) -> Video:
        """Begin to index a file, or go on with it: `indexed_until_seconds` says from where.

        Content that is known under the same plan and with vectors in the same spaces only gains the path.
        Under another plan, or with other spaces, its frames go and it begins anew; human captions stay, by
        their times. A failure recorded for the path is forgotten.
        """
        return ledger.begin_video(self._catalog, path, fingerprint, info, plan, tuple(spaces))

    def add(self, video_id: int, chunk: Chunk) -> None:
        """Add a chunk of a video: frames, thumbnails, vectors, captions, shots, and how far it now is.

        A frame whose time is there already is left as it is. Raises VideoNotFound where the video was removed
        meanwhile, ValueError for a vector that does not fit its space, LibraryNotWritable.
        """
        ledger.add(self._catalog, video_id, chunk)

    def finish_video(self, video_id: int, *, duration_seconds: float | None = None) -> Video:
        """Note that all of a video is in, and how long it is. Raises VideoNotFound."""
        with self._catalog.write() as connection:
            video_rows.complete_video(connection, video_id, duration_seconds)
            return ledger.existing(connection, video_id)

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

    # --- captions -----------------------------------------------------------------------------------

    def set_caption(self, frame_id: int, caption: Caption) -> None:
        """Give a frame a new caption; see `set_captions`."""
        self.set_captions({frame_id: caption})

    def set_captions(self, captions: Mapping[int, Caption]) -> None:
        """Give frames new captions, in one transaction. The old ones are kept as versions.

        A model's caption does not take the place of a human's. Raises VideoNotFound for an unknown frame.
        """
        with self._catalog.write() as connection:
            for frame_id, caption in captions.items():
                try:
                    caption_rows.put_caption(connection, int(frame_id), caption)
                except sqlite3.IntegrityError as error:
                    raise VideoNotFound(f"There is no frame {frame_id} in {self.path}.") from error
                if caption.origin is CaptionOrigin.HUMAN:
                    caption_rows.put_correction(connection, int(frame_id), caption.text)

    def corrected_frames(self, frame_ids: Int64) -> Int64:
        """Those of the frames whose caption a person wrote: ids, int64 (n,), in no order."""
        with self._catalog.read() as connection:
            return caption_rows.corrected_frames(connection, frame_ids)

    def caption_versions(self, frame_id: int) -> list[CaptionVersion]:
        """All captions that a frame has had, the first one first."""
        with self._catalog.read() as connection:
            return caption_rows.versions(connection, frame_id)

    # --- subtitles ----------------------------------------------------------------------------------

    def set_subtitles(self, video_id: int, name: str, cues: Iterable[Cue]) -> None:
        """Keep a subtitle track beside a video's captions; one of the same name is replaced.

        Raises VideoNotFound, LibraryNotWritable.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            subtitle_rows.put_track(connection, video_id, name, cues)

    def remove_subtitles(self, video_id: int, name: str) -> bool:
        """Remove a subtitle track. Returns whether there was one."""
        with self._catalog.write() as connection:
            return subtitle_rows.delete_track(connection, video_id, name)

    def subtitles(self, video_id: int) -> list[SubtitleTrack]:
        """A video's subtitle tracks, by name."""
        with self._catalog.read() as connection:
            return subtitle_rows.tracks_of(connection, video_id)

    def subtitle_matches(self, words: str, k: int) -> list[CueMatch]:
        """The k subtitles that answer any of the words best; words as in `caption_matches`."""
        with self._catalog.read() as connection:
            return subtitle_rows.matches(connection, words, k)
