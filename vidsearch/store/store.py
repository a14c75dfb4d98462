"""A library: the folder that keeps what is known of a collection of videos.

The one door to it. Every method that writes is one transaction, seen whole or not at all, after a kill too;
any number of processes may read and write at once. The catalog is the truth; the vector files beside it are
a cache that a search brings up to date.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidsearch.errors import VidsearchError
from vidsearch.paths import absolute
from vidsearch.store import (
    caption_rows,
    elsewhere,
    leases,
    ledger,
    line_vectors,
    setting_rows,
    track_rows,
    upgrade,
    vector_rows,
    video_rows,
)
from vidsearch.store.catalog import Catalog, open_catalog
from vidsearch.store.reading import StoreReading
from vidsearch.store.records import Lease, OpenedVideo, Problem
from vidsearch.tracks import Chunk, SegmentRecord, Track, TrackKind, TrackSpec
from vidsearch.types import (
    EmbeddingSpace,
    Fingerprint,
    LibraryModels,
    Video,
    VideoInfo,
)

if TYPE_CHECKING:
    from vidsearch.store.copying import CopyProgress, CopyReport
    from vidsearch.store.matrix import Matrix
    from vidsearch.store.vectors import Vectors
    from vidsearch.types import Float32, Int64


class Store(StoreReading):
    """Videos, frames, vectors and captions in one folder. Use `Store.open`; close it, or use `with`."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._vectors: Vectors | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Self:
        """Open the library in a folder; with `create`, make it where there is none.

        A folder that cannot be written opens read-only by itself. Raises LibraryNotFound, LibraryDamaged,
        LibraryTooNew, LibraryNotWritable.
        """
        return cls(open_catalog(path, create=create, read_only=read_only))

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

    def set_models(self, models: LibraryModels) -> None:
        """Remember the models that it is made with. Raises LibraryNotWritable."""
        with self._catalog.write() as connection:
            setting_rows.put_models(connection, models)

    def set_exclude(self, patterns: Sequence[str]) -> None:
        """Remember patterns of files to pass over, in place of those before. Raises LibraryNotWritable."""
        with self._catalog.write() as connection:
            setting_rows.put_exclude(connection, patterns)

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
        """All vectors of a space, by segment id.

        The same object until the library changes, mapped from disk where possible; it cannot be written.
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

    # --- files: what is known, and who works on what ------------------------------------------------

    def take_lease(self, content_hash: str) -> Lease | None:
        """Take the right to work on this content; None where somebody else has it.

        A process that dies loses it: at once where this one sees that, else after `leases.LEASE_SECONDS`
        without `renew_leases`. Its death counts against the content, until `hand_over`. Raises
        LibraryNotWritable.
        """
        return leases.take(self._catalog, content_hash)

    def hand_over(self, lease: Lease) -> None:
        """Note that others read the content from now on: the death of this process says nothing of it."""
        leases.hand_over(self._catalog, lease)

    def renew_leases(self, held: Iterable[Lease]) -> None:
        """Say that this process is still at work on these."""
        leases.renew(self._catalog, held)

    def note_death(self, lease: Lease) -> Lease:
        """Count the death of a worker against the content it had begun, and take the lease again.

        What that worker still sends under the old lease is refused. Raises LeaseLost.
        """
        return leases.note_death(self._catalog, lease)

    def give_back(self, lease: Lease) -> None:
        """Let others work on the content; without effect where the lease is lost or its video finished."""
        leases.give_back(self._catalog, lease)

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
            video_rows.delete_failure(connection, absolute(path))

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

    def append(self, video_id: int, chunk: Chunk, *, lease: Lease | None = None) -> None:
        """Add a part of some of a video's tracks, and note how far they now are.

        Raises LeaseLost where another run has the video by now, VideoNotFound where it or a track was removed
        meanwhile, ValueError for a vector that does not fit its space, LibraryNotWritable.
        """
        ledger.append(self._catalog, video_id, chunk, lease)

    def finish_video(
        self,
        video_id: int,
        track_ids: Sequence[int],
        *,
        frames_track_id: int | None = None,
        spaces: Sequence[EmbeddingSpace] = (),
        duration_seconds: float | None = None,
        shows: bool = True,
        lease: Lease | None = None,
        gives_back: bool = True,
    ) -> Video:
        """Note that tracks are whole, and how long the video is; they take the place of those before them.

        `spaces` are those in which the segments of `frames_track_id` now have all their vectors. With `shows`
        false, tracks that were built beside others stay unseen. The lease is given back, but for
        `gives_back` false: more is to come. Raises LeaseLost, VideoNotFound.
        """
        return ledger.finish(
            self._catalog,
            video_id,
            track_ids,
            frames_track_id=frames_track_id,
            spaces=spaces,
            duration_seconds=duration_seconds,
            shows=shows,
            lease=lease,
            gives_back=gives_back,
        )

    def learn_content(self, video_id: int, content_hash: str) -> Video | None:
        """Note the content hash of a video elsewhere, now that all of it was read.

        Where the library has that content already, the video goes, and its paths are those of the other one,
        which is returned. Raises VideoNotFound, LibraryNotWritable.
        """
        return elsewhere.learn_content(self._catalog, video_id, content_hash)

    def take_back(
        self,
        video_id: int,
        track_ids: Sequence[int],
        *,
        frames_track_id: int,
        spaces: Sequence[EmbeddingSpace] = (),
        from_seconds: float = 0.0,
        lease: Lease | None = None,
    ) -> None:
        """Remove what a run made of tracks, and of vectors in these spaces, from a time on.

        For a file that changed while it was read. A video of which nothing is left goes; what people wrote
        stays. Raises LeaseLost.
        """
        ledger.take_back(
            self._catalog,
            video_id,
            track_ids,
            frames_track_id=frames_track_id,
            spaces=spaces,
            from_seconds=from_seconds,
            lease=lease,
        )

    def remove_if_empty(self, video_id: int, *, lease: Lease | None = None) -> None:
        """Remove a video whose tracks are all empty. Raises LeaseLost."""
        ledger.remove_if_empty(self._catalog, video_id, lease)

    def remove(self, video_id: int) -> None:
        """Remove a video with its frames, vectors and captions; the file stays. Raises VideoNotFound."""
        ledger.remove(self._catalog, [video_id])

    def refresh_vectors(self) -> None:
        """Bring the vector files up to date, as a search would. Raises LibraryNotWritable."""
        self._index.refresh()
        self._catalog.settle()

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """All that is wrong with the library, and with `repair`, what was done about it.

        Reads each vector and each small picture, and each file whose size or time is not what it was. Raises
        LibraryNotWritable where `repair` cannot write.
        """
        from vidsearch.store.verify import verify

        return verify(self._catalog, lambda: self._index, repair=repair)

    def copy_to(
        self, target: Store, *, on_progress: Callable[[CopyProgress], None] | None = None
    ) -> CopyReport:
        """Make an empty library the same as this one, or go on with that; both are compared at the end.

        Raises LibraryError where the target has something else, or differs when all is done.
        """
        from vidsearch.store.copying import copy

        return copy(self._catalog, target._catalog, on_progress=on_progress)

    # --- tracks -------------------------------------------------------------------------------------

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

    def add_line_vectors(self, space: EmbeddingSpace, line_ids: Sequence[int], vectors: Float32) -> None:
        """Give lines of words their vectors, float32 (n, dim), in a space of their kind: `lines_lacking` says
        which have none.

        Lines that are gone by now get none. Raises ValueError for a vector that does not fit the space,
        LibraryNotWritable.
        """
        with self._catalog.write() as connection:
            line_vectors.add(connection, space, line_ids, vectors)

    def remove_track(self, track_id: int) -> Track:
        """Remove a track, and return it as it was. Raises TrackNotFound, LibraryNotWritable."""
        return ledger.remove_tracks(self._catalog, [track_id])[0]

    # --- captions -----------------------------------------------------------------------------------

    def add_human_caption(
        self,
        video_id: int,
        start_seconds: float,
        end_seconds: float,
        text: str,
        *,
        kind: TrackKind = "caption",
    ) -> int:
        """Keep what a person says of [start, end) of a video, and return the segment's id.

        `kind` is "caption", or "transcript" for what is said there.

        It is shown and found in place of what models say there, and no indexing removes it. What a person
        wrote there before is kept as a version. Raises VideoNotFound, LibraryNotWritable.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            return caption_rows.add_human(connection, video_id, start_seconds, end_seconds, text, kind=kind)

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
        """Remove the vectors and tracks that others took the place of. Returns how many vectors and
        segments that were.

        What people wrote is kept.
        """
        return upgrade.prune(self._catalog)
