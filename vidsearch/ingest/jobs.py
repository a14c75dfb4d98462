"""Plans the work for a video: which tracks a run makes, and where it resumes them.

Missing content is built beside what exists: vectors of another space, captions, the frames of another
sampling plan. Nothing is removed before its replacement is complete.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.ingest.analyzers import MEMORY_SECONDS, Finding
from vidsearch.ingest.policy import LookMemory, LookPolicy, needs_look
from vidsearch.ingest.work import Analysis, Hearing, Reading, VideoJob
from vidsearch.tracks import WINDOW_KINDS, SegmentRecord, TrackSpec
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.ingest.analyzers import FileAnalyzer, FrameAnalyzer, FrameReader
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.store.records import FileState, OpenedVideo
    from vidsearch.store.store import Store
    from vidsearch.tracks import Track
    from vidsearch.types import EmbeddingSpace, Float32, IndexedFrame

Redo: TypeAlias = Literal["missing", "others", "all"]
"""Which analyzers' tracks to make: those missing altogether, those missing from the same producer, or all."""

FRAMES = "sampling"
"""The producer of frames tracks."""
SHOTS = "cuts"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run makes of each video."""

    plan: SamplingPlan
    spaces: tuple[EmbeddingSpace, ...] = ()
    analyzers: tuple[FrameAnalyzer, ...] = ()
    stream_analyzers: tuple[StreamAnalyzer, ...] = ()
    reader: FrameReader | None = None
    file_analyzers: tuple[FileAnalyzer, ...] = ()
    redo: Redo = "missing"
    shows: bool = True
    """Whether finished tracks replace the others at once."""


@dataclass(frozen=True, slots=True)
class Work:
    """The tracks that a run makes or continues for one video."""

    plan: SamplingPlan
    spaces: tuple[EmbeddingSpace, ...]
    """The spaces in which its frames lack vectors."""
    analyzers: tuple[int, ...]
    """Indices of the run's analyzers whose tracks are missing."""
    stream_analyzers: tuple[int, ...]
    """Indices of the run's stream analyzers whose tracks are missing."""
    reads: bool
    """Whether the track of the run's reader is missing."""
    specs: tuple[TrackSpec, ...]
    """Its frames, then a track for each of `analyzers`, for each of `stream_analyzers`, the reader's where it
    `reads`, and shots where the plan looks for them."""


def work_on(wanted: Wanted, state: FileState, *, reindex: bool) -> Work | None:
    """Determine what a video lacks of what a run makes; None if nothing.

    A run without embedders only adds to videos with complete frames. Frames of another sampling plan are
    resampled only with `reindex` or if they are incomplete, under the run's plan and beside the existing
    ones.
    """
    tracks = state.tracks
    shown = [track for track in tracks if track.state == "active"]
    frames = next((track for track in shown if track.kind == "frames"), None)
    plan = wanted.plan
    if frames is not None and frames.is_complete and not reindex:
        plan = SamplingPlan(**frames.spec.params)
    if not wanted.spaces and (frames is None or not frames.is_complete):
        return None
    is_new_plan = frames is None or frames.spec.params != asdict(plan)
    known = () if is_new_plan else state.spaces if frames is not None and frames.is_complete else ()
    spaces = tuple(space for space in wanted.spaces if space not in known)
    missing = tuple(
        place
        for place, analyzer in enumerate(wanted.analyzers)
        if is_new_plan or not _is_made(analyzer.track(plan), tracks, wanted.redo)
    )
    unheard = tuple(
        place
        for place, analyzer in enumerate(wanted.stream_analyzers)
        if not _is_heard(analyzer.track(plan), tracks, wanted.redo, reindex=reindex)
    )
    reading = None if wanted.reader is None else wanted.reader.track(plan)
    reads = reading is not None and (is_new_plan or not _is_made(reading, tracks, wanted.redo))
    is_whole = frames is not None and frames.is_complete and not is_new_plan
    if is_whole and not spaces and not missing and not unheard and not reads:
        return None
    specs = [
        TrackSpec("frames", FRAMES, asdict(plan)),
        *(wanted.analyzers[place].track(plan) for place in missing),
        *(wanted.stream_analyzers[place].track(plan) for place in unheard),
    ]
    if reading is not None and reads:
        specs.append(reading)
    if plan.sampling == "shots":
        specs.append(TrackSpec("shot", SHOTS, asdict(plan)))
    return Work(plan, spaces, missing, unheard, reads, tuple(specs))


def _is_made(spec: TrackSpec, tracks: Sequence[Track], redo: Redo) -> bool:
    """Whether a complete track exists that need not be remade."""
    for track in tracks:
        if not track.is_complete or track.state == "superseded" or not spec.replaces(track.spec):
            continue
        is_unseen = track.state == "building" and spec == track.spec
        is_by_same = spec.is_by_same_model(track.spec)
        if is_unseen or (
            track.state == "active" and (redo == "missing" or (redo == "others" and is_by_same))
        ):
            return True
    return False


def _is_heard(spec: TrackSpec, tracks: Sequence[Track], redo: Redo, *, reindex: bool) -> bool:
    """Whether what a video's sound says need not be heard again. Another sampling plan changes none of it,
    but whoever indexes again with another model, or for another language, wants that one's track. Windows of
    other weights, or of another length, have no vectors that this run's model could be searched by."""
    if redo == "missing" and (reindex or spec.kind in WINDOW_KINDS):
        return any(track.spec == spec and track.state == "active" and track.is_complete for track in tracks)
    return _is_made(spec, tracks, redo)


def make_job(
    library: Store,
    wanted: Wanted,
    work: Work,
    opened: OpenedVideo,
    *,
    path: Path,
    key: int,
    is_isolated: bool,
    is_suspect: bool,
) -> VideoJob:
    """Make a job of a video's work, from where the least made of its tracks ends."""
    frames_track, *others = opened.tracks
    analysis_tracks = others[: len(work.analyzers)]
    stream_tracks = others[len(work.analyzers) :][: len(work.stream_analyzers)]
    shots_track = others[-1] if work.plan.sampling == "shots" else None
    reading = None
    if work.reads:
        reading = _reading(library, others[len(work.analyzers) + len(work.stream_analyzers)])
    of_pictures = [track for track in opened.tracks if track not in stream_tracks]
    untils = [math.inf if track.is_complete else track.done_until_seconds for track in of_pictures]
    untils += [opened.space_until_seconds[space] for space in work.spaces]
    resume_from_seconds = min(untils)
    has_pictures = resume_from_seconds < math.inf
    frames = library.track_frames(frames_track.id) if frames_track.num_segments and has_pictures else []
    # The frame before the one that a run resumes with lasts until that one.
    before = [frame for frame in frames if frame.end_seconds <= resume_from_seconds]
    seen = _Seen(library, wanted.spaces, frames, before, are_whole=frames_track.is_complete)
    compares_again = bool(wanted.spaces) and wanted.spaces[0] in work.spaces
    analyses = []
    for place, track in zip(work.analyzers, analysis_tracks, strict=True):
        policy = wanted.analyzers[place].policy
        look_at = None if compares_again else seen.times_to_look_at(policy, video_id=opened.video.id)
        memory, findings = seen.last_look(track) if compares_again else (None, ())
        analyses.append(Analysis(place, track.id, memory, findings, look_at))
    return VideoJob(
        key=key,
        path=path,
        plan=work.plan,
        frames_track_id=frames_track.id,
        resume_from_seconds=resume_from_seconds,
        num_frames_before=len(before),
        spaces=work.spaces,
        analyses=tuple(analyses),
        reading=reading,
        shots_track_id=None if shots_track is None else shots_track.id,
        hearings=tuple(
            _hearing(library, place, track, work.plan)
            for place, track in zip(work.stream_analyzers, stream_tracks, strict=True)
        ),
        is_isolated=is_isolated,
        is_suspect=is_suspect,
    )


def _hearing(library: Store, place: int, track: Track, plan: SamplingPlan) -> Hearing:
    """The remaining audio analysis of a video, with the segments just before."""
    from_seconds = max(track.done_until_seconds, plan.start_seconds)
    known = library.segments(track.id) if track.num_segments and track.kind == "transcript" else []
    before = tuple(
        SegmentRecord(each.start_seconds, each.end_seconds, each.text, each.attributes)
        for each in known
        if each.end_seconds > from_seconds - MEMORY_SECONDS
    )
    return Hearing(place, track.id, from_seconds, before)


def _reading(library: Store, track: Track) -> Reading:
    """The remaining text reading of a video, with the lines on screen where it resumes."""
    until_seconds = track.done_until_seconds
    shown = [line for line in library.segments(track.id) if line.end_seconds >= until_seconds]
    going_on = tuple(
        SegmentRecord(line.start_seconds, line.end_seconds, line.text, line.attributes) for line in shown
    )
    return Reading(track.id, until_seconds, going_on)


class _Seen:
    """A video's stored frames, as analyzers need them."""

    def __init__(
        self,
        library: Store,
        spaces: Sequence[EmbeddingSpace],
        frames: Sequence[IndexedFrame],
        before: Sequence[IndexedFrame],
        *,
        are_whole: bool,
    ) -> None:
        self._library = library
        self._spaces = spaces
        self._frames = frames
        self._before = before
        self._are_whole = are_whole

    def last_look(self, track: Track) -> tuple[LookMemory | None, tuple[Finding, ...]]:
        """The policy's memory of the existing part of a track, and the last findings."""
        segments = self._library.segments(track.id) if track.num_segments else []
        by_start = {frame.time_seconds: index for index, frame in enumerate(self._before)}
        for segment in reversed(segments):
            index = by_start.get(segment.start_seconds)
            if index is None or "carried_over" in segment.attributes:
                continue
            frame = self._before[index]
            ids, vectors = self._library.vectors(self._spaces[0], [frame.id])
            if len(ids):
                said = Finding(segment.text, segment.attributes)
                return LookMemory(index, frame.time_seconds, vectors[0]), (said,)
        return None, ()

    def times_to_look_at(self, policy: LookPolicy, *, video_id: int) -> frozenset[float] | None:
        """The times of frames to look at, decided from stored vectors.

        None if there are no frames yet; the policy then decides as they come.
        """
        if not self._are_whole:
            return None
        visible = [frame for frame in self._frames if not frame.is_blank]
        vectors = self._vectors(visible)
        shots = self._library.shots(video_id)
        memory: LookMemory | None = None
        times = []
        for index, frame in enumerate(self._frames):
            vector = vectors.get(frame.id)
            if frame.is_blank or (vector is None and memory is not None):
                continue
            starts = [shot.start_seconds for shot in shots if shot.start_seconds <= frame.time_seconds]
            shot_start = max(starts, default=0.0)
            if vector is None or needs_look(
                policy, memory, frame_index=index, vector=vector, shot_start_seconds=shot_start
            ):
                times.append(frame.time_seconds)
                if vector is not None:
                    memory = LookMemory(index, frame.time_seconds, vector)
        return frozenset(times)

    def _vectors(self, frames: Sequence[IndexedFrame]) -> Mapping[int, Float32]:
        for space in (*self._spaces, *self._library.spaces()):
            ids, rows = self._library.vectors(space, [frame.id for frame in frames])
            if len(ids):
                return dict(zip(ids.tolist(), rows, strict=True))
        return {}
