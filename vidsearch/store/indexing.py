"""The part of `Store` that indexing uses: leases, files, and the tracks that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vidsearch.errors import VidsearchError
from vidsearch.paths import absolute
from vidsearch.store import elsewhere, leases, ledger, video_rows
from vidsearch.store.reading import StoreReading
from vidsearch.store.records import Lease, OpenedVideo
from vidsearch.tracks import Chunk, TrackSpec
from vidsearch.types import EmbeddingSpace, Fingerprint, Video, VideoInfo


class StoreIndexing(StoreReading):
    """A store that videos can be indexed into.

    A run takes a lease on a file's content, begins its tracks, appends chunks and finishes the tracks. Each
    method is one transaction. All but `renew_leases` raise LibraryNotWritable if the library cannot be
    written, and those that take a lease raise LeaseLost if another run holds it by now.
    """

    # --- leases -------------------------------------------------------------------------------------

    def take_lease(self, content_hash: str) -> Lease | None:
        """Take the right to work on some content.

        If this process dies, it loses the lease: at once if that can be seen on this machine, otherwise
        `leases.LEASE_SECONDS` after the last `renew_leases`. Unless `hand_over` was called, its death counts
        against the content.

        Returns:
            The lease; None if another process holds one.
        """
        return leases.take(self._catalog, content_hash)

    def hand_over(self, lease: Lease) -> None:
        """Note that workers read the content from now on: this process's death no longer counts against
        it."""
        leases.hand_over(self._catalog, lease)

    def renew_leases(self, held: Iterable[Lease]) -> None:
        """Extend leases by `leases.LEASE_SECONDS` from now."""
        leases.renew(self._catalog, held)

    def note_death(self, lease: Lease) -> Lease:
        """Count a worker's death against the content that it was reading, and take the lease again.

        Whatever that worker still sends under the old lease is refused.
        """
        return leases.note_death(self._catalog, lease)

    def give_back(self, lease: Lease) -> None:
        """Release a lease. Does nothing if it is lost, or if its video is finished."""
        leases.give_back(self._catalog, lease)

    # --- files --------------------------------------------------------------------------------------

    def add_path(self, video_id: int, path: Path, fingerprint: Fingerprint | None = None) -> Video:
        """Note that a video's content is at this path, too. A video that was there before loses the path.

        Args:
            video_id: The video.
            path: The file.
            fingerprint: The file's, if it was read already; None to read it.

        Raises:
            VideoNotFound: There is no such video, or the file holds other content.
            MediaError: The file cannot be read.
        """
        return ledger.add_path(self._catalog, video_id, path, fingerprint)

    def prune(self, *, missing: bool = False) -> list[Video]:
        """Remove videos that are at none of their paths any more. Tracks that people made are kept.

        Args:
            missing: Whether to treat a path without a file like one with other content. If not, only videos
                whose every path holds other content are removed.

        Returns:
            The removed videos, as they were.
        """
        return ledger.prune(self._catalog, missing=missing)

    def record_failure(self, path: Path, error: VidsearchError) -> None:
        """Record that a file could not be indexed. Runs skip it until it changes."""
        ledger.record_failure(self._catalog, path, error)

    def forget_failure(self, path: Path) -> None:
        """Remove a file's recorded failure, so that the next run tries it again."""
        with self._catalog.write() as connection:
            video_rows.delete_failure(connection, absolute(path))

    # --- tracks and their segments ------------------------------------------------------------------

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
        """Begin or continue tracks of a file. A failure recorded for its path is removed.

        A track that would replace an active one is built beside it, and shown by `finish_video`.

        Args:
            path: The file.
            fingerprint: Of the file's content.
            info: Of the file.
            specs: The tracks.
            spaces: Spaces in which its frames are to get vectors, besides those in which they have some.
            again: Whether to make complete tracks a second time, except for frames and shots.

        Returns:
            The video, its tracks, and up to where each of them is made.
        """
        return ledger.begin_video(self._catalog, path, fingerprint, info, specs, spaces, again=again)

    def append(self, video_id: int, chunk: Chunk, *, lease: Lease | None = None) -> None:
        """Add a part of some of a video's tracks, and note up to where they are made.

        Raises:
            VideoNotFound: The video, or a track, has been removed.
            ValueError: A vector does not fit its space.
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
        """Mark tracks as complete, and show them in place of those that they replace.

        Args:
            video_id: The video.
            track_ids: The tracks.
            frames_track_id: The track whose segments have all their vectors in `spaces` now.
            spaces: See `frames_track_id`.
            duration_seconds: The video's length, as it was decoded; None if it is not known.
            shows: Whether to show tracks that were built beside others.
            lease: The one under which the tracks were made.
            gives_back: Whether to release the lease; not, if more of the video follows.

        Raises:
            VideoNotFound: The video has been removed.
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
        """Record the content hash of a remote video, once all of it was read.

        Returns:
            The video that already has this content, if there is one: it gets the paths of the given video,
            which is removed.

        Raises:
            VideoNotFound: The video has been removed.
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
        """Remove what a run made of a file that changed while it was read.

        A video of which nothing is left is removed. What people wrote stays.

        Args:
            video_id: The video.
            track_ids: Tracks that lose their segments.
            frames_track_id: The track whose segments lose their vectors in `spaces`.
            spaces: See `frames_track_id`.
            from_seconds: Only segments from this time on.
            lease: The one under which they were made.
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
        """Remove a video if all of its tracks are empty."""
        ledger.remove_if_empty(self._catalog, video_id, lease)
