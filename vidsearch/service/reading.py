"""The part of `Library` that reads: videos, tracks, pictures, captions, numbers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

from vidsearch.errors import LibraryError, QueryError, VideoNotFound
from vidsearch.store.fingerprint import path_of
from vidsearch.store.store import Store
from vidsearch.types import Video

if TYPE_CHECKING:
    from vidsearch.captions.describe import Describer
    from vidsearch.models.protocols import Explainer
    from vidsearch.search.query import FrameReference
    from vidsearch.service.captions import CaptionLevel, LibraryCaptions, VideoCaptions, WordMatch
    from vidsearch.service.explaining import Explanation
    from vidsearch.service.overview import Glance
    from vidsearch.store.copying import CopyProgress, CopyReport
    from vidsearch.store.records import LibraryInfo
    from vidsearch.tracks import Segment, Track, TrackKind
    from vidsearch.types import Failure, IndexedFrame

StrPath: TypeAlias = str | os.PathLike[str]
VideoName: TypeAlias = str | int | os.PathLike[str] | Video
"""A video, its id, or a name for it: path, file name, unique part of the path, "#id", glob or folder."""

_MAX_ID_DIGITS = 18
ALL = "all"
"""Names every video, where a method takes several."""


class LibraryReader:
    """A library that can be read."""

    def __init__(self, store: Store) -> None:
        self._store: Store | None = store
        self._path = store.path
        self._address = store.address
        self._lock = threading.RLock()
        self._describer: Describer | None = None
        self._explainer: tuple[tuple[str, str], Explainer] | None = None
        self._explaining = threading.Lock()

    def close(self) -> None:
        """Close the library's files. A closed library cannot be used again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = self._describer = self._explainer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<vidsearch.Library {self._address!r}>"

    @property
    def path(self) -> Path:
        """The library's folder. For a library on a server: the folder of its cached files on this machine."""
        return self._path

    @property
    def address(self) -> str:
        """The library's folder, or its server's address without the password: for messages."""
        return self._address

    @property
    def store(self) -> Store:
        """The library's storage, for programs that need more than this class offers.

        Raises:
            LibraryError: The library is closed.
        """
        if self._store is None:
            raise LibraryError(f"The library at {self._address} is closed. Open it again with Library.open.")
        return self._store

    def copy_to(
        self, target: StrPath, *, on_progress: Callable[[CopyProgress], None] | None = None
    ) -> CopyReport:
        """Copy the whole library to a new place, or continue a copy that was interrupted.

        Args:
            target: A folder, or `postgresql://host/database`, that holds no other library.
            on_progress: Called with the rows copied so far.

        Raises:
            LibraryError: The target holds another library, or cannot be written.
        """
        with Store.open(target, create=True) as copy:
            return self.store.copy_to(copy, on_progress=on_progress)

    # --- reading ------------------------------------------------------------------------------------

    def videos(self, name: str | None = None) -> list[Video]:
        """Return the videos, in the order of first indexing.

        Args:
            name: Only videos of this name; see `VideoName`. None for all.

        Raises:
            VideoNotFound: No video has this name. A glob that matches none returns an empty list instead.
        """
        return self.store.videos(name)

    def video(self, name: VideoName) -> Video:
        """Return the one video with a name.

        Raises:
            VideoNotFound: No video has this name, or several have; the message lists those.
        """
        if isinstance(name, Video):
            name = name.id
        return self.store.video(name if isinstance(name, int) else os.fspath(name))

    def select(self, videos: VideoName | Iterable[Video]) -> list[Video]:
        """Return all videos with a name.

        Args:
            videos: A name of one or more videos, "all", or the videos themselves.

        Raises:
            VideoNotFound: No video has this name.
        """
        if videos == ALL:
            return self.store.videos()
        if isinstance(videos, str | os.PathLike):
            found = self.store.videos(os.fspath(videos))
            if not found:
                raise VideoNotFound(
                    f"No video matches {os.fspath(videos)!r}. `vidsearch list` lists the library's videos."
                )
            return found
        if isinstance(videos, int | Video):
            return [self.video(videos)]
        return [self.video(each) for each in videos]

    def frame(self, frame_id: int | str) -> IndexedFrame:
        """Return the frame with an id, such as a search hit's `frame_id`.

        Raises:
            QueryError: There is no such frame.
        """
        number = str(frame_id)
        is_id = number.isascii() and number.isdecimal() and len(number) <= _MAX_ID_DIGITS
        found = self.store.frames_by_id([int(number)]) if is_id else []
        if not found:
            raise QueryError(f"The library has no frame {number}.")
        return found[0]

    def tracks(self, video: VideoName) -> list[Track]:
        """Return a video's tracks, in the order in which they were begun.

        Raises:
            VideoNotFound: No video, or more than one, has this name.
        """
        return self.store.tracks(self.video(video).id)

    def segments(
        self,
        video: VideoName,
        *,
        kind: TrackKind | None = None,
        track: int | None = None,
        after_seconds: float | None = None,
        before_seconds: float | None = None,
    ) -> list[tuple[Track, Segment]]:
        """Return the segments of a video's active tracks, by time, each with its track.

        Args:
            video: The video, or its name.
            kind: Only tracks of this kind. None for all kinds except frames.
            track: Only the track with this id, in any state.
            after_seconds: Only segments that end after this time.
            before_seconds: Only segments that start before this time.

        Raises:
            VideoNotFound: No video, or more than one, has this name.
            TrackNotFound: The video has no such track.
        """
        from vidsearch.service.timelines import segments_of

        return segments_of(
            self.store,
            self.video(video),
            kind=kind,
            track_id=track,
            after_seconds=after_seconds,
            before_seconds=before_seconds,
        )

    def picture(self, moment: str | FrameReference, *, side_pixels: int | None = None) -> bytes:
        """Return the picture at a time of a video, read from its file, as JPEG.

        Args:
            moment: A video of the library and a time: "holiday.mp4@12.5".
            side_pixels: Shrink the picture to this length of its longer side; None for the original size.

        Raises:
            QueryError: The time is after the video's end.
            MediaError: The video does not decode, or its file is gone.
            VideoReplaced: The file no longer holds this video.
        """
        from vidsearch.search.query import FrameReference
        from vidsearch.service.timelines import picture_at

        reference = FrameReference.of(moment)
        return picture_at(self.video(reference.video), reference.time_seconds, side_pixels)

    def thumbnail(self, frame_id: int) -> bytes:
        """Return a frame's thumbnail, which the library stores, as JPEG.

        Raises:
            VideoNotFound: There is no such frame, or no thumbnail of it.
        """
        jpeg = self.store.thumbnail(frame_id)
        if not jpeg:
            raise VideoNotFound(f"The library has no picture of frame {frame_id}.")
        return jpeg

    def captions(self, video: VideoName, *, level: CaptionLevel = "frame") -> VideoCaptions:
        """Return a video's captions or its transcript.

        Args:
            video: The video, or its name.
            level: "frame" for every frame, "shot" or "chapter" for a timeline, "video" for one sentence,
                "transcript" for what is said.

        Raises:
            VideoNotFound: No video, or more than one, has this name.
        """
        from vidsearch.service.captions import read_captions

        found = self.video(video)
        with self._lock:
            return read_captions(self.store, self.describer(), found, level)

    def summary(self, videos: Iterable[Video] | None = None) -> LibraryCaptions:
        """Return one caption for each video, and one for the whole library.

        Args:
            videos: The videos; None for all.
        """
        from vidsearch.service.captions import LibraryCaptions, read_captions

        with self._lock:
            describer = self.describer()
            chosen = self.store.videos() if videos is None else videos
            described = [read_captions(self.store, describer, each, "video") for each in chosen]
            return LibraryCaptions(summary=describer.library(), videos=tuple(described))

    def overview(self, *, num_words: int = 30, num_alike: int = 10) -> Glance:
        """Return an overview: groups of similar pictures, frequent words, moments that videos share.

        Args:
            num_words: The maximum number of words.
            num_alike: The maximum number of pairs of look-alike moments; 0 skips that search.
        """
        from vidsearch.service.overview import glance

        with self._lock:
            return glance(self.store, self.describer(), num_words=num_words, num_alike=num_alike)

    def describer(self) -> Describer:
        """Return the object that combines captions. It is not thread-safe."""
        from vidsearch.captions.describe import Describer, encoder_for

        # A library without vectors has no encoder yet, so one without an encoder is not kept.
        if self._describer is None or not self._describer.has_encoder:
            self._describer = Describer(self.store, encoder=encoder_for(self.store))
        return self._describer

    def find_words(self, words: str, *, num_matches: int = 20) -> list[WordMatch]:
        """Find words in captions and subtitles.

        Args:
            words: Stemmed when compared; `sun*` is a prefix, "red car" in quotes a phrase. Any may match.
            num_matches: The maximum number of matches.

        Returns:
            The matches, best first.
        """
        from vidsearch.service.captions import find_words

        return find_words(self.store, words, num_matches)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed, by path."""
        return self.store.failures()

    def info(self) -> LibraryInfo:
        """Return the library's models, and its size in numbers."""
        return self.store.info()

    def explain(
        self, text: str, moment: str | FrameReference, *, models: str | None = None, device: str = "auto"
    ) -> Explanation:
        """Compute which parts of a frame match words.

        Args:
            text: The words.
            moment: A video of the library and a time: "holiday.mp4@12.5".
            models: The embedder to explain; None for the library's first.
            device: "auto", "cpu", "cuda" or "mps".

        Raises:
            QueryError: The text is empty, or the time is after the video's end.
            MediaError: The video does not decode.
            VideoReplaced: The file no longer holds this video.
            ModelUnavailable: The model cannot be loaded, or cannot be explained.
        """
        from vidsearch.search.query import FrameReference
        from vidsearch.service.explaining import explain_moment

        reference = FrameReference.of(moment)
        path = path_of(self.video(reference.video))
        known = self.store.models
        name = models or (known.embedders[0] if known else "mini")
        with self._explaining:
            return explain_moment(
                text, path, reference.time_seconds, lambda: self._explainer_of(name, device)
            )

    def _explainer_of(self, name: str, device: str) -> Explainer:
        """Load a model's explainer. The last one stays loaded."""
        from vidsearch.service.models import load_explainer

        if self._explainer is None or self._explainer[0] != (name, device):
            self._explainer = (name, device), load_explainer(name, device=device)
        return self._explainer[1]
