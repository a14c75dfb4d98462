"""An open library, to read: videos, captions, numbers, exports."""

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
"""A video, its id, or what names it: path, file name, unique part of the path, "#id", glob or folder."""

_MAX_ID_DIGITS = 18
ALL = "all"
"""Names every video, where a method takes several."""


class LibraryReader:
    """The half of `Library` that changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store: Store | None = store
        self._path = store.path
        self._address = store.address
        self._lock = threading.RLock()
        self._describer: Describer | None = None
        self._explainer: tuple[tuple[str, str], Explainer] | None = None
        self._explaining = threading.Lock()

    def close(self) -> None:
        """Close the library's files. A closed library stays closed."""
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
        """The library's folder; for one on a server, the folder of its files on this machine."""
        return self._path

    @property
    def address(self) -> str:
        """What names the library to people: its folder, or its server without a password."""
        return self._address

    @property
    def store(self) -> Store:
        """What is kept, row by row: for programs that need more than this class has.

        Raises:
            LibraryError: The library is closed.
        """
        if self._store is None:
            raise LibraryError(f"The library at {self._address} is closed. Open it again with Library.open.")
        return self._store

    def copy_to(
        self, target: StrPath, *, on_progress: Callable[[CopyProgress], None] | None = None
    ) -> CopyReport:
        """Copy all that is kept to where no library is, or go on with such a copy.

        Args:
            target: A folder, or the address of a server's database.
            on_progress: Called with how far it is.

        Raises:
            LibraryError: The target holds another library, or cannot be written.
        """
        with Store.open(target, create=True) as copy:
            return self.store.copy_to(copy, on_progress=on_progress)

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

    def segments(
        self,
        video: VideoName,
        *,
        kind: TrackKind | None = None,
        track: int | None = None,
        after_seconds: float | None = None,
        before_seconds: float | None = None,
    ) -> list[tuple[Track, Segment]]:
        """Return what the tracks of a video that are shown hold, by time.

        Args:
            video: Names one video.
            kind: Only tracks of this kind. None for all but the sampled pictures.
            track: Only the track with this number, shown or not.
            after_seconds: Only segments that end after this time.
            before_seconds: Only segments that begin before this time.

        Raises:
            VideoNotFound: The name fits no video, or several.
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
        """Return what a video shows at a time, read from its file: a JPEG.

        Args:
            moment: A video of the library and a time, as in "holiday.mp4@12.5".
            side_pixels: The longer side is made no longer than this; None for the video's own size.

        Raises:
            QueryError: The time is after the video's end.
            MediaError: The video does not decode, or its file is gone.
            VideoReplaced: Its file holds something else now.
        """
        from vidsearch.search.query import FrameReference
        from vidsearch.service.timelines import picture_at

        reference = FrameReference.of(moment)
        return picture_at(self.video(reference.video), reference.time_seconds, side_pixels)

    def thumbnail(self, frame_id: int) -> bytes:
        """Return the small picture of a frame that the library keeps: a JPEG.

        Raises:
            VideoNotFound: There is no such frame, or no picture of it.
        """
        jpeg = self.store.thumbnail(frame_id)
        if not jpeg:
            raise VideoNotFound(f"The library has no picture of frame {frame_id}.")
        return jpeg

    def captions(self, video: VideoName, *, level: CaptionLevel = "frame") -> VideoCaptions:
        """Return what a video shows, in words.

        Args:
            video: Names one video.
            level: "frame" for every frame, "shot" or "chapter" for a timeline, "video" for one line,
                "transcript" for what is said.

        Raises:
            VideoNotFound: The name fits no video, or several.
        """
        from vidsearch.service.captions import read_captions

        found = self.video(video)
        with self._lock:
            return read_captions(self.store, self.describer(), found, level)

    def summary(self, videos: Iterable[Video] | None = None) -> LibraryCaptions:
        """Return videos in one line each, and the whole library in one.

        Args:
            videos: Which; every one without it.
        """
        from vidsearch.service.captions import LibraryCaptions, read_captions

        with self._lock:
            describer = self.describer()
            chosen = self.store.videos() if videos is None else videos
            described = [read_captions(self.store, describer, each, "video") for each in chosen]
            return LibraryCaptions(summary=describer.library(), videos=tuple(described))

    def overview(self, *, num_words: int = 30, num_alike: int = 10) -> Glance:
        """Return the library at a glance: its kinds of pictures, its words, moments that videos share.

        Args:
            num_words: At most so many words.
            num_alike: At most so many pairs of moments that look the same; 0 looks for none.
        """
        from vidsearch.service.overview import glance

        with self._lock:
            return glance(self.store, self.describer(), num_words=num_words, num_alike=num_alike)

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
            QueryError: There are no words, or the time is after the video's end.
            MediaError: The video does not decode.
            VideoReplaced: Its file holds something else now.
            ModelUnavailable: The model cannot explain itself.
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
        """What explains a model's matches: kept for the next question."""
        from vidsearch.service.models import load_explainer

        if self._explainer is None or self._explainer[0] != (name, device):
            self._explainer = (name, device), load_explainer(name, device=device)
        return self._explainer[1]
