"""Where in a picture words are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidsearch.models.protocols import Explainer
    from vidsearch.models.relevance import Relevance
    from vidsearch.types import UInt8Image


_PAST_END_SECONDS = 1.0
"""So far after its end, a video's last picture is still what is meant."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A frame, and which of its parts speak for the words."""

    image: UInt8Image
    relevance: Relevance

    def overlay(self) -> UInt8Image:
        """Return the frame with the heat map over it, uint8 (height, width, 3)."""
        from vidsearch.models.heatmap import overlay

        return overlay(self.image, self.relevance)

    def jpeg(self, *, side_pixels: int) -> bytes:
        """Return the same as a JPEG no wider and no higher than `side_pixels`."""
        from vidsearch.media.images import thumbnail

        return thumbnail(self.overlay(), side_pixels=side_pixels, quality=85)

    def png(self) -> bytes:
        """Return the frame with the heat map over it as a PNG file."""
        return png(self.overlay())


def png(picture: UInt8Image) -> bytes:
    """Return a picture as a PNG file."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def explain_moment(
    text: str, path: Path, time_seconds: float, explainer: Callable[[], Explainer]
) -> Explanation:
    """Explain the frame that a video file shows at a time.

    Args:
        text: What is to be seen.
        path: The file.
        time_seconds: The time.
        explainer: Returns what explains; called once the frame is decoded.

    Raises:
        QueryError: There are no words, or the time is after the video's end.
        MediaError: The file does not decode.
        ModelUnavailable: The embedder cannot be loaded, or explains nothing.
    """
    if not text.strip():
        raise QueryError("There are no words to look for in the picture. Give some.")
    from vidsearch.media.decode import frame_at, measured_duration
    from vidsearch.times import format_moment

    length = measured_duration(path)
    if time_seconds > length + _PAST_END_SECONDS:
        raise QueryError(
            f"{path.name} is {format_moment(length)} long; there is no picture at "
            f"{format_moment(time_seconds)}."
        )
    image = frame_at(path, time_seconds).image
    return Explanation(image, explainer().explain(image, text))
