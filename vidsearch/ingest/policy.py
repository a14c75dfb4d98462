"""Decides which frames an analyzer looks at.

Captioning a frame costs many times as much as embedding it, and neighbouring frames mostly show the same
thing. A skipped frame shares the findings of the last one before it that was not. Decisions depend on
`LookMemory`, which can be restored from a library, so that a resumed run decides like an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from vidsearch.types import Float32

LookRule = Literal["novel", "shot", "frame", "every"]

DEFAULT_NOVELTY = 0.06
"""Larger distances save captions; beyond this one, more shared captions differ from the frame's own:
benchmarks/ingest_novelty.py, with `mini`."""


@dataclass(frozen=True, slots=True)
class LookPolicy:
    """Which frames an analyzer is run on.

    `novel`: those whose vector lies at a cosine distance of `min_distance` or more from that of the last
    frame that it was run on. `shot`: the first of each shot. `frame`: all. `every`: one in `every`.
    """

    rule: LookRule = "novel"
    min_distance: float = DEFAULT_NOVELTY
    every: int = 1


NOVEL = LookPolicy()


@dataclass(frozen=True, slots=True)
class LookMemory:
    """The last frame of a video that an analyzer looked at."""

    frame_index: int
    """Its index among the video's frames."""
    time_seconds: float
    vector: Float32
    """Its unit vector in the first embedder's space, shape (dim,)."""


def parse_policy(text: str) -> LookPolicy:
    """Read `novel`, `shot`, `frame` or a number N (every Nth frame). Raises QueryError."""
    word = text.strip().lower()
    if word in ("novel", "shot", "frame"):
        return LookPolicy(rule=word)  # type: ignore[arg-type]
    if word.isdecimal() and int(word) >= 1:
        return LookPolicy(rule="every", every=int(word))
    raise QueryError(f"Captions are written per novel, shot, frame or a number from 1 up, not per {text!r}.")


def needs_look(
    policy: LookPolicy,
    memory: LookMemory | None,
    *,
    frame_index: int,
    vector: Float32,
    shot_start_seconds: float = 0.0,
) -> bool:
    """Whether a frame is to be looked at, given the last frame of its video that was.

    `vector` is its unit vector in the first embedder's space, shape (dim,); `shot_start_seconds` is where its
    shot begins.
    """
    if memory is None or policy.rule == "frame":
        return True
    if policy.rule == "every":
        return frame_index - memory.frame_index >= policy.every
    if policy.rule == "shot":
        return memory.time_seconds < shot_start_seconds
    return 1.0 - float(vector @ memory.vector) >= policy.min_distance
