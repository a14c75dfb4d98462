"""Captions of chapters and whole videos, by a model that reads several frames at once.

They become a track of their own, which is searched and shown like the video's own chapters. Each caption
records the times of the frames that it was made from.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vidsearch.captions.sections import CHAPTER_PENALTY, split
from vidsearch.errors import MediaError, ModelOutOfMemory
from vidsearch.ingest.embedded_text import CHAPTERS
from vidsearch.ingest.report import ProgressState
from vidsearch.media.decode import frames
from vidsearch.models.protocols import TimedImage
from vidsearch.store.fingerprint import path_of
from vidsearch.text import one_line
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.protocols import VideoDescriber
    from vidsearch.store.store import Store
    from vidsearch.types import Video

PartLevel: TypeAlias = Literal["chapter", "video"]

LEVEL = "level"
"""The param of a track that says which parts it describes."""
DEFAULT_WORDS: dict[PartLevel, int] = {"chapter": 25, "video": 40}
_REQUESTS: dict[PartLevel, str] = {
    "chapter": "Say in one sentence of at most {words} words what happens in this part of the video.",
    "video": "Sum up in at most {words} words what this video shows.",
}
_MOST_FPS = 2.0
"""The maximum rate at which a short part is sampled."""


@dataclass(frozen=True, slots=True)
class PartRequest:
    """How to describe the parts of a video."""

    level: PartLevel = "chapter"
    prompt: str | None = None
    """The instruction for the model; None for the default."""
    max_words: int | None = None
    """The approximate length of each caption; None for the default."""
    language: str | None = None
    """A name or tag: "German", "de"; None for English, or the language of the prompt."""

    @property
    def words(self) -> int:
        return self.max_words or DEFAULT_WORDS[self.level]

    @property
    def text(self) -> str:
        """The whole instruction for the model."""
        asked = self.prompt or _REQUESTS[self.level].format(words=self.words)
        return f"{asked} Answer in {self.language}." if self.language else asked

    def track(self, model: str) -> TrackSpec:
        """The spec of the track of a model's captions."""
        params: dict[str, Any] = {LEVEL: self.level, "request": self.text, "max_words": self.words}
        return TrackSpec("chapter", model, params)


@dataclass(frozen=True, slots=True)
class PartsReport:
    """The result of describing parts of videos."""

    num_described: int
    num_parts: int
    num_skipped: int
    """The number of videos that the same model had described in the same way before."""
    failures: tuple[tuple[Path, str], ...]
    """Files that could not be described, and why."""
    interrupted: bool = False


def describe_parts(
    library: Store,
    videos: Sequence[Video],
    describer: VideoDescriber,
    request: PartRequest,
    *,
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> PartsReport:
    """Describe parts of videos with a model, and store the captions.

    A video's captions are stored once all of its parts are described, and replace earlier ones of the same
    level. After a KeyboardInterrupt, or if `stop` is set, the next run skips videos that are done.

    Args:
        library: The library.
        videos: The videos.
        describer: The model.
        request: How to describe the parts.
        on_progress: Called after each part.
        stop: Set it to end the run after the current part.

    Raises:
        ModelUnavailable: The model cannot run.
        LibraryNotWritable: The library cannot be written. Videos that are done are kept.
    """
    spec = request.track(describer.model)
    todo = [video for video in videos if not _has(library, video, spec)]
    progress = _Progress(library, todo)
    num_described = num_parts = 0
    failures: list[tuple[Path, str]] = []
    try:
        for video in todo:
            records: list[SegmentRecord] = []
            try:
                path = path_of(video)
                for start, end in parts_of(library, video, request.level):
                    if stop is not None and stop.is_set():
                        raise KeyboardInterrupt
                    records += _described(path, start, end, describer, request)
                    if on_progress is not None:
                        on_progress(progress.after(video, end - start))
            except (MediaError, ModelOutOfMemory) as error:
                failures.append((video.path, error.reason))
            else:
                library.put_track(video.id, spec, records)
                num_described += 1
                num_parts += len(records)
            progress.num_done += 1
    except KeyboardInterrupt:
        return PartsReport(num_described, num_parts, len(videos) - len(todo), tuple(failures), True)
    return PartsReport(num_described, num_parts, len(videos) - len(todo), tuple(failures))


def _has(library: Store, video: Video, spec: TrackSpec) -> bool:
    return any(track.spec == spec and track.state == "active" for track in library.tracks(video.id))


class _Progress:
    """Tracks the progress of a run."""

    def __init__(self, library: Store, videos: Sequence[Video]) -> None:
        self.num_done = 0
        self._num_videos = len(videos)
        ends = [parts_of(library, video, "video") for video in videos]
        self._total_seconds = sum(end - start for parts in ends for start, end in parts)
        self._seconds_done = 0.0
        self._started = time.monotonic()

    def after(self, video: Video, seconds: float) -> ProgressState:
        """Add some seconds of a video, and return the new state."""
        self._seconds_done += seconds
        rate = self._seconds_done / max(time.monotonic() - self._started, 1e-6)
        left = max(0.0, self._total_seconds - self._seconds_done)
        return ProgressState(
            files_done=self.num_done,
            files_total=self._num_videos,
            current=video.path,
            num_frames=0,
            seconds_done=self._seconds_done,
            seconds_total=self._total_seconds,
            frames_per_second=0.0,
            times_real_time=rate,
            eta_seconds=left / rate if rate else None,
        )


def parts_of(library: Store, video: Video, level: PartLevel) -> list[tuple[float, float]]:
    """Return the parts of a video, [start, end) in seconds: its own chapters, or runs of similar frames."""
    seen = library.frames(video.id)
    if not seen:
        return []
    whole = [(seen[0].time_seconds, seen[-1].end_seconds)]
    if level == "video":
        return whole
    for track in library.tracks(video.id):
        if track.spec == CHAPTERS and track.num_segments:
            return [(each.start_seconds, each.end_seconds) for each in library.segments(track.id)]
    visible = [frame for frame in seen if not frame.is_blank]
    for space in library.spaces():
        ids, vectors = library.vectors(space, [frame.id for frame in visible])
        if len(ids):
            at = {frame.id: frame.time_seconds for frame in visible}
            starts = [at[int(ids[run.start])] for run in split(vectors, penalty=CHAPTER_PENALTY)]
            starts[0] = whole[0][0]
            return list(zip(starts, [*starts[1:], whole[0][1]], strict=True))
    return whole


def written_parts(library: Store, video: Video, level: str) -> list[tuple[float, float, str]]:
    """Return a model's latest captions of the parts of a level: (start, end, text)."""
    for track in reversed(library.tracks(video.id)):
        if track.kind == "chapter" and track.state == "active" and track.spec.params.get(LEVEL) == level:
            return [
                (each.start_seconds, each.end_seconds, each.text)
                for each in library.segments(track.id)
                if each.text
            ]
    return []


def _described(
    path: Path, start: float, end: float, describer: VideoDescriber, request: PartRequest
) -> Iterable[SegmentRecord]:
    # A plan with `max_frames` samples the middles of as many equal parts.
    num_frames = max(1, min(describer.max_frames, math.ceil((end - start) * _MOST_FPS)))
    plan = SamplingPlan(
        fps=1e3, max_frames=num_frames, start_seconds=start, end_seconds=max(end, start + 1e-3)
    )
    shown = list(frames(path, plan, short_side_pixels=describer.short_side_pixels))
    if not shown:
        return []
    said = describer.describe(
        [TimedImage(max(0.0, frame.sample_time_seconds - start), frame.image) for frame in shown],
        duration_seconds=end - start,
        request=request.text,
        max_words=request.words,
    )
    text = one_line(said.text)
    if not text:
        return []
    attributes: dict[str, Any] = {"frame_seconds": [round(frame.time_seconds, 3) for frame in shown]}
    if said.token_logprobs:
        attributes["mean_logprob"] = sum(said.token_logprobs) / len(said.token_logprobs)
    return [SegmentRecord(start, end, text, attributes)]
