"""The JSON schema of labels. Names are as in `vidsearch.service.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from vidsearch.service.schemas import schema_of

if TYPE_CHECKING:
    from vidsearch.labels.report import ReportLine
    from vidsearch.service.labels import Labelled
    from vidsearch.store.label_rows import LabelSpan


class SeenSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A label, and its number of spans."""

    label: str
    count: int


class LabelledSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run of labels."""

    num_labels: int
    num_videos: int
    num_frames: int
    num_spans: int
    models: list[str]
    seen: list[SeenSchema]

    @classmethod
    def of(cls, done: Labelled) -> Self:
        return schema_of(cls, done, seen=[SeenSchema(label=label, count=count) for label, count in done.seen])


class LabelSpanSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A span where a label was found."""

    label: str
    video_id: int
    start_seconds: float
    end_seconds: float
    confidence: float | None

    @classmethod
    def of(cls, span: LabelSpan) -> Self:
        return schema_of(cls, span)


class ReportLineSchema(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long a label was found."""

    label: str
    where: str
    count: int
    seconds: float
    share: float
    surest: float

    @classmethod
    def of(cls, line: ReportLine) -> Self:
        return schema_of(cls, line)
