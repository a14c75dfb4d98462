"""The JSON schema of reports and errors. Names are as in `vidsearch.service.schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from vidsearch.service.schemas import names_of, schema_of

if TYPE_CHECKING:
    from vidsearch.captions.parts import PartsReport
    from vidsearch.ingest import FileFailure, IngestReport
    from vidsearch.ingest.report import WorkerShare
    from vidsearch.media.subtitle_files import SubtitleFile
    from vidsearch.service.upgrading import Upgrade
    from vidsearch.store.copying import CopyReport
    from vidsearch.store.records import LibraryInfo, Problem
    from vidsearch.tracks import Track
    from vidsearch.types import Failure, LibraryModels, Video


class FailureSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be indexed."""

    path: str
    error: str
    reason: str
    failed_at: datetime

    @classmethod
    def of(cls, failure: Failure) -> Self:
        return schema_of(cls, failure)


class FileFailureSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A file that failed in a run."""

    path: str
    error: str
    reason: str
    seconds_kept: float
    known_before: bool

    @classmethod
    def of(cls, failure: FileFailure) -> Self:
        return schema_of(cls, failure)


class WorkerSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One Ray worker's share of a run."""

    name: str
    num_frames: int
    frames_per_second: float

    @classmethod
    def of(cls, share: WorkerShare) -> Self:
        return schema_of(cls, share)


class ReportSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an index run."""

    num_indexed: int
    num_resumed: int
    num_skipped: int
    num_skipped_as_other: int
    num_replaced: int
    num_left_to_others: int
    num_frames: int
    num_blank: int
    num_near_duplicates: int
    num_captions_written: int
    num_captions_carried_over: int
    num_lines_read: int
    num_sentences_heard: int
    failures: list[FileFailureSchema]
    warnings: list[str]
    workers: list[WorkerSchema]
    video_seconds: float
    wall_seconds: float
    device: str | None
    interrupted: bool

    @classmethod
    def of(cls, report: IngestReport, *, device: str | None) -> Self:
        return schema_of(
            cls,
            report,
            report.counts,
            failures=[FileFailureSchema.of(failure) for failure in report.failures],
            workers=[WorkerSchema.of(share) for share in report.workers],
            device=device,
        )


class PartFailureSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be described."""

    path: str
    reason: str


class PartsReportSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of describing chapters or videos."""

    num_described: int
    num_parts: int
    num_skipped: int
    failures: list[PartFailureSchema]
    interrupted: bool

    @classmethod
    def of(cls, report: PartsReport) -> Self:
        return schema_of(
            cls,
            report,
            failures=[
                schema_of(PartFailureSchema, path=path, reason=reason) for path, reason in report.failures
            ],
        )


class ModelsSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a library."""

    embedders: list[str]
    captioner: str | None
    moving: list[str]
    sounds: list[str]

    @classmethod
    def of(cls, models: LibraryModels) -> Self:
        return schema_of(cls, models)


class SpaceSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A space in which a library has vectors."""

    model: str
    weights_digest: str
    preprocessing: str
    dim: int
    kind: str
    key: str


class InfoSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A library's models, and its size in numbers."""

    path: str
    format_version: int
    models: ModelsSchema | None
    spaces: list[SpaceSchema]
    num_videos: int
    num_complete: int
    num_frames: int
    num_captions: int
    num_failures: int
    duration_seconds: float
    size_bytes: int

    @classmethod
    def of(cls, info: LibraryInfo) -> Self:
        models = info.models
        return schema_of(
            cls,
            info,
            models=models and ModelsSchema.of(models),
            spaces=[schema_of(SpaceSchema, space) for space in info.spaces],
        )


class CopySchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of copying a library."""

    num_rows: int
    num_rows_copied: int
    num_videos: int
    digest: str

    @classmethod
    def of(cls, report: CopyReport) -> Self:
        return schema_of(cls, report)


class ProblemSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A problem of a library."""

    kind: str
    what: str
    repaired: str | None

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return schema_of(cls, problem)


class TrackSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A track of a video."""

    track_id: int
    video_id: int
    kind: str
    name: str
    producer: str
    params: dict[str, Any]
    language: str | None
    state: str
    is_complete: bool
    done_until_seconds: float
    num_segments: int
    created_at: datetime

    @classmethod
    def of(cls, track: Track) -> Self:
        return schema_of(cls, track, track.spec, track_id=track.id)


class SubtitlesSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of importing a subtitle file."""

    video_id: int
    path: str
    track: str
    """The track's name."""
    num_found: int
    num_kept: int
    num_mended: int
    left_out: dict[str, int]
    """The number of cues left out, by reason."""
    format: str
    encoding: str
    is_encoding_guessed: bool

    @classmethod
    def of(cls, read: SubtitleFile, video: Video, track: str) -> Self:
        return schema_of(
            cls,
            read,
            **names_of(video),
            track=track,
            num_kept=len(read.cues),
        )


class PrunedSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The number of vectors and segments removed because those of other models replaced them."""

    num_pruned: int


class UpgradeSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an upgrade to other models."""

    models: ModelsSchema
    is_switched: bool
    num_pruned: int
    report: ReportSchema

    @classmethod
    def of(cls, done: Upgrade) -> Self:
        models = ModelsSchema.of(done.models)
        return schema_of(cls, done, models=models, report=ReportSchema.of(done.report, device=None))


class ErrorSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The error of a request that failed."""

    type: str
    message: str


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that failed."""

    error: ErrorSchema

    @classmethod
    def of(cls, error: Exception, *, message: str | None = None) -> Self:
        return cls(error=ErrorSchema(type=type(error).__name__, message=message or str(error)))
