"""A library's storage: the videos, tracks, vectors and settings in one folder, or on one server.

All reads and writes go through `Store`. Each method that writes is one transaction, which is visible
completely or not at all, even after a crash; any number of processes may read and write at once. The catalog
is authoritative, and the vector files beside it are a cache that searches bring up to date.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Self

from vidsearch.store import (
    caption_rows,
    ledger,
    line_vectors,
    setting_rows,
    track_rows,
    upgrade,
    vector_rows,
)
from vidsearch.store.catalog import Catalog, open_catalog
from vidsearch.store.indexing import StoreIndexing
from vidsearch.store.records import Problem
from vidsearch.tracks import SegmentRecord, Track, TrackKind, TrackSpec
from vidsearch.types import EmbeddingSpace, LibraryModels

if TYPE_CHECKING:
    from vidsearch.store.copying import CopyProgress, CopyReport
    from vidsearch.store.matrix import Matrix
    from vidsearch.store.vectors import Vectors
    from vidsearch.types import Float32, Int64


class Store(StoreIndexing):
    """An open library's storage. Open it with `Store.open`; close it, or use `with`.

    Every method that writes raises LibraryNotWritable if the library cannot be written.
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self._vectors: Vectors | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Self:
        """Open a library's storage.

        Args:
            path: The folder, or `postgresql://host/database`.
            create: Whether to create the library if there is none.
            read_only: Never write. A folder without write permission is always opened like this.

        Raises:
            LibraryNotFound: There is no library, and `create` is false.
            LibraryDamaged: The catalog is corrupt.
            LibraryTooNew: A newer version of vidsearch wrote it.
            LibraryNotWritable: It has to be created or migrated, and cannot be written.
        """
        return cls(open_catalog(path, create=create, read_only=read_only))

    def close(self) -> None:
        """Close the catalog, and unmap the vector files."""
        if self._vectors is not None:
            self._vectors.forget()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- settings -----------------------------------------------------------------------------------

    def set_models(self, models: LibraryModels) -> None:
        """Set the models that later runs use."""
        with self._catalog.write() as connection:
            setting_rows.put_models(connection, models)

    def set_exclude(self, patterns: Sequence[str]) -> None:
        """Set the patterns of files that later runs skip, replacing those set before."""
        with self._catalog.write() as connection:
            setting_rows.put_exclude(connection, patterns)

    # --- vectors ------------------------------------------------------------------------------------

    @property
    def _index(self) -> Vectors:
        if self._vectors is None:
            from vidsearch.store.vectors import Vectors

            with self._catalog.read() as connection:
                library_id = setting_rows.get(connection, setting_rows.LIBRARY_ID) or ""
            self._vectors = Vectors(self._catalog, library_id=library_id)
        return self._vectors

    def vectors(self, space: EmbeddingSpace, frame_ids: Sequence[int]) -> tuple[Int64, Float32]:
        """Return the vectors of frames, in the given order. Frames without a vector in the space are left
        out.

        Returns:
            Ids int64 (n,) and unit rows float32 (n, dim).
        """
        with self._catalog.read() as connection:
            row = vector_rows.space_row(connection, space)
            space_id = -1 if row is None else row.id
            return vector_rows.vectors_by_frame(connection, space_id, space.dim, frame_ids)

    def matrix(self, space: EmbeddingSpace) -> Matrix:
        """Return all vectors of a space, by segment id.

        Read-only, and memory-mapped where possible. The same object until the library changes.
        """
        return self._index.matrix(space)

    def nearest(
        self, space: EmbeddingSpace, queries: Float32, k: int, *, among: Int64 | None = None
    ) -> tuple[Int64, Float32]:
        """Find the segments whose vectors have the largest inner products with each query.

        Args:
            space: The space to search.
            queries: Unit rows, float32 (q, dim).
            k: How many to find for each query.
            among: The only ids to consider, int64, ascending; None for all.

        Returns:
            Ids int64 (q, k) and scores float32 (q, k), best first, equal scores by id; -1 and -inf where
            there are fewer than k.
        """
        return self._index.nearest(space, queries, k, among=among)

    def add_line_vectors(self, space: EmbeddingSpace, line_ids: Sequence[int], vectors: Float32) -> None:
        """Store the vectors of segments of text. Segments that have been removed are ignored.

        Args:
            space: A space of the segments' kind.
            line_ids: The segments; `lines_lacking` returns those without a vector.
            vectors: Unit rows, float32 (n, dim).

        Raises:
            ValueError: A vector does not fit the space.
        """
        with self._catalog.write() as connection:
            line_vectors.add(connection, space, line_ids, vectors)

    def refresh_vectors(self) -> None:
        """Bring the vector files up to date, as the next search would."""
        self._index.refresh()
        self._catalog.settle()

    # --- videos and tracks --------------------------------------------------------------------------

    def remove(self, video_id: int) -> None:
        """Remove a video with all its tracks. The file itself is left alone.

        Raises:
            VideoNotFound: There is no such video.
        """
        ledger.remove(self._catalog, [video_id])

    def put_track(self, video_id: int, spec: TrackSpec, segments: Iterable[SegmentRecord]) -> Track:
        """Store a complete track, and show it in place of one that it replaces.

        Raises:
            VideoNotFound: There is no such video.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            track_id = track_rows.set_track(connection, video_id, spec, segments)
            track = track_rows.track(connection, track_id)
        assert track is not None
        return track

    def remove_track(self, track_id: int) -> Track:
        """Remove a track, and return it as it was.

        Raises:
            TrackNotFound: There is no such track.
        """
        return ledger.remove_tracks(self._catalog, [track_id])[0]

    def add_human_caption(
        self,
        video_id: int,
        start_seconds: float,
        end_seconds: float,
        text: str,
        *,
        kind: TrackKind = "caption",
    ) -> int:
        """Store what a person says about [start, end) of a video.

        It is shown and found instead of what models say there, and indexing never removes it. What a person
        wrote there before is kept as an older version.

        Args:
            video_id: The video.
            start_seconds: Of the span.
            end_seconds: Of the span.
            text: The person's words.
            kind: "caption" for what is seen, "transcript" for what is said.

        Returns:
            The id of the new segment.

        Raises:
            VideoNotFound: There is no such video.
        """
        with self._catalog.write() as connection:
            ledger.existing(connection, video_id)
            return caption_rows.add_human(connection, video_id, start_seconds, end_seconds, text, kind=kind)

    # --- changing models ----------------------------------------------------------------------------

    def prepare_upgrade(self, spaces: Sequence[EmbeddingSpace]) -> None:
        """Create spaces whose vectors are not searched until `switch_models`."""
        upgrade.prepare(self._catalog, spaces)

    def switch_models(self, models: LibraryModels, spaces: Sequence[EmbeddingSpace]) -> None:
        """Search these spaces and show this captioner's captions from now on.

        The previous vectors and captions are kept, but neither searched nor shown, until `prune_superseded`.
        """
        upgrade.switch(self._catalog, models, spaces)

    def prune_superseded(self) -> int:
        """Remove the vectors and tracks that others have replaced. What people wrote is kept.

        Returns:
            The number of vectors and segments removed.
        """
        return upgrade.prune(self._catalog)

    # --- the whole library --------------------------------------------------------------------------

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """Check the library: all vectors and thumbnails, and the files whose size or time has changed.

        Args:
            repair: Whether to repair what can be repaired.

        Returns:
            The problems found, each with what was done about it.
        """
        from vidsearch.store.verify import verify

        return verify(self._catalog, lambda: self._index, repair=repair)

    def copy_to(
        self, target: Store, *, on_progress: Callable[[CopyProgress], None] | None = None
    ) -> CopyReport:
        """Copy everything to an empty library, or continue such a copy, and compare the two at the end.

        Raises:
            LibraryError: The target holds something else, or differs after the copy.
        """
        from vidsearch.store.copying import copy

        return copy(self._catalog, target._catalog, on_progress=on_progress)
