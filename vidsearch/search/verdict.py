"""From what was found to an answer: cut to what was asked for, with a word on how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.search.answer import ResolvedMode, SearchAnswer, Verdict
from vidsearch.search.kinds import PICTURES

if TYPE_CHECKING:
    from vidsearch.search.query import Query
    from vidsearch.search.views import View
    from vidsearch.types import SearchHit

FOUND_BY_WORDS = 0.6
POSSIBLE_BY_WORDS = 0.2
"""The thresholds of `ConfidenceMap` where words alone answer. All words of the query in a caption by a model
make "unsure", in a subtitle or a person's words "found"."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the library holds for a query, before it is an answer."""

    hits: Sequence[SearchHit]
    views: Sequence[View]
    mode: ResolvedMode
    notes: Sequence[str]


def answer_of(query: Query, found: Found, num_frames: int) -> SearchAnswer:
    """Cut to what was asked for, and say how sure it is."""
    hits, notes = list(found.hits), list(found.notes)
    maps = [view.calibration for view in found.views if view.calibration]
    found_from = min((each.found for each in maps), default=FOUND_BY_WORDS)
    possible_from = min((each.possible for each in maps), default=POSSIBLE_BY_WORDS)
    verdict = _verdict(hits, found_from, possible_from)
    least = query.min_confidence
    if least is not None and hits:
        if all(hit.confidence is None for hit in hits):
            notes.append("Such a query gets no confidence, so none of its hits reaches a least one.")
        hits = [hit for hit in hits if hit.confidence is not None and hit.confidence >= least]
        if not hits and len(notes) == len(found.notes):
            notes.append(f"No hit reaches a confidence of {least:.0%}.")
    return SearchAnswer(
        query=query,
        hits=tuple(hits[: query.num_hits]),
        verdict=verdict,
        found_from=found_from,
        possible_from=possible_from,
        mode=found.mode,
        kinds=query.looked_at,
        models=tuple(view.space.model for view in found.views),
        num_frames=num_frames,
        notes=tuple(notes),
    )


def _verdict(hits: Sequence[SearchHit], found_from: float, possible_from: float) -> Verdict:
    if not hits:
        return "nothing"
    known = [hit.confidence for hit in hits if hit.confidence is not None]
    surest = max(known, default=possible_from)
    return "found" if surest >= found_from else "unsure" if surest >= possible_from else "nothing"


def nothing(query: Query, note: str) -> SearchAnswer:
    """An answer without hits, and why it has none."""
    return SearchAnswer(
        query,
        (),
        verdict="nothing",
        found_from=FOUND_BY_WORDS,
        possible_from=POSSIBLE_BY_WORDS,
        mode="caption" if PICTURES not in query.looked_at else "visual",
        kinds=query.looked_at,
        models=(),
        num_frames=0,
        notes=(note,),
    )
