"""What makes the segments of a track: one analyzer for each kind of content.

A `FrameAnalyzer` looks at some of the sampled pictures; which ones, its policy says. A `FrameReader` reads
what is written in them. An `AudioAnalyzer` listens to the sound, in a thread of its own. A `FileAnalyzer`
reads a file by itself. What embeds pictures is no analyzer: its vectors belong to the frames. To add a kind
of content, write one of these, and a retriever that searches its track (`vidsearch.search.retrievers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from vidsearch.ingest.policy import NOVEL, LookPolicy
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.protocols import Captioner
    from vidsearch.tracks import Track
    from vidsearch.types import AudioBlock, SamplingPlan, UInt8Image


MEMORY_SECONDS = 600.0
"""How far back an analyzer of sound may look at what it heard before."""


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


class FrameReader(Protocol):
    """Makes a track of the lines of text in sampled pictures, each with a span of its own.

    It needs larger pictures than embedders do. So it runs in the thread that decodes them, and a large
    picture is gone before the next one is made.
    """

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a picture needs to lose nothing."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of pictures sampled by a plan."""
        ...

    def read(self, image: UInt8Image) -> Legible:
        """Read a picture, uint8 (height, width, 3) RGB. Several threads may call it at once."""
        ...


@dataclass(frozen=True, slots=True)
class Legible:
    """What a `FrameReader` reads in one picture."""

    lines: tuple[Finding, ...]
    """Each with its "box" (left, top, right, bottom, as shares of the picture) and "score" as attributes."""
    unread: str | None = None
    """What cannot be read of it, and why: the end of a sentence that begins with "text"."""


@dataclass(frozen=True, slots=True)
class AudioFindings:
    """What an analyzer heard in the next part of a video's sound."""

    until_seconds: float
    """All that comes before is in this and the earlier findings: a run that is stopped goes on from here."""
    segments: tuple[SegmentRecord, ...] = ()
    """By start. They begin before `until_seconds`, and after that of the findings before."""
    notes: tuple[str, ...] = ()
    """What the user should know of the file: a language that is not certain."""


class AudioAnalyzer(Protocol):
    """Makes a track of what it hears. Its calls come one at a time, from one thread."""

    @property
    def sample_rate(self) -> int:
        """Samples per second that it listens to."""
        ...

    @property
    def audio_track(self) -> int | None:
        """`AudioTrack.number` of the sound track that it listens to; None for the one that a player takes."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of [plan.start_seconds, plan.end_seconds) of a video."""
        ...

    def analyze(
        self, sound: Iterator[AudioBlock], before: Sequence[SegmentRecord] = ()
    ) -> Iterator[AudioFindings]:
        """Listen to one video, from its start or from where an earlier run stopped.

        The blocks have no holes between them, and times of the video. What it says must not depend on how the
        sound is cut into blocks. `before` is what an earlier run heard in the last `MEMORY_SECONDS`. Raises
        ModelOutOfMemory, ModelUnavailable.
        """
        ...


def span_params(plan: SamplingPlan) -> dict[str, Any]:
    """The part of a video that a plan asks for, as the params of a track; empty for all of it."""
    params: dict[str, Any] = {}
    if plan.start_seconds:
        params["start_seconds"] = plan.start_seconds
    if plan.end_seconds is not None:
        params["end_seconds"] = plan.end_seconds
    return params


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
        params: dict[str, Any] = {"plan": asdict(plan), "weights": self._captioner.weights_digest}
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
