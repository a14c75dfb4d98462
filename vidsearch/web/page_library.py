"""The library as the page uses it: one open library, and the threads that ask it.

Streamlit runs every click of every visitor in a new thread. A library keeps a connection for each thread
that touches it, so all questions are put in one; but for pictures, of which a screen asks for dozens: they
have another.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vidsearch.captions.transcript import SpokenLine, transcript
from vidsearch.errors import ModelError, VidsearchError
from vidsearch.search.query import FrameReference
from vidsearch.service.library import Library
from vidsearch.service.overview import first_space
from vidsearch.service.reading import ALL
from vidsearch.store.fingerprint import path_of
from vidsearch.types import UNCLEAR_CAPTION, FrameFilter

if TYPE_CHECKING:
    from vidsearch.captions.describe import Description, Level
    from vidsearch.models.protocols import Explainer
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.search.query import Query
    from vidsearch.service.concepts import Check, Taught
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.store.label_rows import LabelSpan
    from vidsearch.store.records import LibraryInfo
    from vidsearch.store.store import Store
    from vidsearch.tracks import Segment, Track, TrackKind
    from vidsearch.types import Failure, IndexedFrame, Video

Answer = TypeVar("Answer")

_HEAT_MAP_PIXELS = 360
"""Shorter side of the picture that a heat map is drawn on."""
_MAX_CURVE_POINTS = 4000
_COVERS_TRIED = 12


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame by its id and time."""

    id: int
    time_seconds: float


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a video: [start, end)."""

    video_id: int
    start_seconds: float
    end_seconds: float


class PageLibrary:
    """Answers the page's questions about one library. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library")
        self._pictures = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._library = self._thread.submit(Library.create, path).result()
        self._remembered: dict[str, tuple[object, Any]] = {}
        self._preparing: set[str] = set()
        self._preparing_lock = threading.Lock()
        self._explainer: Explainer | None = None
        self._heat_lock = threading.Lock()

    def ask(self, question: Callable[[Library], Answer]) -> Answer:
        """Put a question to the library. Raises what it raises."""
        return self._thread.submit(question, self._library).result()

    def stamp(self) -> object:
        """Return the state of the catalog, which every write of any process changes."""
        return self._library.store.stamp()

    def remembered(self, name: str, work_out: Callable[[], Answer]) -> Answer:
        """Return what `work_out` returns, remembered by this name until something is written."""
        stamp = self.stamp()
        known = self._remembered.get(name)
        if known is not None and known[0] == stamp:
            answer: Answer = known[1]
        else:
            answer = work_out()
            self._remembered[name] = (stamp, answer)
        return answer

    def prepared(self, name: str, work_out: Callable[[], Answer]) -> tuple[Answer | None, bool]:
        """Return what `work_out` last returned, None until it has; and whether it is of now. Never waits.

        What is not known, or was known before something was written, is worked out in a thread of its own.
        """
        known = self._remembered.get(name)
        is_of_now = known is not None and known[0] == self.stamp()
        if not is_of_now:
            with self._preparing_lock:
                is_new = name not in self._preparing
                self._preparing.add(name)
            if is_new:
                threading.Thread(target=self._prepare, args=(name, work_out), daemon=True).start()
        return None if known is None else known[1], is_of_now

    def _prepare(self, name: str, work_out: Callable[[], object]) -> None:
        try:
            with contextlib.suppress(VidsearchError):
                self.remembered(name, work_out)
        finally:
            self._preparing.discard(name)

    def info(self) -> LibraryInfo:
        """Return the library in numbers."""
        return self.remembered("info", lambda: self.ask(Library.info))

    def videos(self) -> list[Video]:
        """Return every video, in the order of indexing."""
        return self.remembered("videos", lambda: self.ask(Library.videos))

    def recorded(self) -> dict[int, float]:
        """Return when each video was recorded, by the clock of its place, in seconds since 1970."""
        return self.remembered(
            "recorded", lambda: self.ask(lambda library: library.store.recorded_local_seconds())
        )

    def video(self, video_id: int) -> Video | None:
        """Return a video; None where the library has none of this id."""

        def find(library: Library) -> Video | None:
            try:
                return library.video(video_id)
            except VidsearchError:
                return None

        return self.ask(find)

    def failures(self) -> list[Failure]:
        """Return the files that could not be indexed."""
        return self.ask(Library.failures)

    def frames(self, video_id: int) -> list[IndexedFrame]:
        """Return a video's frames, by time."""
        return self.ask(lambda library: library.store.frames(video_id))

    def frame(self, frame_id: int) -> IndexedFrame | None:
        """Return a frame; None where the library has none of this id."""
        return self.ask(lambda library: next(iter(library.store.frames_by_id([frame_id])), None))

    def active_tracks(self, video_id: int, kinds: Sequence[TrackKind]) -> list[Track]:
        """Return a video's tracks of some kinds that are shown and searched."""
        tracks = self.ask(lambda library: library.store.tracks(video_id))
        return [track for track in tracks if track.kind in kinds and track.state == "active"]

    def segments(self, track_id: int) -> list[Segment]:
        """Return a track's segments, by time."""
        return self.ask(lambda library: library.store.segments(track_id))

    # --- searching ----------------------------------------------------------------------------------

    def search(self, query: Query) -> SearchAnswer:
        """Answer a query; what it needs is loaded once."""
        return self.ask(lambda library: library.search(query))

    def curve(self, query: Query, video: Video) -> list[tuple[float, float]]:
        """Return how well a query fits along a whole video: (time in seconds, fit in [0, 1]), by time.

        The fit is the confidence of each frame by itself, where there is one, else its score between the
        video's least and most. Of a query with steps, the first step is followed.
        """
        if video.num_frames == 0:
            return []
        question = replace(
            query,
            then=(),
            group=False,
            dedupe=False,
            rerank=None,
            min_confidence=None,
            num_hits=min(video.num_frames, _MAX_CURVE_POINTS),
            filter=FrameFilter(video_ids=(video.id,)),
        )
        try:
            hits = sorted(self.search(question).hits, key=lambda hit: hit.time_seconds)
        except VidsearchError:
            return []
        if hits and all(hit.confidence is not None for hit in hits):
            return [(hit.time_seconds, hit.confidence or 0.0) for hit in hits]
        scores = [hit.score for hit in hits]
        least, most = min(scores, default=0.0), max(scores, default=0.0)
        spread = most - least
        return [(hit.time_seconds, (hit.score - least) / spread if spread else 0.0) for hit in hits]

    # --- pictures -----------------------------------------------------------------------------------

    def thumbnail(self, frame_id: int) -> bytes:
        """Return a frame's JPEG, which waits for no search. Raises VideoNotFound where there is no frame."""
        return self._pictures.submit(lambda: self._library.store.thumbnail(frame_id)).result()

    def strips(self, spans: Sequence[Span], *, num_frames: int) -> list[list[TimedFrame]]:
        """Return at most `num_frames` frames of each span, evenly spread, by time."""

        def find(library: Library) -> list[list[TimedFrame]]:
            rows = _FrameRows(library.store)
            found = []
            for span in spans:
                at = rows.of_video(span.video_id)
                inside = at[(rows.times[at] >= span.start_seconds) & (rows.times[at] < span.end_seconds)]
                chosen = inside[np.unique(np.linspace(0, len(inside) - 1, num_frames).astype(np.int64))]
                found.append(rows.frames(chosen if len(inside) > num_frames else inside))
            return found

        return self.ask(find)

    def covers(self, videos: Sequence[Video]) -> dict[int, IndexedFrame]:
        """Return for each video a frame to know it by; its first one without vectors.

        It is the frame most like all of the video, of a few the first whose caption says what it shows.
        """

        def find(library: Library) -> dict[int, IndexedFrame]:
            rows = _FrameRows(library.store)
            ids = {video.id: rows.most_typical(video.id, _COVERS_TRIED) for video in videos}
            wanted = [frame_id for tried in ids.values() for frame_id in tried]
            known = {frame.id: frame for frame in library.store.frames_by_id(wanted)}
            covers = {}
            for video in videos:
                tried = [known[frame_id] for frame_id in ids[video.id] if frame_id in known]
                if tried:
                    covers[video.id] = next(filter(_says_something, tried), tried[0])
                elif frames := library.store.frames(video.id):
                    covers[video.id] = next((frame for frame in frames if not frame.is_blank), frames[0])
            return covers

        return self.ask(find)

    def heat_map(self, words: str, frame_id: int) -> bytes | None:
        """Return a JPEG of where a frame matches words, from the video itself; None where no model can say.

        Raises MediaError where the file does not decode, VideoNotFound.
        """
        from vidsearch.media.decode import frame_at
        from vidsearch.media.images import encode_jpeg
        from vidsearch.models.heatmap import overlay

        frame = self.frame(frame_id)
        if frame is None:
            return None
        video = self.ask(lambda library: library.video(frame.video_id))
        with self._heat_lock:
            if self._explainer is None:
                self._explainer = self._load_explainer()
            if self._explainer is None:
                return None
            picture = frame_at(path_of(video), frame.time_seconds, short_side_pixels=_HEAT_MAP_PIXELS)
            relevance = self._explainer.explain(picture.image, words)
        return encode_jpeg(overlay(picture.image, relevance, with_legend=False))

    def _load_explainer(self) -> Explainer | None:
        from vidsearch.models.device import Device
        from vidsearch.models.registry import load_explainer

        for space in self.ask(lambda library: library.store.spaces()):
            try:
                return load_explainer(space.model, device=Device("cpu", "fp32"), space=space)
            except ModelError:
                continue
        return None

    # --- words --------------------------------------------------------------------------------------

    def describe(self, video: Video) -> Description | None:
        """Return a video's one line."""
        return self.ask(lambda library: library.describer().video(video))

    def timeline(self, video: Video, level: Level) -> list[Description]:
        """Return a video part by part."""
        return self.ask(lambda library: library.describer().sections(video, level=level))

    def correct(self, video: Video, time_seconds: float, text: str) -> None:
        """Set a caption to a person's words, for the run of look-alike frames around a time."""
        self.ask(lambda library: library.correct(FrameReference(f"#{video.id}", time_seconds), text))

    def transcript(self, video: Video) -> list[SpokenLine]:
        """Return what is said in a video, as it is shown: people's lines in place of a model's."""
        return self.ask(lambda library: transcript(library.store, video))

    def correct_speech(self, video: Video, time_seconds: float, text: str) -> None:
        """Put right what is said at a time."""
        reference = FrameReference(f"#{video.id}", time_seconds)
        self.ask(lambda library: library.correct_speech(reference, text))

    def label_names(self) -> list[str]:
        """Return the labels that were looked for last, in their order."""
        return self.ask(lambda library: library.labels.names())

    def label_spans(self, video: Video) -> list[LabelSpan]:
        """Return where labels were seen in a video, by time."""
        return self.ask(lambda library: library.store.labels.spans(video.id))

    # --- concepts -----------------------------------------------------------------------------------

    def concepts(self) -> list[Concept]:
        """Return what the library was taught, by name."""
        return self.ask(lambda library: library.concepts.all())

    def teach(self, name: str, shown: Sequence[int] = (), *, against: Sequence[int] = ()) -> Taught:
        """Make frames examples of a concept, or examples against it, by their ids.

        Raises QueryError for a name that cannot be one, and for a frame that teaches nothing.
        """
        return self.ask(lambda library: library.concepts.teach(name, shown, against=against))

    def check_concept(self, name: str) -> list[Check]:
        """Say how well a concept's examples agree. Raises ConceptNotFound, ModelUnavailable."""
        return self.ask(lambda library: library.concepts.check(name))

    def concept_pictures(self, name: str, *, most: int) -> list[tuple[ConceptExample, bytes]]:
        """Return the first examples of a concept that count, with their pictures."""

        def find(library: Library) -> list[tuple[ConceptExample, bytes]]:
            shown = [each for each in library.concepts.examples(name) if each.until_version is None]
            return [(each, library.concepts.picture(each)) for each in shown[:most]]

        return self.ask(find)

    def forget(self, name: str) -> None:
        """Forget a concept. Raises ConceptNotFound."""
        self.ask(lambda library: library.concepts.forget(name))

    def export(self, video: Video | None, format_name: str) -> bytes:
        """Return a video's captions, or every video's, in a format that is one file."""
        return self.ask(lambda library: library.render(ALL if video is None else video, format_name))


def _says_something(frame: IndexedFrame) -> bool:
    return frame.caption is not None and frame.caption.text != UNCLEAR_CAPTION


class _FrameRows:
    """The frames that have vectors, as the library's matrix holds them: no captions are read."""

    def __init__(self, library: Store) -> None:
        space = first_space(library)
        if space is None:
            self.ids = self.video_ids = np.zeros(0, dtype=np.int64)
            self.times = np.zeros(0)
        else:
            matrix = library.matrix(space)
            self.ids, self.video_ids, self.times = matrix.segment_ids, matrix.video_ids, matrix.times
            self._vectors = matrix.vectors

    def of_video(self, video_id: int) -> np.ndarray:
        """Rows of a video's frames, by time."""
        rows = np.flatnonzero(self.video_ids == video_id)
        return rows[np.argsort(self.times[rows], kind="stable")]

    def frames(self, rows: np.ndarray) -> list[TimedFrame]:
        return [TimedFrame(int(self.ids[row]), float(self.times[row])) for row in rows]

    def most_typical(self, video_id: int, count: int) -> list[int]:
        """Ids of the frames whose vectors are nearest to the mean of their video's, the nearest first."""
        rows = self.of_video(video_id)
        if len(rows) == 0:
            return []
        vectors = self._vectors[rows]
        nearest = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")[:count]
        return [int(self.ids[row]) for row in rows[nearest]]
