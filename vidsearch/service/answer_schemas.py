"""The JSON schema of answers: hits, their steps and evidence. Names are as in `vidsearch.service.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import msgspec

from vidsearch.search.kinds import reason
from vidsearch.service.query_writing import write_query
from vidsearch.service.schemas import names_of, schema_of

if TYPE_CHECKING:
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.types import Evidence, SearchHit, StepHit


class EvidenceSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a moment matches a query."""

    kind: str
    text: str
    start_seconds: float
    end_seconds: float
    confidence: float | None
    reason: str
    """The evidence in words: `said "any questions" at 0:12`."""

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        return schema_of(cls, evidence, reason=reason(evidence))


class StepSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a hit for a query with several steps."""

    text: str
    frame_id: int
    time_seconds: float
    score: float
    confidence: float | None
    caption: str | None
    evidence: list[EvidenceSchema]

    @classmethod
    def of(cls, step: StepHit) -> Self:
        return schema_of(cls, step, evidence=[EvidenceSchema.of(each) for each in step.evidence])


class HitSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that matches a query."""

    video_id: int
    path: str
    frame_id: int
    time_seconds: float
    start_seconds: float
    end_seconds: float
    confidence: float | None
    score: float
    scores: dict[str, float]
    caption: str | None
    num_duplicates: int
    steps: list[StepSchema]
    evidence: list[EvidenceSchema]

    @classmethod
    def of(cls, hit: SearchHit) -> Self:
        return schema_of(
            cls,
            hit,
            **names_of(hit.video),
            steps=[StepSchema.of(step) for step in hit.steps],
            evidence=[EvidenceSchema.of(each) for each in hit.evidence],
        )


class AnswerSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one query."""

    query: dict[str, Any]
    mode: str
    models: list[str]
    num_frames: int
    verdict: str
    nothing_matches: bool
    notes: list[str]
    hits: list[HitSchema]

    @classmethod
    def of(cls, answer: SearchAnswer) -> Self:
        return schema_of(
            cls,
            answer,
            query=write_query(answer.query),
            hits=[HitSchema.of(hit) for hit in answer.hits],
        )
