"""Models whose answers a reader can work out: colours.

An image is its mean colour, and a text is the mean of the colours that it names. Every score is then exact,
so that a test of anything above the models can state whole results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.types import EmbeddingSpace, GeneratedCaption, SpokenWord

if TYPE_CHECKING:
    from vidsearch.models.protocols import Clip, TimedImage
    from vidsearch.types import Float32, UInt8Image

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
}
"""The words that the fakes know. White and grey point the same way, (1, 1, 1) / sqrt(3)."""


def solid(colour: str, *, height: int = 24, width: int = 32) -> UInt8Image:
    """Return a picture of one colour, uint8 (height, width, 3)."""
    return np.full((height, width, 3), COLOURS[colour], dtype=np.uint8)


def _unit_rows(rows: Float32) -> Float32:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    grey = np.full(3, 3**-0.5, dtype=np.float32)
    return np.where(norms > 0, rows / np.where(norms > 0, norms, 1), grey).astype(np.float32)


class ColourEmbedder:
    """Embeds an image as its mean colour: "red" and a red picture are both (1, 0, 0).

    A text without a colour word, and a black image, are (1, 1, 1) / sqrt(3): as near to every colour.
    `num_images`, `num_texts`, `num_image_calls` and `num_text_calls` count what was asked for, so that a test
    can show that a model was, or was not, run.
    """

    def __init__(self, name: str = "colour", *, short_side_pixels: int = 16) -> None:
        self.space = EmbeddingSpace(model=name, weights_digest="colour-1", preprocessing="mean colour", dim=3)
        self.short_side_pixels = short_side_pixels
        self.num_images = 0
        self.num_texts = 0
        self.num_image_calls = 0
        self.num_text_calls = 0

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        self.num_image_calls += 1
        self.num_images += len(images)
        rows = np.zeros((len(images), 3), dtype=np.float32)
        for row, image in zip(rows, images, strict=True):
            row[:] = image.reshape(-1, 3).mean(axis=0) / 255
        return _unit_rows(rows)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        self.num_text_calls += 1
        self.num_texts += len(texts)
        rows = np.zeros((len(texts), 3), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row += np.asarray(COLOURS.get(word.strip(".,!?"), (0, 0, 0)), dtype=np.float32) / 255
        return _unit_rows(rows)


def nearest_colour(image: UInt8Image) -> str:
    """Return the known colour nearest to an image's mean colour."""
    mean = image.reshape(-1, 3).mean(axis=0)
    return min(COLOURS, key=lambda name: float(np.square(mean - np.asarray(COLOURS[name])).sum()))


class ColourCaptioner:
    """Captions an image with the known colour nearest to its mean: "a red picture".

    Each token has the log-probability `token_logprob`. `num_images` and `num_calls` count what was asked for.
    """

    def __init__(
        self,
        model: str = "colour",
        *,
        prompt: str | None = None,
        short_side_pixels: int = 16,
        token_logprob: float = -0.5,
        weights_digest: str = "colour-1",
    ) -> None:
        self.model = model
        self.weights_digest = weights_digest
        self.prompt = prompt
        self.short_side_pixels = short_side_pixels
        self.token_logprob = token_logprob
        self.num_images = 0
        self.num_calls = 0

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        self.num_calls += 1
        self.num_images += len(images)
        return [self._caption(image) for image in images]

    def _caption(self, image: UInt8Image) -> GeneratedCaption:
        text = f"a {nearest_colour(image)} picture"
        tokens = tuple(text.split())
        return GeneratedCaption(
            text=text, raw_text=text, tokens=tokens, token_logprobs=(self.token_logprob,) * len(tokens)
        )


class ColourDescriber:
    """Says which colours it saw, at which seconds of the part, and what it was asked for.

    "red 0.5 blue 1.5: Sum up this video." `num_calls` counts what was asked for.
    """

    def __init__(self, model: str = "colours", *, max_frames: int = 4) -> None:
        self.model = model
        self.max_frames = max_frames
        self.short_side_pixels = 16
        self.num_calls = 0

    def describe(
        self, frames: Sequence[TimedImage], *, duration_seconds: float, request: str, max_words: int
    ) -> GeneratedCaption:
        self.num_calls += 1
        seen = " ".join(f"{nearest_colour(frame.image)} {frame.time_seconds:g}" for frame in frames)
        text = f"{seen} of {duration_seconds:g} s: {request}"
        return GeneratedCaption(text, text, (), ())


MOTIONS = ("right", "left", "nearer", "farther")


class MotionEmbedder:
    """Embeds a clip as how its bright object moves: right, left, nearer (it grows) or farther (it shrinks).

    Each frame's place in the clip counts, so that frames in a wrong order move another way. A text is the
    mean of the motions that it names, and what stands still, or names none, is as near to every motion.
    `clips` holds what was asked for.
    """

    def __init__(self, name: str = "motion", *, num_frames: int = 4, window_seconds: float = 2.0) -> None:
        self.space = EmbeddingSpace(name, "motion-1", "bright object", len(MOTIONS), kind="clip")
        self.num_frames = num_frames
        self.window_seconds = window_seconds
        self.short_side_pixels = 64
        self.batch_size = 2
        self.clips: list[tuple[UInt8Image, ...]] = []

    def embed_clips(self, clips: Sequence[Clip]) -> Float32:
        self.clips += [tuple(clip) for clip in clips]
        if any(len(clip) != self.num_frames for clip in clips):
            raise ValueError(f"a clip has {self.num_frames} frames")
        return _unit_rows_or_mean(np.array([self._motion(clip) for clip in clips]))

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        rows = [[float(motion in text.lower().split()) for motion in MOTIONS] for text in texts]
        return _unit_rows_or_mean(np.array(rows))

    def _motion(self, clip: Clip) -> list[float]:
        places = np.arange(len(clip)) - (len(clip) - 1) / 2
        is_bright = [np.asarray(frame).mean(axis=2) > 128 for frame in clip]
        sides = np.array([np.argwhere(each)[:, 1].mean() if each.any() else 0.0 for each in is_bright])
        sizes = np.array([np.sqrt(each.sum()) for each in is_bright])
        to_the_right, nearer = float(places @ sides), float(places @ sizes)
        return [max(to_the_right, 0), max(-to_the_right, 0), 4 * max(nearer, 0), 4 * max(-nearer, 0)]


def _unit_rows_or_mean(rows: np.ndarray) -> Float32:
    rows = rows.reshape(-1, len(MOTIONS)).astype(np.float32)
    rows[np.linalg.norm(rows, axis=1) < 1e-6] = 1.0
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _crossings(samples: Float32) -> float:
    """The share of samples at which a wave crosses zero."""
    return float(np.mean(np.diff(np.signbit(samples)) != 0)) if len(samples) > 1 else 0.0


class PitchEmbedder:
    """Embeds a window of sound as how high it is: (pitch, 1000 Hz), by zero crossings, of length one.

    "high" is (1, 0) and "low" is (0, 1). `lengths` holds how many samples each window had.
    """

    def __init__(self, name: str = "pitch", *, window_seconds: float = 2.0) -> None:
        self.space = EmbeddingSpace(name, "pitch-1", "zero crossings", 2, kind="sound")
        self.sample_rate = 8_000
        self.window_seconds = window_seconds
        self.lengths: list[int] = []

    def embed_sounds(self, sounds: Sequence[Float32]) -> Float32:
        self.lengths += [len(sound) for sound in sounds]
        if any(len(sound) > self.window_seconds * self.sample_rate for sound in sounds):
            raise ValueError("more samples than a window has")
        pitches = np.array([_crossings(sound[np.abs(sound) > 0.01]) for sound in sounds])
        rows = np.stack([pitches * self.sample_rate / 2, np.full(len(sounds), 1000.0)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        rows = [[float("high" in text), float("low" in text)] for text in texts]
        return np.array([row if any(row) else [0.7071, 0.7071] for row in rows], np.float32).reshape(-1, 2)


class LoudSpeaker:
    """Speaks where the sound is loud: a word each second, in the language that the loudness says.

    0.5 is surely German, 0.3 is English, 0.2 is Latin for all it knows.
    """

    model = "loud"
    weights_digest = "loud-1"
    languages: Sequence[str] = ("en", "de", "la")
    probability = 0.9
    """Of each word."""

    def __init__(
        self, *, sample_rate: int = 100, on_words: Callable[[Float32], None] = lambda _: None
    ) -> None:
        self.sample_rate = sample_rate
        self.heard: list[tuple[float, str]] = []
        """Seconds and language of each passage that was written down."""
        self.num_looks = 0
        """How often it was asked where somebody speaks."""
        self._on_words = on_words

    def speech(self, sound: Float32) -> list[tuple[float, float]]:
        self.num_looks += 1
        return self._loud(sound)

    def language(self, sound: Float32) -> tuple[str, float]:
        loudness = round(float(np.abs(sound).max()), 1)
        return {0.5: ("de", 0.9), 0.3: ("en", 0.95), 0.2: ("la", 0.3)}[loudness]

    def words(self, sound: Float32, *, language: str) -> list[SpokenWord]:
        self._on_words(sound)
        self.heard.append((len(sound) / self.sample_rate, language))
        return [
            SpokenWord(
                start + second,
                start + second + 0.8,
                f" word{',' if second % 5 == 4 else ''}",
                self.probability,
            )
            for start, end in self._loud(sound)
            for second in range(round(end - start))
        ]

    def _loud(self, sound: Float32) -> list[tuple[float, float]]:
        edges = np.flatnonzero(np.diff(np.abs(sound) > 0.1, prepend=False, append=False))
        return [(start / self.sample_rate, end / self.sample_rate) for start, end in edges.reshape(-1, 2)]
