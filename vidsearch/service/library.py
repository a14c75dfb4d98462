"""`Library`, the Python interface: all doors (command line, page, HTTP, MCP) call it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self, Unpack

from vidsearch.errors import QueryError, TrackNotFound
from vidsearch.service.editing import LibraryEditor
from vidsearch.service.reading import StrPath, VideoName
from vidsearch.store.store import Store
from vidsearch.types import LARGEST_ID

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.search.query import Query
    from vidsearch.service.answer import Answer
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.service.indexing import Indexer, IndexOptions
    from vidsearch.service.queries import SearchOptions
    from vidsearch.service.upgrading import Upgrade
    from vidsearch.store.records import Problem
    from vidsearch.tracks import Track
    from vidsearch.types import Video


class Library(LibraryEditor):
    """A searchable library of videos, in a folder or on a server.

        with Library.create("library") as library:
            library.index("videos", models="mini")
            for hit in library.search("a dog on grass"):
                print(hit.video.path, hit.time_seconds, hit.caption)

    Open one with `create` or `open`; close it, or use `with`. Methods may be called from any thread; searches
    run one at a time. Models and vectors stay loaded between searches.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._indexer: Indexer | None = None

    @classmethod
    def create(cls, path: StrPath) -> Self:
        """Open a library, and create it first if there is none.

        Args:
            path: The folder, or `postgresql://host/database`. Missing parent folders are created.

        Raises:
            LibraryError: The folder cannot be written, or holds a library that cannot be read.
        """
        return cls.open(path, create=True)

    @classmethod
    def open(cls, path: StrPath, *, create: bool = False, read_only: bool = False) -> Self:
        """Open a library.

        Args:
            path: The folder, or `postgresql://host/database`.
            create: Whether to create the library if there is none.
            read_only: Never write. A folder without write permission is always opened like this.

        Raises:
            LibraryNotFound: There is no library, and `create` is false.
            LibraryDamaged: Its catalog is corrupt.
            LibraryTooNew: A newer version of vidsearch wrote it.
            LibraryNotWritable: It has to be created or migrated, and cannot be written.
        """
        return cls(Store.open(path, create=create, read_only=read_only))

    def close(self) -> None:
        """Close the library's files and release its models. A closed library cannot be used again."""
        with self._lock:
            self._searcher = self._indexer = None
            super().close()

    # --- indexing -----------------------------------------------------------------------------------

    def index(
        self,
        paths: StrPath | Iterable[StrPath],
        *,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
        **settings: Unpack[IndexSettings],
    ) -> IngestReport:
        """Index videos, and the videos in folders, so that they can be searched.

        Videos that are already indexed are skipped. A run that was stopped continues where it stopped.

        Args:
            paths: One or more files, folders or addresses such as `s3://bucket/film.mp4`.
            on_progress: Called in this thread whenever the progress changes.
            stop: Set it to end the run after the current commit.
            **settings: `models="mini"`, `fps=0.5` and so on; see `IndexSettings`.

        Returns:
            The numbers of files and frames, and the files that failed in `failures`; these raise nothing.

        Raises:
            LibraryError: The models differ from the library's, or the library cannot be written.
            ModelUnavailable: Weights are missing. The library is unchanged.
            QueryError: A setting is invalid.
        """
        from vidsearch.service.indexing import IndexOptions, as_paths

        indexer = self.indexer(IndexOptions.of(settings))
        return indexer.run(self.store, as_paths(paths), on_progress=on_progress, stop=stop)

    def indexer(self, options: IndexOptions) -> Indexer:
        """Load the models for these options. They stay loaded until other options are asked for."""
        from vidsearch.service.indexing import Indexer

        with self._lock:
            if self._indexer is None or self._indexer.options != options:
                self._indexer = Indexer.load(options, store=self.store)
            return self._indexer

    # --- searching ----------------------------------------------------------------------------------

    def search(self, query: str | Query | None = None, **options: Unpack[SearchOptions]) -> Answer:
        """Find moments by describing them.

        Args:
            query: A description in your own words; or a `Query`, which already contains all options.
            **options: Pictures, moments, filters, steps and ranking; see `SearchOptions`.

        Returns:
            The hits, best first: a sequence, which notebooks show as a table.

        Raises:
            QueryError: The query is empty or contradictory.
            VideoNotFound: An option names a video that is not in the library.
            ModelUnavailable: No available model can encode the query.
        """
        from vidsearch.search.query import Query
        from vidsearch.service.answer import Answer
        from vidsearch.service.queries import build_query, with_videos

        if isinstance(query, Query):
            if options:
                raise QueryError("A Query contains its own options: set them there instead of in search().")
        else:
            query = build_query(query, options)
        named = query.filter.video_glob
        if named is not None:
            query = with_videos(query, [video.id for video in self.store.videos(named)])
        if query.filter.label is not None:
            self.labels.check(query.filter.label)
        with self._lock:
            return Answer.of(self._searching().search(query))

    # --- changing -----------------------------------------------------------------------------------

    def upgrade(
        self,
        models: str,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        caption_every: str | int = "novel",
        skip_failed: bool = False,
        prune: bool = False,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Upgrade:
        """Change to other models: index all videos with them, then switch searches over.

        Searches use the previous models until all videos are done. A run that was stopped continues where it
        stopped.

        Args:
            models: "clip,blip", "mini", a hub id or a folder.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            batch_size: Images per model call; None chooses it for the device.
            caption_every: Which frames to caption: "novel", "frame", "shot", or N for every Nth frame.
            skip_failed: Switch even if some videos failed; these are then found by their words only.
            prune: After switching, remove the previous models' vectors and captions.
            on_progress: Called in this thread whenever the progress changes.
            stop: Set it to end the run after the current commit.

        Returns:
            The models, whether searches were switched to them, and the run's report.

        Raises:
            ModelUnavailable: Weights are missing. The library is unchanged.
        """
        from vidsearch.service.models import ModelOptions
        from vidsearch.service.upgrading import upgrade

        options = ModelOptions(models=models, device=device, precision=precision, batch_size=batch_size)
        done = upgrade(
            self.store,
            options,
            caption_every=str(caption_every),
            skip_failed=skip_failed,
            prune=prune,
            on_progress=on_progress,
            stop=stop,
        )
        with self._lock:
            self._searcher = self._describer = self._indexer = None
        return done

    def prune(self) -> int:
        """Remove vectors and captions that other models' have replaced. What people wrote is kept.

        Returns:
            The number of vectors and segments removed.
        """
        return self.store.prune_superseded()

    def remove_track(self, track_id: int) -> Track:
        """Remove one track of a video, and return it as it was.

        Args:
            track_id: The track's id; `tracks` returns a video's.

        Raises:
            TrackNotFound: There is no such track.
        """
        if not 0 <= track_id <= LARGEST_ID:
            raise TrackNotFound(f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's.")
        return self.store.remove_track(track_id)

    def remove(self, videos: VideoName | Iterable[Video]) -> list[Video]:
        """Remove videos from the library. The files themselves are left alone.

        Args:
            videos: A name of one or more videos, "all", or the videos themselves.

        Returns:
            The videos as they were.

        Raises:
            VideoNotFound: No video has this name.
        """
        chosen = self.select(videos)
        for video in chosen:
            self.store.remove(video.id)
        self.store.refresh_vectors()
        return chosen

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """Check that the library is consistent, and that it matches the video files.

        Args:
            repair: Whether to repair what can be repaired.

        Returns:
            The problems found, each with what was done about it.
        """
        return self.store.verify(repair=repair)
