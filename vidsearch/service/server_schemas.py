"""The JSON schema of what only servers use: requests, pages of lists, problems. Jobs are in `job_schemas`."""

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
    """A person's caption for a moment, which replaces a model's."""

    time_seconds: _Seconds
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    only_here: bool = False


class TeachRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Examples of what a name means: frames of the library, as 231, "#231" or "cat.mp4@5"."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    examples: _Examples = []
    against: _Examples = []
    words: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    is_new: bool = False


class SpokenCorrectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new text of the whole line of the transcript at a time."""

    time_seconds: _Seconds
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


# --- out --------------------------------------------------------------------------------------------


class HealthSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The server's status."""

    status: Literal["ok"]
    version: str


class SearchPage(AnswerSchema, frozen=True, kw_only=True):
    """A page of an answer, best hits first."""

    first: int
    """The number of hits before these."""
    num_found: int
    """The number of hits of the whole answer."""
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
    """A page of the videos, in the order of first indexing."""

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
    """A track's content for a span of its video."""

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
    """A page of a video's segments, by time."""

    segments: list[SegmentSchema]
    next_cursor: str | None


class LibraryCaptionsPage(LibraryCaptionsSchema, frozen=True, kw_only=True):
    """One caption for the library, and a page of its videos with one caption each."""

    next_cursor: str | None


class WordMatches(msgspec.Struct, frozen=True, kw_only=True):
    """Texts that contain the words searched for, best first."""

    matches: list[WordMatchSchema]


class TaughtList(msgspec.Struct, frozen=True, kw_only=True):
    """The imported concepts of a file."""

    concepts: list[TaughtSchema]


class VideoCaptionsPage(VideoCaptionsSchema, frozen=True, kw_only=True):
    """One caption for a video, and a page of its frames or sections."""

    next_cursor: str | None


class FailureList(msgspec.Struct, frozen=True, kw_only=True):
    """The files that could not be indexed, by path."""

    failures: list[FailureSchema]


class ModelSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model."""

    name: str
    kind: str
    source: str
    size_bytes: int
    terms: str
    is_cached: bool
    path: str | None
    """Where its weights are on this machine."""

    @classmethod
    def of(cls, entry: ModelEntry) -> Self:
        return schema_of(cls, entry)


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The registered models, built-in ones first."""

    models: list[ModelSchema]


class ConceptList(msgspec.Struct, frozen=True, kw_only=True):
    """The concepts that the library was taught, by name."""

    concepts: list[ConceptSchema]


class LabelList(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of the last run, in their order, and the number of spans of each."""

    labels: list[SeenSchema]


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long each label was found."""

    lines: list[ReportLineSchema]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error in one part of a request."""

    at: str
    """The parameter or field."""
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request failed: problem details as in RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    faults: list[Fault] = []
