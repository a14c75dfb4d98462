"""What makes the segments of a track: one analyzer for each kind of content.

A `FrameAnalyzer` looks at some of the sampled pictures; which ones, its policy says. A `FileAnalyzer` reads a
file by itself. What embeds pictures is no analyzer: its vectors belong to the frames. To add a kind of
content, write one of these, and a retriever that searches its track (`vidsearch.search.retrievers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from vidsearch.ingest.policy import NOVEL, LookPolicy
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.protocols import Captioner
    from vidsearch.tracks import Track
    from vidsearch.types import SamplingPlan, UInt8Image


@dataclass(frozen=True, slots=True)
class Finding:
    """What an analyzer says of one picture."""

    text: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


class FrameAnalyzer(Protocol):
    """Makes a track of what it sees in sampled pictures."""

    @property
    def policy(self) -> LookPolicy:
        """Which pictures it looks at. Those between take over what it said of the last one."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a picture needs to lose nothing."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Pictures per call that suit it; None where it does not matter."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of pictures sampled by a plan."""
        ...

    def analyze(self, images: Sequence[UInt8Image]) -> list[tuple[Finding, ...]]:
        """Look at pictures, uint8 (height, width, 3) RGB. Returns what is to be said of each, in order.

        Raises ModelOutOfMemory where one alone does not fit, ModelUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class MadeTrack:
    """A whole track, ready to be kept."""

    spec: TrackSpec
    segments: tuple[SegmentRecord, ...]


@dataclass(frozen=True, slots=True)
class FileFindings:
    """What a `FileAnalyzer` made of a file."""

    tracks: tuple[MadeTrack, ...] = ()
    notes: tuple[str, ...] = ()
    """What the user should know: a kind of subtitles that cannot be read."""


class FileAnalyzer(Protocol):
    """Makes tracks of what a file holds beside its pictures, without a model."""

    def lacks(self, path: Path, tracks: Sequence[Track]) -> bool:
        """Whether there is something to read that a video with these tracks does not have yet. Quick."""
        ...

    def analyze(self, path: Path) -> FileFindings:
        """Read a video file, and what belongs to it. Raises MediaError."""
        ...


class CaptionAnalyzer:
    """Writes captions: a sentence about each picture that shows something new."""

    def __init__(self, captioner: Captioner, policy: LookPolicy = NOVEL) -> None:
        self._captioner = captioner
        self.policy = policy

    @property
    def short_side_pixels(self) -> int:
        return self._captioner.short_side_pixels

    @property
    def batch_size(self) -> int | None:
        return getattr(self._captioner, "batch_size", None)

    def track(self, plan: SamplingPlan) -> TrackSpec:
        params: dict[str, Any] = {"plan": asdict(plan)}
        if self._captioner.prompt is not None:
            params["prompt"] = self._captioner.prompt
        return TrackSpec("caption", self._captioner.model, params)

    def analyze(self, images: Sequence[UInt8Image]) -> list[tuple[Finding, ...]]:
        findings: list[tuple[Finding, ...]] = []
        for generated in self._captioner.captions(images):
            attributes: dict[str, Any] = {}
            if generated.raw_text != generated.text:
                attributes["raw_text"] = generated.raw_text
            if generated.token_logprobs:
                attributes["mean_logprob"] = sum(generated.token_logprobs) / len(generated.token_logprobs)
            findings.append((Finding(generated.text, attributes),))
        return findings
