"""The JSON that only servers speak: pages of long lists, index jobs, problems."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

from vidsearch.service.answer_schemas import AnswerSchema
from vidsearch.service.concept_schemas import ConceptSchema
from vidsearch.service.label_schemas import ReportLineSchema
from vidsearch.service.report_schemas import ErrorSchema, FailureSchema, ReportSchema, TrackSchema
from vidsearch.service.schemas import VideoCaptionsSchema, VideoSchema, schema_of

if TYPE_CHECKING:
    from vidsearch.ingest import ProgressState
    from vidsearch.models.known import ModelEntry
    from vidsearch.service.index_jobs import IndexJob
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.tracks import Segment

_PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Examples = Annotated[
    list[
        Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
        | Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    ],
    msgspec.Meta(max_length=1000),
]


# --- in ---------------------------------------------------------------------------------------------


class CorrectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a moment, in place of a model."""

    time_seconds: _Seconds
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    only_here: bool = False


class IndexRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to index, and how. What is left out is as in `vidsearch index`."""

    paths: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]
    fps: _PositiveFloat = 1.0
    max_frames: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    start_seconds: _Seconds = 0.0
    end_seconds: _Seconds | None = None
    sampling: Literal["uniform", "shots", "keyframes"] = "uniform"
    captions: bool = True
    caption_every: str = "novel"
    speech: bool | None = None
    text: bool = False
    exclude: list[str] | None = None
    retry_failed: bool = False
    reindex: bool = False

    def settings(self) -> IndexSettings:
        """Return how to index, as `Library.index` takes it."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        del given["paths"]
        settings: IndexSettings = given  # type: ignore[assignment]
        return settings


class TeachRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a name means, by frames of the library: numbers 231 or "#231", moments "cat.mp4@5"."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    examples: _Examples = []
    against: _Examples = []
    words: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    is_new: bool = False


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for in every frame: words, names of concepts. Without labels, those of the last time."""

    labels: (
        Annotated[list[str], msgspec.Meta(min_length=1, max_length=10_000)] | Literal["concepts"] | None
    ) = None
    min_confidence: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    join_seconds: _Seconds | None = None


# --- out --------------------------------------------------------------------------------------------


class HealthSchema(msgspec.Struct, frozen=True, kw_only=True):
    """That the server answers."""

    status: Literal["ok"]
    version: str


class SearchPage(AnswerSchema, frozen=True, kw_only=True):
    """A part of an answer, best hits first."""

    first: int
    """How many hits come before these."""
    num_found: int
    """Hits of the whole answer."""
    next_cursor: str | None

    @classmethod
    def cut(cls, answer: AnswerSchema, first: int, end: int, next_cursor: str | None) -> Self:
        """Return the hits [first, end) of an answer."""
        return schema_of(
            cls,
            answer,
            hits=answer.hits[first:end],
            first=first,
            num_found=len(answer.hits),
            next_cursor=next_cursor,
        )


class VideoPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the videos, in the order of first indexing."""

    videos: list[VideoSchema]
    next_cursor: str | None


class TrackList(msgspec.Struct, frozen=True, kw_only=True):
    """The tracks of a video, in the order in which they were begun."""

    tracks: list[TrackSchema]


class SegmentSchema(msgspec.Struct, frozen=True, kw_only=True):
    """What a track holds for a span of its video."""

    segment_id: int
    track_id: int
    kind: str
    start_seconds: float
    end_seconds: float
    text: str | None
    attributes: dict[str, Any]

    @classmethod
    def of(cls, segment: Segment, kind: str) -> Self:
        return schema_of(cls, segment, segment_id=segment.id, kind=kind, attributes=dict(segment.attributes))


class SegmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the segments of a video, by time."""

    segments: list[SegmentSchema]
    next_cursor: str | None


class VideoCaptionsPage(VideoCaptionsSchema, frozen=True, kw_only=True):
    """A video in words: one line, and a part of its frames or sections."""

    next_cursor: str | None


class FailureList(msgspec.Struct, frozen=True, kw_only=True):
    """The files that could not be indexed, by path."""

    failures: list[FailureSchema]


class ModelSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A model that has a name."""

    name: str
    kind: str
    source: str
    size_bytes: int
    terms: str
    is_cached: bool

    @classmethod
    def of(cls, entry: ModelEntry) -> Self:
        return schema_of(cls, entry)


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The models that have a name, the built-in ones first."""

    models: list[ModelSchema]


class ConceptList(msgspec.Struct, frozen=True, kw_only=True):
    """What the library was taught, by name."""

    concepts: list[ConceptSchema]


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long each label was seen."""

    lines: list[ReportLineSchema]


class ProgressSchema(msgspec.Struct, frozen=True, kw_only=True):
    """How far an index run is."""

    files_done: int
    files_total: int
    current: str | None
    num_frames: int
    seconds_done: float
    seconds_total: float | None
    frames_per_second: float
    times_real_time: float
    eta_seconds: float | None
    num_lines: int
    """Lines of words that were given vectors, once the files are done: 0 until then."""

    @classmethod
    def of(cls, state: ProgressState) -> Self:
        return schema_of(cls, state, current=None if state.current is None else str(state.current))


class JobSchema(msgspec.Struct, frozen=True, kw_only=True):
    """An index run."""

    job_id: str
    paths: list[str]
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: ProgressSchema | None
    report: ReportSchema | None
    error: ErrorSchema | None

    @classmethod
    def of(cls, job: IndexJob) -> Self:
        error = job.error and ErrorSchema(type=type(job.error).__name__, message=str(job.error))
        return schema_of(
            cls,
            job,
            job_id=job.id,
            paths=list(map(str, job.paths)),
            progress=job.progress and ProgressSchema.of(job.progress),
            report=job.report and ReportSchema.of(job.report, device=None),
            error=error,
        )


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The index runs of this server, in the order in which they were started."""

    jobs: list[JobSchema]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one part of a request."""

    at: str
    """The parameter or field."""
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not answered: problem details as in RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    faults: list[Fault] = []
