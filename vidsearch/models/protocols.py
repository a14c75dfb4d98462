"""The interfaces of models.

Images are uint8 arrays (height, width, 3), RGB, of any size. Batches may have any length, including zero. The
result for an image does not depend on the other images in its batch, apart from rounding. Methods that run a
model raise ModelOutOfMemory if a single input does not fit on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from vidsearch.models.ocr import ReadText
    from vidsearch.models.relevance import Relevance
    from vidsearch.types import EmbeddingSpace, Float32, GeneratedCaption, SpokenWord, UInt8Image

    Clip: TypeAlias = UInt8Image | Sequence[UInt8Image]
    """Images in order of time, or one array of shape (frames, height, width, 3)."""


class TextEncoder(Protocol):
    """Embeds texts: the half of an embedder that searches need. Implementations never import torch."""

    @property
    def space(self) -> EmbeddingSpace: ...

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts.

        Returns:
            Unit rows, float32 (n, dim).

        Raises:
            ModelUnavailable: The model's weights cannot be loaded.
        """
        ...


class Embedder(TextEncoder, Protocol):
    """Embeds images and texts in one space."""

    @property
    def short_side_pixels(self) -> int:
        """The shorter side of images that the model reads, such as 224: larger ones gain nothing."""
        ...

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Embed images. Returns unit rows, float32 (n, dim)."""
        ...


class VideoEmbedder(TextEncoder, Protocol):
    """Embeds clips of several frames, and texts, in one space. The order of a clip's frames matters."""

    @property
    def num_frames(self) -> int:
        """The number of frames of a clip."""
        ...

    @property
    def window_seconds(self) -> float:
        """The time that a clip covers. Its frames are spread evenly over it."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side of frames that the model reads, such as 224: larger ones gain nothing."""
        ...

    def embed_clips(self, clips: Sequence[Clip]) -> Float32:
        """Embed clips of `num_frames` images each, in order of time. Returns unit rows, float32 (n, dim)."""
        ...


class SoundEmbedder(TextEncoder, Protocol):
    """Embeds windows of sound, and texts, in one space."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of its input."""
        ...

    @property
    def window_seconds(self) -> float:
        """The longest sound that it embeds at once."""
        ...

    def embed_sounds(self, sounds: Sequence[Float32]) -> Float32:
        """Embed windows of sound.

        Args:
            sounds: Mono, float32 (samples,) in [-1, 1], each at most `window_seconds` long.

        Returns:
            Unit rows, float32 (n, dim).
        """
        ...


class Transcriber(Protocol):
    """Transcribes speech. Sounds are mono, float32 (samples,) in [-1, 1], at `sample_rate`."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def weights_digest(self) -> str:
        """A digest of its weights and configuration, independent of where they are stored."""
        ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def languages(self) -> Sequence[str]:
        """The languages that it transcribes, as BCP 47 tags."""
        ...

    def speech(self, sound: Float32) -> list[tuple[float, float]]:
        """Detect speech. Returns disjoint spans [start, end) in seconds, by start."""
        ...

    def language(self, sound: Float32) -> tuple[str, float]:
        """Detect the spoken language. Returns its tag, and its probability in [0, 1]."""
        ...

    def words(self, sound: Float32, *, language: str) -> list[SpokenWord]:
        """Transcribe up to 30 seconds of speech in a language of `languages`."""
        ...


class Matcher(Protocol):
    """Scores an image and a text jointly: slower than comparing vectors, but better at details."""

    def match_scores(self, images: Sequence[UInt8Image], text: str) -> Float32:
        """Return the probability that the text describes each image, float32 (n,) in [0, 1]."""
        ...


class Explainer(Protocol):
    """Attributes an image's similarity to a text to parts of the image."""

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Compute which parts of an image match a text."""
        ...


class CaptionExplainer(Protocol):
    """Attributes each word of an image's caption to parts of the image."""

    def explain_caption(self, image: UInt8Image) -> Relevance:
        """Caption an image, and compute which parts of it each word comes from."""
        ...


class TextReader(Protocol):
    """Recognizes the lines of text in an image."""

    @property
    def model(self) -> str:
        """The model's name and version."""
        ...

    @property
    def scripts(self) -> str:
        """The scripts that it reads, for messages: "Latin, Chinese and Japanese"."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side of images that the model reads: larger ones gain nothing."""
        ...

    def read(self, image: UInt8Image) -> ReadText:
        """Recognize the text in an image. Thread-safe."""
        ...


class Captioner(Protocol):
    """Describes an image in a sentence."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def weights_digest(self) -> str:
        """A digest of its weights and configuration, independent of where they are stored."""
        ...

    @property
    def prompt(self) -> str | None:
        """The words that every caption starts with."""
        ...

    @property
    def short_side_pixels(self) -> int: ...

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        """Caption images: one caption each, in order.

        The caption of an image that it cannot describe may be `UNCLEAR_CAPTION`.
        """
        ...


@dataclass(frozen=True, slots=True)
class TimedImage:
    """A frame of a part of a video, with its time."""

    time_seconds: float
    """From the start of the part."""
    image: UInt8Image


class VideoDescriber(Protocol):
    """Describes a part of a video, by several of its frames, in a sentence or two."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def max_frames(self) -> int:
        """The maximum number of frames per call."""
        ...

    @property
    def short_side_pixels(self) -> int: ...

    def describe(
        self, frames: Sequence[TimedImage], *, duration_seconds: float, request: str, max_words: int
    ) -> GeneratedCaption:
        """Describe a part of a video.

        Args:
            frames: 1 to `max_frames` frames of the part, in order of time.
            duration_seconds: The length of the part.
            request: The instruction for the model.
            max_words: The approximate length of the answer.

        Raises:
            ModelOutOfMemory: The frames do not fit on the device together.
        """
        ...
