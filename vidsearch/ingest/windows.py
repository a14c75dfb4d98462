"""Embeds windows of a few seconds of moving pictures or sound.

Events ("someone falls") and sounds ("a dog barks") take time, and are not in any single frame. A window is a
segment of a track of its own. Windows are cut by time alone and are contiguous, from the start of the
sampling plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

from vidsearch.errors import DamagedVideo
from vidsearch.ingest.analyzers import AudioFindings, span_params
from vidsearch.media.decode import frames
from vidsearch.store.similarity import is_unit
from vidsearch.times import format_moment
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.ingest.analyzers import AudioAnalyzer
    from vidsearch.models.protocols import SoundEmbedder, VideoEmbedder
    from vidsearch.tracks import TrackKind
    from vidsearch.types import AudioBlock, EmbeddingSpace, Float32, Frame, SamplingPlan, UInt8Image

    StreamAnalyzer: TypeAlias = "AudioAnalyzer | ClipAnalyzer"
    """Analyzers that decode a video themselves, in a thread of their own: its sound, or more of its
    pictures."""

Content = TypeVar("Content")

_DEFAULT_BATCH = 4
_ROUNDING_SECONDS = 1e-6
_MOST_WAITING = 64
"""Number of windows, empty ones included, after which results are stored."""
_SHORTEST_SOUND_SECONDS = 1.0
"""A shorter rest at the end of the sound is ignored."""
_SILENCE = 1e-4
"""Sound below this level throughout (-80 dB) is silence, in which models hallucinate."""


@dataclass(frozen=True, slots=True)
class Window(Generic[Content]):
    """The pictures or sound of [start, end) of a video."""

    start_seconds: float
    end_seconds: float
    content: Content | None
    """None if nothing moves or is heard."""


class ClipAnalyzer:
    """Embeds windows of moving pictures with a model that takes several frames at once."""

    def __init__(self, embedder: VideoEmbedder) -> None:
        self._embedder = embedder
        self._fps = Fraction(embedder.num_frames) / Fraction(embedder.window_seconds).limit_denominator(1000)

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track of a video's windows."""
        return _track("clip", self._embedder.space, self._embedder.window_seconds, plan)

    def read(
        self, path: Path, plan: SamplingPlan, *, from_seconds: float, timeout_seconds: float | None
    ) -> Callable[[], Iterator[Frame]]:
        """Decodes the windows' frames from a time on, at the model's frame rate.

        Starts one window earlier, as the last window may reach back that far.
        """
        start_seconds = max(plan.start_seconds, from_seconds - self._embedder.window_seconds)
        return partial(
            frames,
            path,
            replace(
                plan, fps=float(self._fps), start_seconds=start_seconds, max_frames=None, sampling="uniform"
            ),
            short_side_pixels=self._embedder.short_side_pixels,
            num_threads=1,
            timeout_seconds=timeout_seconds,
        )

    def analyze(self, stream: Iterator[Frame], *, from_seconds: float = 0.0) -> Iterator[AudioFindings]:
        """Embed the windows of what `read` yields, except those that end by `from_seconds`."""
        embedder = self._embedder
        windows = clip_windows(_whole(stream), num_frames=embedder.num_frames, fps=self._fps)
        new = (window for window in windows if window.end_seconds > from_seconds + _ROUNDING_SECONDS)
        yield from _findings(new, embedder.embed_clips, embedder.space, lambda: _batch_size(embedder))


class SoundAnalyzer:
    """Embeds windows of sound."""

    audio_track: int | None = None
    """None: the track a player would choose."""

    def __init__(self, embedder: SoundEmbedder) -> None:
        self._embedder = embedder

    @property
    def sample_rate(self) -> int:
        return self._embedder.sample_rate

    def track(self, plan: SamplingPlan) -> TrackSpec:
        """The track of a video's windows."""
        return _track("sound", self._embedder.space, self._embedder.window_seconds, plan)

    def analyze(
        self, sound: Iterator[AudioBlock], before: Sequence[SegmentRecord] = ()
    ) -> Iterator[AudioFindings]:
        """Embed the windows of the sound."""
        windows = sound_windows(
            sound, sample_rate=self.sample_rate, window_seconds=self._embedder.window_seconds
        )
        embedder = self._embedder
        yield from _findings(windows, embedder.embed_sounds, embedder.space, lambda: _batch_size(embedder))


def _whole(stream: Iterator[Frame]) -> Iterator[Frame]:
    """Pass on what decodes; damage is reported by the sampled pictures."""
    with suppress(DamagedVideo):
        yield from stream


def clip_windows(
    stream: Iterable[Frame], *, num_frames: int, fps: Fraction
) -> Iterator[Window[tuple[UInt8Image, ...]]]:
    """Divide frames sampled at multiples of 1 / fps into windows of `num_frames`, in order of time.

    The first window begins with the first frame. A frame covers all instants until the next one; a window
    whose picture never changes is empty. The last window reaches back to be full; in a video shorter than a
    window, frames are spread over it. At most two windows are held at a time.
    """
    cutter = _ClipCutter(num_frames, fps)
    for frame in stream:
        yield from cutter.put(frame)
    yield from cutter.end()


class _ClipCutter:
    """Instants are numbered: k is at k / fps."""

    def __init__(self, num_frames: int, fps: Fraction) -> None:
        self._num_frames = num_frames
        self._fps = fps
        self._shown: deque[Frame] = deque(maxlen=num_frames)
        """The pictures on screen at the instants before `_next`."""
        self._next = 0
        self._first = 0
        """The first instant of the window that is being filled."""

    def put(self, frame: Frame) -> Iterator[Window[tuple[UInt8Image, ...]]]:
        at = round(Fraction(frame.sample_time_seconds) * self._fps)
        if not self._shown:
            self._next = self._first = at
        while self._next < at:  # the frame before is still on screen
            if self._next == self._first and at - self._next > self._num_frames:
                # Whole windows without motion, skipped at once: a clock may jump by years.
                self._first += (at - self._next) // self._num_frames * self._num_frames
                self._next = self._first
                self._shown.extend([self._shown[-1]] * self._num_frames)
            else:
                yield from self._show(self._shown[-1])
        yield from self._show(frame)

    def end(self) -> Iterator[Window[tuple[UInt8Image, ...]]]:
        if self._next == self._first:
            return
        shown = list(self._shown)
        start = self._next - len(shown)
        if len(shown) < self._num_frames:
            places = np.linspace(0, len(shown) - 1, self._num_frames).round().astype(int)
            shown = [shown[place] for place in places]
        yield self._window(start, shown)

    def _show(self, frame: Frame) -> Iterator[Window[tuple[UInt8Image, ...]]]:
        self._shown.append(frame)
        self._next += 1
        if self._next == self._first + self._num_frames:
            yield self._window(self._first, list(self._shown))
            self._first = self._next

    def _window(self, start: int, shown: Sequence[Frame]) -> Window[tuple[UInt8Image, ...]]:
        moves = any(frame.time_seconds != shown[0].time_seconds for frame in shown)
        content = tuple(frame.image for frame in shown) if moves else None
        return Window(float(start / self._fps), float(self._next / self._fps), content)


def sound_windows(
    stream: Iterable[AudioBlock], *, sample_rate: int, window_seconds: float
) -> Iterator[Window[Float32]]:
    """Divide sound into windows, in order of time; silent ones are empty.

    The rest at the end is a shorter window, or none if it is too short.
    """
    num_samples = round(sample_rate * window_seconds)
    start_seconds, num_given = 0.0, 0
    waiting = np.empty(0, np.float32)
    for block in stream:
        if not num_given and not len(waiting):
            start_seconds = block.start_seconds
        waiting = np.concatenate([waiting, block.samples])
        while len(waiting) >= num_samples:
            yield _heard(start_seconds + num_given * window_seconds, waiting[:num_samples], sample_rate)
            waiting = waiting[num_samples:]
            num_given += 1
    if len(waiting) >= _SHORTEST_SOUND_SECONDS * sample_rate or (len(waiting) and not num_given):
        yield _heard(start_seconds + num_given * window_seconds, waiting, sample_rate)


def _heard(start_seconds: float, samples: Float32, sample_rate: int) -> Window[Float32]:
    is_silent = float(np.abs(samples).max()) < _SILENCE
    end_seconds = start_seconds + len(samples) / sample_rate
    return Window(start_seconds, end_seconds, None if is_silent else samples)


def _track(kind: TrackKind, space: EmbeddingSpace, window_seconds: float, plan: SamplingPlan) -> TrackSpec:
    """The track of a model's windows. Other weights or window lengths make another track."""
    params = {"weights": space.weights_digest, "window_seconds": window_seconds, **span_params(plan)}
    return TrackSpec(kind, space.model, params)


def _findings(
    windows: Iterable[Window[Content]],
    embed: Callable[[Sequence[Content]], Float32],
    space: EmbeddingSpace,
    batch_size: Callable[[], int],
) -> Iterator[AudioFindings]:
    """Embed windows in batches."""
    waiting: list[Window[Content]] = []
    has_warned = False
    for window in windows:
        waiting.append(window)
        num_contents = sum(each.content is not None for each in waiting)
        if num_contents >= batch_size() or len(waiting) >= _MOST_WAITING:
            findings = _embedded(waiting, embed, space)
            yield replace(findings, notes=() if has_warned else findings.notes)
            has_warned |= bool(findings.notes)
            waiting = []
    if waiting:
        yield _embedded(waiting, embed, space)


def _embedded(
    windows: Sequence[Window[Content]],
    embed: Callable[[Sequence[Content]], Float32],
    space: EmbeddingSpace,
) -> AudioFindings:
    full = [(window, window.content) for window in windows if window.content is not None]
    rows: Iterable[Float32] = embed([content for _, content in full]) if full else ()
    segments = []
    for (window, _), row in zip(full, rows, strict=True):
        is_sound = is_unit(row, space.dim)
        segments.append(
            SegmentRecord(
                window.start_seconds,
                window.end_seconds,
                attributes={} if is_sound else {"without_vectors": [space.model]},
                vectors={space: row} if is_sound else {},
            )
        )
    bad = [segment for segment in segments if not segment.vectors]
    note = f"{space.model} gave no usable vector at {format_moment(bad[0].start_seconds)}" if bad else None
    return AudioFindings(windows[-1].end_seconds, tuple(segments), (note,) if note else ())


def _batch_size(embedder: VideoEmbedder | SoundEmbedder) -> int:
    return int(getattr(embedder, "batch_size", _DEFAULT_BATCH))
