"""The JSON schema of concepts. Names are as in `vidsearch.service.schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

import msgspec

from vidsearch.service.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vidsearch.service.concepts import Check, Taught
    from vidsearch.store.concept_rows import Concept, ConceptExample


class ConceptSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A concept."""

    name: str
    words: str | None
    version: int
    created_at: datetime
    changed_at: datetime
    num_for: int
    num_against: int

    @classmethod
    def of(cls, concept: Concept) -> Self:
        return schema_of(cls, concept)


class ConceptExampleSchema(msgspec.Struct, frozen=True, kw_only=True):
    """An example that a concept has, or had."""

    id: int
    against: bool
    source: str
    content_hash: str
    time_seconds: float | None
    since_version: int
    until_version: int | None

    @classmethod
    def of(cls, example: ConceptExample) -> Self:
        return schema_of(cls, example, against=example.is_against)


class CheckSchema(msgspec.Struct, frozen=True, kw_only=True):
    """How well each example of a concept is found by the other ones, in one space."""

    model: str
    num_left_out: int
    num_found: int
    """How many of them are among the best 1% of the library's frames."""
    words_share: float

    @classmethod
    def of(cls, check: Check) -> Self:
        return schema_of(
            cls, check, num_left_out=len(check.left_out), words_share=round(check.words_share, 3)
        )


class TaughtSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A concept after it was taught."""

    concept: ConceptSchema
    is_new: bool
    num_changed: int
    notes: list[str]
    checks: list[CheckSchema]

    @classmethod
    def of(cls, taught: Taught, checks: Iterable[Check] = ()) -> Self:
        return schema_of(
            cls,
            taught,
            concept=ConceptSchema.of(taught.concept),
            checks=[CheckSchema.of(check) for check in checks],
        )


class ShownConceptSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A concept with all its examples."""

    concept: ConceptSchema
    examples: list[ConceptExampleSchema]
    checks: list[CheckSchema]

    @classmethod
    def of(cls, concept: Concept, examples: Sequence[ConceptExample], checks: Iterable[Check]) -> Self:
        return cls(
            concept=ConceptSchema.of(concept),
            examples=[ConceptExampleSchema.of(example) for example in examples],
            checks=[CheckSchema.of(check) for check in checks],
        )
