"""What the rest of vidsearch needs of a model.

Images are uint8 arrays (height, width, 3), RGB, of any size; batches of any length, including none. A
result never depends on an image's neighbours in its batch, beyond rounding.
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
    """Images in the order of time, or one array of them, (frames, height, width, 3)."""


class TextEncoder(Protocol):
    """The text half of an embedder: all that a search needs. Never imports torch."""

    @property
    def space(self) -> EmbeddingSpace: ...

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows. Raises ModelUnavailable."""
        ...


class Embedder(TextEncoder, Protocol):
    """Pixels and words in one space."""

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that an image needs to lose nothing: 224, 384."""
        ...

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Embed images. Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory."""
        ...


class VideoEmbedder(TextEncoder, Protocol):
    """Clips of several frames and words in one space. A clip's vector depends on the order of its frames."""

    @property
    def num_frames(self) -> int:
        """How many frames a clip has."""
        ...

    @property
    def window_seconds(self) -> float:
        """How long a clip lasts: its frames are spread evenly over this time."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that a frame needs to lose nothing: 224, 384."""
        ...

    def embed_clips(self, clips: Sequence[Clip]) -> Float32:
        """Embed clips, each `num_frames` images in the order of time.

        Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory.
        """
        ...


class SoundEmbedder(TextEncoder, Protocol):
    """Windows of sound and words in one space."""

    @property
    def sample_rate(self) -> int:
        """Samples per second that it hears."""
        ...

    @property
    def window_seconds(self) -> float:
        """How long a window lasts."""
        ...

    def embed_sounds(self, sounds: Sequence[Float32]) -> Float32:
        """Embed windows of sound: mono, float32 (samples,) in [-1, 1], no longer than a window.

        Returns float32 (n, dim), unit rows. Raises ModelOutOfMemory.
        """
        ...


class Transcriber(Protocol):
    """Sound to words. Sounds are mono, float32 (samples,) in [-1, 1], `sample_rate` a second."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def weights_digest(self) -> str:
        """Of its weights, and of the configuration that gives them a meaning; wherever they lie."""
        ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def languages(self) -> Sequence[str]:
        """The languages that it knows, as BCP 47; one where it need not be told which."""
        ...

    def speech(self, sound: Float32) -> list[tuple[float, float]]:
        """Find where somebody speaks: [start, end) in seconds, by start, apart from each other."""
        ...

    def language(self, sound: Float32) -> tuple[str, float]:
        """Tell which language is spoken, and how probable that is."""
        ...

    def words(self, sound: Float32, *, language: str) -> list[SpokenWord]:
        """Write down what is said in up to 30 seconds of speech. Raises ModelOutOfMemory."""
        ...


class Matcher(Protocol):
    """Reads an image and a text together: slower than comparing vectors, and better at details."""

    def match_scores(self, images: Sequence[UInt8Image], text: str) -> Float32:
        """Return the probability that the text fits each image: float32 (n,). Raises ModelOutOfMemory."""
        ...


class Explainer(Protocol):
    """Says where in an image its similarity to a text comes from."""

    def explain(self, image: UInt8Image, query: str) -> Relevance: ...


class CaptionExplainer(Protocol):
    """Says where in an image each word of its caption comes from."""

    def explain_caption(self, image: UInt8Image) -> Relevance: ...


class TextReader(Protocol):
    """Pixels to the lines of text in them."""

    @property
    def model(self) -> str:
        """What reads, by name and version."""
        ...

    @property
    def scripts(self) -> str:
        """What it reads, for people: "Latin, Chinese and Japanese"."""
        ...

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that an image needs to lose nothing."""
        ...

    def read(self, image: UInt8Image) -> ReadText:
        """Read an image. Several threads may call it at once."""
        ...


class Captioner(Protocol):
    """Pixels to a sentence."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def weights_digest(self) -> str:
        """Of its weights, and of the configuration that gives them a meaning; wherever they lie."""
        ...

    @property
    def prompt(self) -> str | None: ...

    @property
    def short_side_pixels(self) -> int: ...

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        """Caption images: one caption each, in order. Raises ModelOutOfMemory.

        Of an image that it has no words for it may say UNCLEAR_CAPTION.
        """
        ...


@dataclass(frozen=True, slots=True)
class TimedImage:
    """A frame of a part of a video."""

    time_seconds: float
    """From the start of the part."""
    image: UInt8Image


class VideoDescriber(Protocol):
    """Several frames of a video to a sentence or two about it."""

    @property
    def model(self) -> str:
        """Registry name, hub id or folder."""
        ...

    @property
    def max_frames(self) -> int:
        """Frames that it looks at at once."""
        ...

    @property
    def short_side_pixels(self) -> int: ...

    def describe(
        self, frames: Sequence[TimedImage], *, duration_seconds: float, request: str, max_words: int
    ) -> GeneratedCaption:
        """Say something of 1 to `max_frames` frames, in the order of time, of a part of a video.

        Args:
            frames: Of the part.
            duration_seconds: Of the part.
            request: What is to be said, in words for a model.
            max_words: Of the answer, about.

        Raises:
            ModelOutOfMemory: The frames do not fit together.
        """
        ...
