"""The JSON of jobs: what a server is asked for that takes long, how far it is, and what it did."""

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
    """What to index, and how. What is left out is as in `vidsearch index`."""

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
        """Return how to index, as `Library.index` takes it."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        del given["paths"]
        settings: IndexSettings = given  # type: ignore[assignment]
        return settings


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for in every frame: words, names of concepts. Without labels, those of the last time."""

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
    """Names one video or more, or all."""
    level: Literal["frame", "chapter", "video"] = "frame"
    captioner: _Name | None = None
    """A model on the server's machine. Of frames: the library's own; of chapters and videos: smolvlm."""
    prompt: _Words | None = None
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    """Of frames."""
    num_words: Annotated[int, msgspec.Meta(ge=1, le=400)] | None = None
    """Of chapters and videos, about."""
    language: _Name | None = None
    """Of chapters and videos."""

    def check(self) -> None:
        """Raise QueryError for a setting that is for another level."""
        others = ("num_words", "language") if self.level == "frame" else ("num_beams",)
        for name in others:
            if getattr(self, name) is not None:
                raise QueryError(f"{name} means nothing at level {self.level}: leave it out.")

    def describe_settings(self) -> DescribeSettings:
        """Return what `Library.describe` takes, of chapters and videos."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        settings: DescribeSettings = {  # type: ignore[assignment]
            name: value for name, value in given.items() if name not in ("videos", "num_beams")
        }
        return settings


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other models to go on with, by name, with commas between them."""

    models: _Words
    skip_failed: bool = False
    """Switch though some videos fail: words alone find those then."""
    prune: bool = False
    """Afterwards remove what the models before made."""


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether to mend what can be mended."""

    repair: bool = False


# --- out --------------------------------------------------------------------------------------------


class ProgressSchema(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is."""

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
    workers: list[WorkerSchema]

    @classmethod
    def of(cls, state: ProgressState) -> Self:
        return schema_of(cls, state, workers=[WorkerSchema.of(share) for share in state.workers])


class JobSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A run. What it did is in the field for its kind, once it has ended."""

    job_id: str
    kind: Literal["index", "label", "recaption", "describe", "upgrade", "verify"]
    paths: list[str]
    """What is indexed."""
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: ProgressSchema | None
    report: ReportSchema | None
    """Of index and recaption."""
    labelled: LabelledSchema | None
    described: PartsReportSchema | None
    upgraded: UpgradeSchema | None
    problems: list[ProblemSchema] | None
    """Of verify: all that is wrong, and what was done about it."""
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
"""By a job's kind, the field for what it did, and the schema."""


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of this server, in the order in which they were started."""

    jobs: list[JobSchema]
