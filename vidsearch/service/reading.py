"""An open library, to read: videos, captions, numbers, exports."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from vidsearch.errors import LibraryError, QueryError, VideoNotFound
from vidsearch.store.fingerprint import path_of
from vidsearch.store.store import Store
from vidsearch.types import Video

if TYPE_CHECKING:
    from vidsearch.captions.describe import Describer, Level
    from vidsearch.captions.export import FileFormat, Format
    from vidsearch.search.query import FrameReference
    from vidsearch.service.captions import LibraryCaptions, VideoCaptions, WordMatch
    from vidsearch.service.explaining import Explanation
    from vidsearch.store.records import LibraryInfo
    from vidsearch.tracks import Track
    from vidsearch.types import Failure, IndexedFrame

StrPath: TypeAlias = str | os.PathLike[str]
VideoName: TypeAlias = str | int | os.PathLike[str] | Video
"""A video, its id, or what names it: path, file name, unique part of the path, "#id", glob or folder."""

LARGEST_ID = (1 << 63) - 1
_MAX_ID_DIGITS = 18
ALL = "all"
"""Names every video, where a method takes several."""


class LibraryReader:
    """The half of `Library` that changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store: Store | None = store
        self._path = store.path
        self._lock = threading.RLock()
        self._describer: Describer | None = None

    def close(self) -> None:
        """Close the library's files. A closed library stays closed."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = self._describer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<vidsearch.Library {str(self._path)!r}>"

    @property
    def path(self) -> Path:
        """The library's folder."""
        return self._path

    @property
    def store(self) -> Store:
        """What is kept, row by row: for programs that need more than this class has.

        Raises:
            LibraryError: The library is closed.
        """
        if self._store is None:
            raise LibraryError(f"The library at {self._path} is closed. Open it again with Library.open.")
        return self._store

    # --- reading ------------------------------------------------------------------------------------

    def videos(self, name: str | None = None) -> list[Video]:
        """Return the videos, in the order of first indexing.

        Args:
            name: Only those that this names; see `VideoName`. None for all.

        Raises:
            VideoNotFound: The name fits none. A glob may fit none: the list is then empty.
        """
        return self.store.videos(name)

    def video(self, name: VideoName) -> Video:
        """Return the one video that a name means.

        Raises:
            VideoNotFound: The name fits none, or several; the message lists those.
        """
        if isinstance(name, Video):
            name = name.id
        return self.store.video(name if isinstance(name, int) else os.fspath(name))

    def select(self, videos: VideoName | Iterable[Video]) -> list[Video]:
        """Return the videos that a name means, where several may be meant.

        Args:
            videos: Names one video or more, or "all"; or the videos themselves.

        Raises:
            VideoNotFound: A name that fits none.
        """
        if videos == ALL:
            return self.store.videos()
        if isinstance(videos, str | os.PathLike):
            found = self.store.videos(os.fspath(videos))
            if not found:
                raise VideoNotFound(
                    f"No video fits {os.fspath(videos)!r}. `vidsearch list` shows what there is."
                )
            return found
        if isinstance(videos, int | Video):
            return [self.video(videos)]
        return [self.video(each) for each in videos]

    def frame(self, frame_id: int | str) -> IndexedFrame:
        """Return the frame with an id, as a search gives it.

        Raises:
            QueryError: There is none.
        """
        number = str(frame_id)
        is_id = number.isascii() and number.isdecimal() and len(number) <= _MAX_ID_DIGITS
        found = self.store.frames_by_id([int(number)]) if is_id else []
        if not found:
            raise QueryError(f"The library has no frame {number}.")
        return found[0]

    def tracks(self, video: VideoName) -> list[Track]:
        """Return what is known of a video, track by track, in the order in which they were begun.

        Raises:
            VideoNotFound: The name fits no video, or several.
        """
        return self.store.tracks(self.video(video).id)

    def captions(self, video: VideoName, *, level: Level = "frame") -> VideoCaptions:
        """Return what a video shows, in words.

        Args:
            video: Names one video.
            level: "frame" for every frame, "shot" or "chapter" for a timeline, "video" for one line.

        Raises:
            VideoNotFound: The name fits no video, or several.
        """
        from vidsearch.service.captions import read_captions

        found = self.video(video)
        with self._lock:
            return read_captions(self.store, self.describer(), found, level)

    def summary(self) -> LibraryCaptions:
        """Return every video in one line, and all of them in one."""
        from vidsearch.service.captions import LibraryCaptions, read_captions

        with self._lock:
            describer = self.describer()
            videos = [read_captions(self.store, describer, each, "video") for each in self.store.videos()]
            return LibraryCaptions(summary=describer.library(), videos=tuple(videos))

    def describer(self) -> Describer:
        """Return what describes videos: not safe in several threads at once."""
        from vidsearch.captions.describe import Describer, encoder_for

        # Without vectors there is no encoder to describe with: look again, until there is.
        if self._describer is None or not self._describer.has_encoder:
            self._describer = Describer(self.store, encoder=encoder_for(self.store))
        return self._describer

    def find_words(self, words: str, *, num_matches: int = 20) -> list[WordMatch]:
        """Find words in captions and subtitles.

        Args:
            words: Stemmed; `sun*` is a beginning, "red car" in quotes a phrase. Any of them may match.
            num_matches: At most so many.

        Returns:
            The matches, best first.
        """
        from vidsearch.service.captions import find_words

        return find_words(self.store, words, num_matches)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, by path."""
        return self.store.failures()

    def info(self) -> LibraryInfo:
        """Return the library in numbers."""
        return self.store.info()

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
