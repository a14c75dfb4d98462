"""Analyzers make the segments of tracks, one analyzer for each kind of content.

A `FrameAnalyzer` looks at some of the sampled pictures, chosen by its policy. A `FrameReader` reads the text
in them. An `AudioAnalyzer` listens to the sound in a thread of its own. A `FileAnalyzer` reads the file
itself. Embedders are not analyzers: their vectors belong to the frames. To add a kind of content, write one
of these and a retriever that searches its track (`vidsearch.search.retrievers`).
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
"""How far back an audio analyzer may look at its earlier segments."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An analyzer's output for one picture."""

    text: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


class FrameAnalyzer(Protocol):
    """Makes a track from sampled pictures."""

    @property
    def policy(self) -> LookPolicy:
        """Which pictures it looks at. Those in between share the findings of the last one."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a picture needs to lose nothing."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Preferred number of pictures per call; None if it does not matter."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of pictures sampled by a plan."""
        ...

    def analyze(self, images: Sequence[UInt8Image]) -> list[tuple[Finding, ...]]:
        """Analyze pictures, uint8 (height, width, 3) RGB. Returns the findings of each, in order.

        Raises ModelOutOfMemory if a single picture does not fit, ModelUnavailable.
        """
        ...


class FrameReader(Protocol):
    """Makes a track of the lines of text in sampled pictures, each with its own span.

    It needs larger pictures than embedders do. It therefore runs in the decoding thread, where each large
    picture is released before the next one is decoded.
    """

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a picture needs to lose nothing."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of pictures sampled by a plan."""
        ...

    def read(self, image: UInt8Image) -> Legible:
        """Read a picture, uint8 (height, width, 3) RGB. Thread-safe."""
        ...


@dataclass(frozen=True, slots=True)
class Legible:
    """The text that a `FrameReader` found in one picture."""

    lines: tuple[Finding, ...]
    """Each with its "box" (left, top, right, bottom, as shares of the picture) and "score" as attributes."""
    unread: str | None = None
    """Why other text could not be read; completes a sentence that begins with "text"."""
    unclear: str | None = None
    """The same for lines that the reader is not sure of. A few are usual where text fades in and out."""


@dataclass(frozen=True, slots=True)
class AudioFindings:
    """An analyzer's segments for the next part of a video's sound."""

    until_seconds: float
    """Everything before this time is covered; a stopped run resumes here."""
    segments: tuple[SegmentRecord, ...] = ()
    """By start; between the previous `until_seconds` and this one."""
    notes: tuple[str, ...] = ()
    """Notes for the user, such as an uncertain language."""


class AudioAnalyzer(Protocol):
    """Makes a track from sound. Called from one thread."""

    @property
    def sample_rate(self) -> int:
        """The sample rate it needs."""
        ...

    @property
    def audio_track(self) -> int | None:
        """`AudioTrack.number` of the sound track to use; None for the one a player would choose."""
        ...

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track that it makes of [plan.start_seconds, plan.end_seconds) of a video."""
        ...

    def analyze(
        self, sound: Iterator[AudioBlock], before: Sequence[SegmentRecord] = ()
    ) -> Iterator[AudioFindings]:
        """Analyze one video's sound, from its start or from where an earlier run stopped.

        Blocks are contiguous, with times of the video. The result must not depend on how the sound is divided
        into blocks. `before` holds an earlier run's segments of the last `MEMORY_SECONDS`. Raises
        ModelOutOfMemory, ModelUnavailable.
        """
        ...


def span_params(plan: SamplingPlan) -> dict[str, Any]:
    """The part of a video that a plan covers, as track params; empty for all of it."""
    params: dict[str, Any] = {}
    if plan.start_seconds:
        params["start_seconds"] = plan.start_seconds
    if plan.end_seconds is not None:
        params["end_seconds"] = plan.end_seconds
    return params


@dataclass(frozen=True, slots=True)
class MadeTrack:
    """A complete track, ready to be stored."""

    spec: TrackSpec
    segments: tuple[SegmentRecord, ...]


@dataclass(frozen=True, slots=True)
class FileFindings:
    """The tracks that a `FileAnalyzer` made from a file."""

    tracks: tuple[MadeTrack, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes for the user, such as unreadable kinds of subtitles."""


class FileAnalyzer(Protocol):
    """Makes tracks from a file's other content, without a model."""

    def lacks(self, path: Path, tracks: Sequence[Track]) -> bool:
        """Whether the file has content that is missing from these tracks. Fast."""
        ...

    def analyze(self, path: Path) -> FileFindings:
        """Read a video file and its sidecar files. Raises MediaError."""
        ...


class CaptionAnalyzer:
    """Writes captions: a sentence for each picture that shows something new."""

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
