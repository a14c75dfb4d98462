"""The library in Python: what the command line, the page and programs call."""

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
    """Videos that can be searched, in one folder.

        with Library.create("library") as library:
            library.index("videos", models="mini")
            for hit in library.search("a dog on grass"):
                print(hit.video.path, hit.time_seconds, hit.caption)

    Open one with `create` or `open`; close it, or use `with`. Its methods may be called from any thread, and
    searches run one at a time. What a search needs (models, vectors) stays loaded for the next one.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._indexer: Indexer | None = None

    @classmethod
    def create(cls, path: StrPath) -> Self:
        """Open the library in a folder, and make it first where there is none.

        Args:
            path: The folder; missing parents are made.

        Raises:
            LibraryError: The folder cannot be written, or holds a library that cannot be read.
        """
        return cls.open(path, create=True)

    @classmethod
    def open(cls, path: StrPath, *, create: bool = False, read_only: bool = False) -> Self:
        """Open the library in a folder.

        Args:
            path: The folder.
            create: Make a library where there is none.
            read_only: Never write; a folder that cannot be written opens so by itself.

        Raises:
            LibraryNotFound: There is none, and `create` is not set.
            LibraryDamaged, LibraryTooNew, LibraryNotWritable: What the names say.
        """
        return cls(Store.open(path, create=create, read_only=read_only))

    def close(self) -> None:
        """Close the library's files. A closed library stays closed."""
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

        What is in the library already is passed over, and a run that was stopped goes on where it was.

        Args:
            paths: A file or folder, or several.
            on_progress: Called in this thread with each new state.
            stop: Ends the run after the commit in hand, once it is set.
            **settings: `models="mini"`, `fps=0.5` and so on; see `IndexSettings`.

        Returns:
            What became of each file. Files that failed are in `failures`, and raise nothing.

        Raises:
            LibraryError: Other models than the library's, or a library that cannot be written.
            ModelUnavailable: Weights are missing; the library is then as it was.
            QueryError: A setting that means nothing.
        """
        from vidsearch.service.indexing import IndexOptions, as_paths

        indexer = self.indexer(IndexOptions.of(settings))
        return indexer.run(self.store, as_paths(paths), on_progress=on_progress, stop=stop)

    def indexer(self, options: IndexOptions) -> Indexer:
        """Return the loaded models for these options; loaded once for one run after the other."""
        from vidsearch.service.indexing import Indexer

        with self._lock:
            if self._indexer is None or self._indexer.options != options:
                self._indexer = Indexer.load(options, store=self.store)
            return self._indexer

    # --- searching ----------------------------------------------------------------------------------

    def search(self, query: str | Query | None = None, **options: Unpack[SearchOptions]) -> Answer:
        """Find moments by describing them.

        Args:
            query: What is to be seen, in your own words; or a `Query`, which takes no options beside it.
            **options: Pictures, moments, filters, steps and ranking; see `SearchOptions`.

        Returns:
            The hits, best first: a sequence that notebooks show as a table.

        Raises:
            QueryError: The query means nothing.
            VideoNotFound: An option names a video that is not there.
            ModelUnavailable: No model at hand reads the query.
        """
        from vidsearch.search.query import Query
        from vidsearch.service.answer import Answer
        from vidsearch.service.queries import build_query, with_videos

        if isinstance(query, Query):
            if options:
                raise QueryError("A Query holds its options: give them to it, not to search().")
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
        """Go on with other models: index with them beside the ones before, then search by them.

        Searches answer by the models before until everything is there. A run that was stopped continues.

        Args:
            models: "clip,blip", "mini", a hub id or a folder.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            batch_size: Images per model call; None fits it to the device.
            caption_every: "novel", "frame", "shot", or N for every Nth frame.
            skip_failed: Switch though some videos failed; those are then found by words alone.
            prune: Afterwards remove what the models before made.
            on_progress: Called in this thread with each new state.
            stop: Ends the run after the commit in hand, once it is set.

        Raises:
            ModelUnavailable: Weights are missing; the library is then as it was.
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
        """Remove the vectors and captions that those of other models took the place of.

        Returns:
            How many rows that were. What people wrote is kept.
        """
        return self.store.prune_superseded()

    def remove_track(self, track_id: int) -> Track:
        """Remove one track of a video, and return it as it was.

        Args:
            track_id: Its number; `tracks` has them.

        Raises:
            TrackNotFound: There is none.
        """
        if not 0 <= track_id <= LARGEST_ID:
            raise TrackNotFound(f"There is no track {track_id}; `vidsearch tracks VIDEO` lists a video's.")
        return self.store.remove_track(track_id)

    def remove(self, videos: VideoName | Iterable[Video]) -> list[Video]:
        """Take videos out of the library. The files themselves are left alone.

        Args:
            videos: Names one video or more, or "all"; or the videos themselves.

        Returns:
            The videos as they were.

        Raises:
            VideoNotFound: The name fits none.
        """
        chosen = self.select(videos)
        for video in chosen:
            self.store.remove(video.id)
        self.store.refresh_vectors()
        return chosen

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """Check the library against itself and against its files.

        Args:
            repair: Mend what can be mended.

        Returns:
            All that is wrong, and what was done about it.
        """
        return self.store.verify(repair=repair)
