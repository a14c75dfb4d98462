"""The JSON schema of a server's jobs: requests, progress and results of long runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

from vidsearch.errors import QueryError
from vidsearch.service.label_schemas import LabelledSchema
from vidsearch.service.report_schemas import (
    ErrorSchema,
    PartsReportSchema,
    ProblemSchema,
    ReportSchema,
    UpgradeSchema,
    WorkerSchema,
)
from vidsearch.service.schemas import schema_of

if TYPE_CHECKING:
    from vidsearch.ingest import ProgressState
    from vidsearch.service.describing import DescribeSettings
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.service.jobs import Job

_PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


# --- in ---------------------------------------------------------------------------------------------


class IndexRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to index, and how. Defaults are those of `vidsearch index`."""

    paths: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]
    fps: _PositiveFloat = 1.0
    max_frames: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    start_seconds: _Seconds = 0.0
    end_seconds: _Seconds | None = None
    sampling: Literal["uniform", "shots", "keyframes"] = "uniform"
    captions: bool = True
    caption_every: _Name = "novel"
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    prompt: _Words | None = None
    moving: bool | None = None
    sounds: bool | None = None
    speech: bool | None = None
    language: _Name = "auto"
    audio_track: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    text: bool = False
    exclude: Annotated[list[_Words], msgspec.Meta(max_length=1000)] | None = None
    retry_failed: bool = False
    reindex: bool = False

    def settings(self) -> IndexSettings:
        """Return the settings for `Library.index`."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        del given["paths"]
        settings: IndexSettings = given  # type: ignore[assignment]
        return settings


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for in every frame: words, or names of concepts. Default: the labels of the last run."""

    labels: (
        Annotated[list[str], msgspec.Meta(min_length=1, max_length=10_000)] | Literal["concepts"] | None
    ) = None
    min_confidence: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    join_seconds: _Seconds | None = None


class RecaptionRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """New captions, as `vidsearch recaption` writes them: of frames, of chapters, or of whole videos."""

    videos: _Words
    """A name of one or more videos, or "all"."""
    level: Literal["frame", "chapter", "video"] = "frame"
    captioner: _Name | None = None
    """A model on the server's machine. Default: the library's for frames, smolvlm for chapters and videos."""
    prompt: _Words | None = None
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    """For frames only."""
    num_words: Annotated[int, msgspec.Meta(ge=1, le=400)] | None = None
    """The approximate length of captions. For chapters and videos only."""
    language: _Name | None = None
    """For chapters and videos only."""

    def check(self) -> None:
        """Raise QueryError for a setting that does not apply to this level."""
        others = ("num_words", "language") if self.level == "frame" else ("num_beams",)
        for name in others:
            if getattr(self, name) is not None:
                raise QueryError(f"{name} does not apply to level {self.level}: leave it out.")

    def describe_settings(self) -> DescribeSettings:
        """Return the settings for `Library.describe`."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        settings: DescribeSettings = {  # type: ignore[assignment]
            name: value for name, value in given.items() if name not in ("videos", "num_beams")
        }
        return settings


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other models to change to."""

    models: _Words
    """Names, separated by commas."""
    skip_failed: bool = False
    """Whether to switch even if some videos fail; these are then found by their words only."""
    prune: bool = False
    """Whether to remove the previous models' vectors and captions afterwards."""


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether to repair what can be repaired."""

    repair: bool = False


# --- out --------------------------------------------------------------------------------------------


class ProgressSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a run."""

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
    """The number of lines of text embedded so far, after all files are done."""
    workers: list[WorkerSchema]

    @classmethod
    def of(cls, state: ProgressState) -> Self:
        return schema_of(cls, state, workers=[WorkerSchema.of(share) for share in state.workers])


class JobSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A job. Its result is in the field for its kind, once it has ended."""

    job_id: str
    kind: Literal["index", "label", "recaption", "describe", "upgrade", "verify"]
    paths: list[str]
    """The files and folders that are indexed."""
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: ProgressSchema | None
    report: ReportSchema | None
    """The result of index and recaption."""
    labelled: LabelledSchema | None
    described: PartsReportSchema | None
    upgraded: UpgradeSchema | None
    problems: list[ProblemSchema] | None
    """The result of verify: each problem, and what was done about it."""
    error: ErrorSchema | None

    @classmethod
    def of(cls, job: Job) -> Self:
        done: dict[str, Any] = dict.fromkeys(("report", "labelled", "described", "upgraded", "problems"))
        outcome: Any = job.outcome
        if outcome is not None:
            field, schema = _OUTCOMES[job.kind]
            done[field] = schema(outcome)
        error = job.error and ErrorSchema(type=type(job.error).__name__, message=str(job.error))
        return schema_of(
            cls,
            job,
            job_id=job.id,
            progress=job.progress and ProgressSchema.of(job.progress),
            error=error,
            **done,
        )


def _report(outcome: Any) -> ReportSchema:
    return ReportSchema.of(outcome, device=None)


_OUTCOMES: dict[str, tuple[str, Any]] = {
    "index": ("report", _report),
    "recaption": ("report", _report),
    "label": ("labelled", LabelledSchema.of),
    "describe": ("described", PartsReportSchema.of),
    "upgrade": ("upgraded", UpgradeSchema.of),
    "verify": ("problems", lambda found: [ProblemSchema.of(each) for each in found]),
}
"""The field and the schema of a job's result, by its kind."""


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of this server, in the order in which they were created."""

    jobs: list[JobSchema]
