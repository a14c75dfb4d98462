"""The JSON that only servers speak: pages of long lists, requests, problems; jobs are in `job_schemas`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

from vidsearch.service.answer_schemas import AnswerSchema
from vidsearch.service.concept_schemas import ConceptSchema, TaughtSchema
from vidsearch.service.label_schemas import ReportLineSchema, SeenSchema
from vidsearch.service.report_schemas import FailureSchema, TrackSchema
from vidsearch.service.schemas import (
    Id,
    LibraryCaptionsSchema,
    VideoCaptionsSchema,
    VideoSchema,
    WordMatchSchema,
    names_of,
    schema_of,
)

if TYPE_CHECKING:
    from vidsearch.models.known import ModelEntry
    from vidsearch.tracks import Segment, Track
    from vidsearch.types import Video

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Examples = Annotated[
    list[Id | Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]],
    msgspec.Meta(max_length=1000),
]


# --- in ---------------------------------------------------------------------------------------------


class CorrectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a moment, in place of a model."""

    time_seconds: _Seconds
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    only_here: bool = False


class TeachRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a name means, by frames of the library: numbers 231 or "#231", moments "cat.mp4@5"."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    examples: _Examples = []
    against: _Examples = []
    words: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    is_new: bool = False


class SpokenCorrectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said at a time, in place of the whole line of the transcript."""

    time_seconds: _Seconds
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


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

    video_id: int
    path: str
    tracks: list[TrackSchema]

    @classmethod
    def of(cls, video: Video, tracks: Iterable[Track]) -> Self:
        return cls(**names_of(video), tracks=[TrackSchema.of(track) for track in tracks])


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
        return schema_of(cls, segment, segment_id=segment.id, kind=kind)


class SegmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the segments of a video, by time."""

    segments: list[SegmentSchema]
    next_cursor: str | None


class LibraryCaptionsPage(LibraryCaptionsSchema, frozen=True, kw_only=True):
    """A library in words: one line for all, and a part of its videos in one line each."""

    next_cursor: str | None


class WordMatches(msgspec.Struct, frozen=True, kw_only=True):
    """Where words are said or written, best first."""

    matches: list[WordMatchSchema]


class TaughtList(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each concept of a file."""

    concepts: list[TaughtSchema]


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
    path: str | None
    """Where it is on this machine."""

    @classmethod
    def of(cls, entry: ModelEntry) -> Self:
        return schema_of(cls, entry)


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The models that have a name, the built-in ones first."""

    models: list[ModelSchema]


class ConceptList(msgspec.Struct, frozen=True, kw_only=True):
    """What the library was taught, by name."""

    concepts: list[ConceptSchema]


class LabelList(msgspec.Struct, frozen=True, kw_only=True):
    """The labels that were looked for last, in their order, and how often each was seen."""

    labels: list[SeenSchema]


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long each label was seen."""

    lines: list[ReportLineSchema]


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
