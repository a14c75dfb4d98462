"""Which frames get a caption of their own. Knows vectors and captions, no model, no video and no library.

Captioning a frame costs many times what embedding it does, and neighbouring frames mostly show the same
thing. A frame that is not captioned takes over the last caption before it, marked as carried over. What a
decision depends on is in `CaptionMemory`, which can be read back from a library, so that a run that goes on
where another one stopped decides as that one would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from vidsearch.types import Float32

CaptionRule = Literal["novel", "shot", "frame", "every"]

DEFAULT_NOVELTY = 0.06
"""Up to here a larger distance saves captions, and hardly makes more of those taken over differ from what the
frame's own would be: benchmarks/ingest_novelty.py, with `mini`."""


@dataclass(frozen=True, slots=True)
class CaptionPolicy:
    """Which frames a captioner is run on.

    `novel`: those whose vector lies at a cosine distance of `min_distance` or more from that of the last
    captioned frame. `shot`: the first of each shot. `frame`: all. `every`: one in `every`.
    """

    rule: CaptionRule = "novel"
    min_distance: float = DEFAULT_NOVELTY
    every: int = 1


NOVEL = CaptionPolicy()


@dataclass(frozen=True, slots=True)
class CaptionMemory:
    """The last frame of a video that was captioned itself."""

    frame_index: int
    """Its place among the video's frames, from 0."""
    time_seconds: float
    vector: Float32
    """Its unit vector in the first embedder's space, shape (dim,)."""


def parse_caption_policy(text: str) -> CaptionPolicy:
    """Read `novel`, `shot`, `frame` or a number N (every Nth frame). Raises QueryError."""
    word = text.strip().lower()
    if word in ("novel", "shot", "frame"):
        return CaptionPolicy(rule=word)  # type: ignore[arg-type]
    if word.isdecimal() and int(word) >= 1:
        return CaptionPolicy(rule="every", every=int(word))
    raise QueryError(f"Captions are written per novel, shot, frame or a number from 1 up, not per {text!r}.")


def needs_caption(
    policy: CaptionPolicy,
    memory: CaptionMemory | None,
    *,
    frame_index: int,
    vector: Float32,
    shot_start_seconds: float = 0.0,
) -> bool:
    """Whether a frame is captioned itself, given the last frame of its video that was.

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
