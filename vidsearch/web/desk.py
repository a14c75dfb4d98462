"""The library as the page uses it: one open library, one searcher, one thread that asks them.

Streamlit runs every click of every visitor in a new thread. A library keeps a connection for each thread
that touches it, so all questions are put in one. Knows nothing of Streamlit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vidsearch.captions.describe import Describer, Description, Level, encoder_for
from vidsearch.captions.export import find_format, render
from vidsearch.captions.rewrite import correct
from vidsearch.errors import ModelError
from vidsearch.search.engine import Searcher
from vidsearch.store.library import Library

if TYPE_CHECKING:
    from vidsearch.captions.aggregate import AggregatedCaption
    from vidsearch.models.protocols import Explainer
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.search.query import Query
    from vidsearch.store.records import LibraryInfo
    from vidsearch.types import Failure, IndexedFrame, Video

Answer = TypeVar("Answer")

_HEAT_MAP_PIXELS = 360
"""Shorter side of the picture that a heat map is drawn on."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A frame, and those around it in its video."""

    video: Video
    frames: tuple[IndexedFrame, ...]
    chosen: int
    """Position of the frame in `frames`."""


class Desk:
    """Answers the page's questions about one library. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library")
        self._library = self._thread.submit(Library.open, path, create=True).result()
        self._searcher = Searcher(self._library)
        self._describer: Describer | None = None
        self._explainer: Explainer | None = None
        self._heat_lock = threading.Lock()
        self._descriptions: dict[tuple[int, str], tuple[int, Description | None]] = {}

    def ask(self, question: Callable[[Library], Answer]) -> Answer:
        """Put a question to the library. Raises what it raises."""
        return self._thread.submit(question, self._library).result()

    def info(self) -> LibraryInfo:
        """Return the library in numbers."""
        return self.ask(Library.info)

    def videos(self) -> list[Video]:
        """Return every video, in the order of indexing."""
        return self.ask(Library.videos)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed."""
        return self.ask(Library.failures)

    def frames(self, video_id: int) -> list[IndexedFrame]:
        """Return a video's frames, by time."""
        return self.ask(lambda library: library.frames(video_id))

    def search(self, query: Query) -> SearchAnswer:
        """Answer a query; what it needs is loaded once."""
        return self.ask(lambda _: self._searcher.search(query))

    def neighbourhood(self, frame_id: int, *, num_each_side: int) -> Neighbourhood | None:
        """Return a frame and as many before and after it; None where the library no longer has it."""

        def find(library: Library) -> Neighbourhood | None:
            found = library.frames_by_id([frame_id])
            if not found:
                return None
            frames = library.frames(found[0].video_id)
            at = next(i for i, frame in enumerate(frames) if frame.id == frame_id)
            start = max(0, at - num_each_side)
            video = library.video(found[0].video_id)
            return Neighbourhood(video, tuple(frames[start : at + num_each_side + 1]), at - start)

        return self.ask(find)

    def describe(self, video: Video) -> Description | None:
        """Return a video's one line, remembered until it has more frames or other captions."""

        def find(_: Library) -> Description | None:
            key = (video.id, "video")
            kept = self._descriptions.get(key)
            if kept is None or kept[0] != video.num_frames:
                kept = (video.num_frames, self._describing().video(video))
                self._descriptions[key] = kept
            return kept[1]

        return self.ask(find)

    def timeline(self, video: Video, level: Level) -> list[Description]:
        """Return a video part by part."""
        return self.ask(lambda _: self._describing().sections(video, level=level))

    def everything(self) -> AggregatedCaption | None:
        """Return the whole library's one line."""
        return self.ask(lambda _: self._describing().library())

    def correct(self, video: Video, time_seconds: float, text: str) -> None:
        """Set a frame's caption to a person's words."""
        self.ask(lambda library: correct(library, video, time_seconds, text))
        self._descriptions.clear()

    def export(self, videos: Sequence[Video], format_name: str) -> bytes:
        """Return videos' captions in a format that is one file."""
        needs = find_format(format_name).needs

        def write(_: Library) -> bytes:
            describer = self._describing()
            documents = (describer.document(video, needs=needs) for video in videos)
            return render(documents, format_name=format_name)

        return self.ask(write)

    def heat_map(self, words: str, frame: IndexedFrame) -> bytes | None:
        """Return a JPEG of where a frame matches words, from the video itself; None where no model can say.

        Raises MediaError where the file does not decode.
        """
        from vidsearch.media.decode import frame_at
        from vidsearch.media.images import encode_jpeg
        from vidsearch.models.heatmap import overlay

        video = self.ask(lambda library: library.video(frame.video_id))
        with self._heat_lock:
            if self._explainer is None:
                self._explainer = self._load_explainer()
            if self._explainer is None:
                return None
            picture = frame_at(video.path, frame.time_seconds, short_side_pixels=_HEAT_MAP_PIXELS)
            relevance = self._explainer.explain(picture.image, words)
        return encode_jpeg(overlay(picture.image, relevance, with_legend=False))

    def _load_explainer(self) -> Explainer | None:
        from vidsearch.models.device import Device
        from vidsearch.models.registry import load_explainer

        for space in self.ask(Library.spaces):
            try:
                return load_explainer(space.model, device=Device("cpu", "fp32"), space=space)
            except ModelError:
                continue
        return None

    def _describing(self) -> Describer:
        """Return the describer; made anew while the library had no space yet to describe with."""
        if self._describer is None or not self._describer.has_encoder:
            self._describer = Describer(self._library, encoder=encoder_for(self._library))
        return self._describer
