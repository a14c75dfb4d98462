"""The library in Python: what the command line, the page and programs call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from vidsearch.errors import QueryError
from vidsearch.service.reading import ALL, LibraryReader, StrPath, VideoName
from vidsearch.store.fingerprint import path_of
from vidsearch.store.library import Library as Store
from vidsearch.text import one_line
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from vidsearch.captions.export import FileFormat, Format
    from vidsearch.captions.rewrite import Correction
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.media.subtitle_files import SubtitleFile
    from vidsearch.search.engine import Searcher
    from vidsearch.search.query import FrameReference, Query
    from vidsearch.service.answer import Answer
    from vidsearch.service.explaining import Explanation
    from vidsearch.service.indexing import Indexer, IndexOptions, IndexSettings
    from vidsearch.service.queries import SearchOptions
    from vidsearch.store.records import Problem
    from vidsearch.types import Video


class Library(LibraryReader):
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
        self._searcher: Searcher | None = None
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
        with self._lock:
            return Answer.of(self._searching().search(query))

    def _searching(self) -> Searcher:
        if self._searcher is None:
            from vidsearch.search.engine import Searcher

            self._searcher = Searcher(self.store)
        return self._searcher

    # --- changing -----------------------------------------------------------------------------------

    def correct(self, moment: str | FrameReference, text: str, *, only_here: bool = False) -> Correction:
        """Put a caption right. Search finds the new words at once, and no model overwrites them.

        Args:
            moment: A video and a time, as in "holiday.mp4@12.5".
            text: What is to be seen, in your words.
            only_here: Correct this one frame; otherwise the run of look-alike frames that it stands in.

        Returns:
            The span that now has these words.

        Raises:
            QueryError: No words, or a time at which there is no frame.
            VideoNotFound: The moment names no video, or several.
        """
        from vidsearch.captions.rewrite import correct
        from vidsearch.search.query import FrameReference

        reference = moment if isinstance(moment, FrameReference) else FrameReference.parse(moment)
        video = self.video(reference.video)
        return correct(self.store, video, reference.time_seconds, text, only_here=only_here)

    def recaption(
        self,
        videos: VideoName = ALL,
        *,
        models: str | None = None,
        num_beams: int | None = None,
        prompt: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        on_progress: Callable[[ProgressState], None] | None = None,
    ) -> IngestReport:
        """Write new captions for videos. Old captions are kept as versions, and corrections stay.

        Args:
            videos: Names one video or more, or "all".
            models: The captioner; None for the library's own.
            num_beams: Beams; 1 is greedy, None the model's own number.
            prompt: Words that every caption starts with.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            batch_size: Images per model call; None fits it to the device.
            on_progress: Called in this thread with each new state.

        Returns:
            What became of each video. One whose file is gone, or holds something else now, is in `failures`.

        Raises:
            ModelUnavailable: The captioner cannot be loaded.
        """
        from vidsearch.captions.rewrite import recaption
        from vidsearch.service.models import ModelOptions, load_library_captioner

        chosen = self.select(videos)
        options = ModelOptions(
            models=models,
            device=device,
            precision=precision,
            batch_size=batch_size,
            num_beams=num_beams,
            prompt=prompt,
        )
        captioner, _ = load_library_captioner(self.store, options)
        return recaption(self.store, chosen, captioner, on_progress=on_progress)

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

    def import_subtitles(
        self, file: StrPath, video: VideoName, *, name: str | None = None, encoding: str | None = None
    ) -> SubtitleFile:
        """Add a subtitle file to a video, as a track of its own that search finds.

        Args:
            file: A subtitle file: srt, vtt, sbv, ssa, ass or ttml.
            video: Names one video.
            name: The track's name; one of the same name is replaced. None for the file's.
            encoding: Python's name of the file's text encoding; None to detect it.

        Returns:
            What was read: the cues, and how many were mended or left out, and why.

        Raises:
            SubtitleError: The file cannot be read.
            VideoNotFound: The name fits no video, or several.
        """
        from vidsearch.media.subtitle_files import read_subtitles

        path = Path(file)
        found = self.video(video)
        read = read_subtitles(path, encoding=encoding)
        self.store.put_track(
            found.id,
            TrackSpec("subtitle", FILE, {"name": one_line(name or path.stem) or "subtitles"}),
            [SegmentRecord(cue.start_seconds, cue.end_seconds, cue.text) for cue in read.cues],
        )
        return read

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """Check the library against itself and against its files.

        Args:
            repair: Mend what can be mended.

        Returns:
            All that is wrong, and what was done about it.
        """
        return self.store.verify(repair=repair)

    # --- taking away --------------------------------------------------------------------------------

    def export(
        self,
        videos: VideoName,
        format: str | None,
        output: StrPath,
        *,
        track: str | None = None,
        vectors: bool = False,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write videos' captions, or another track of theirs, to a file or to a file for each video.

        Args:
            videos: Names one video or more, or "all".
            format: "srt", "vtt", "json" ...: the names in `vidsearch.captions.export.FORMATS`, or for a track
                those in `vidsearch.captions.export.tracks.TRACK_FORMATS`. None reads it off `output`.
            output: The file; a folder for a file per video.
            track: A track's number or kind ("subtitle", "transcript", "ocr", "chapter", "sound", "caption"),
                to be written alone and laid out for reading; None for all captions.
            vectors: Write the frames' vectors too, in formats that hold them.
            overwrite: Replace files that exist. Videos and libraries are never written to.

        Returns:
            The files written.

        Raises:
            ExportError: There is no such track, or the files may not or cannot be written.
        """
        from vidsearch.captions.export.writing import write_documents
        from vidsearch.outputs import OutputRule

        path = Path(output)
        with self._lock:
            documents, chosen = self._documents(
                videos, format or path.suffix.removeprefix(".") or "txt", track, vectors=vectors
            )
            rule = OutputRule.for_library(self.store, overwrite=overwrite)
            return write_documents(documents, path, chosen, rule)

    def render(
        self, videos: VideoName, format: str, *, track: str | None = None, vectors: bool = False
    ) -> bytes:
        """Return what `export` would write, for formats that are one file.

        Args:
            videos: Names one video or more, or "all".
            format: The format's name.
            track: As in `export`.
            vectors: With the frames' vectors, in formats that hold them.

        Raises:
            ExportError: There is no such track, the format is a folder of files, or takes one video only.
        """
        from vidsearch.captions.export.writing import render_documents

        with self._lock:
            return render_documents(*self._documents(videos, format, track, vectors=vectors))

    def _documents(
        self, videos: VideoName, format: str, track: str | None, *, vectors: bool
    ) -> tuple[Iterator[Any], Format | FileFormat[Any]]:
        """What an export writes, made one after the other, and the format."""
        found = self.select(videos)
        if track is not None:
            from vidsearch.captions.export.tracks import find_track_format
            from vidsearch.service.exporting import exported_tracks

            chosen = find_track_format(format)
            return exported_tracks(self.store, found, track, takes_several=chosen.holds_many), chosen
        from vidsearch.captions.export import find_format
        from vidsearch.captions.export.registry import ALSO_VECTORS

        written = find_format(format)
        needs = written.needs | ALSO_VECTORS if vectors else written.needs
        describer = self.describer()
        return (describer.document(each, needs=needs) for each in found), written

    def explain(
        self, text: str, moment: str | FrameReference, *, models: str | None = None, device: str = "auto"
    ) -> Explanation:
        """Return where in a frame the words are seen.

        Args:
            text: What is to be seen.
            moment: A video of the library and a time, as in "holiday.mp4@12.5".
            models: The embedder to explain; None for the library's first.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            MediaError: The video does not decode.
            VideoReplaced: Its file holds something else now.
            ModelUnavailable: The model cannot explain itself.
        """
        from vidsearch.search.query import FrameReference
        from vidsearch.service.explaining import explain_moment

        reference = moment if isinstance(moment, FrameReference) else FrameReference.parse(moment)
        path = path_of(self.video(reference.video))
        known = self.store.models
        name = models or (known.embedders[0] if known else "mini")
        return explain_moment(text, path, reference.time_seconds, embedder=name, device=device)
