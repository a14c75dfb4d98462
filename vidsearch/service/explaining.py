"""Computes which parts of a picture match words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.service.timelines import check_is_within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidsearch.models.protocols import Explainer
    from vidsearch.models.relevance import Relevance
    from vidsearch.types import UInt8Image


@dataclass(frozen=True, slots=True)
class Explanation:
    """A frame, and which of its parts match words."""

    image: UInt8Image
    relevance: Relevance

    def overlay(self) -> UInt8Image:
        """Return the frame with the heat map over it, uint8 (height, width, 3)."""
        from vidsearch.models.heatmap import overlay

        return overlay(self.image, self.relevance)

    def jpeg(self, *, side_pixels: int) -> bytes:
        """Return the frame with the heat map over it as JPEG, at most `side_pixels` wide and high."""
        from vidsearch.media.images import thumbnail

        return thumbnail(self.overlay(), side_pixels=side_pixels, quality=85)

    def png(self) -> bytes:
        """Return the frame with the heat map over it as PNG."""
        return png(self.overlay())


def png(picture: UInt8Image) -> bytes:
    """Encode a picture as PNG."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def explain_moment(
    text: str, path: Path, time_seconds: float, explainer: Callable[[], Explainer]
) -> Explanation:
    """Explain the frame at a time of a video file.

    Args:
        text: The words to explain.
        path: The file.
        time_seconds: The time.
        explainer: Returns the explainer; called after the frame is decoded.

    Raises:
        QueryError: The text is empty, or the time is after the video's end.
        MediaError: The file does not decode.
        ModelUnavailable: The model cannot be loaded, or cannot be explained.
    """
    if not text.strip():
        raise QueryError("There are no words to look for in the picture. Give some.")
    from vidsearch.media.decode import frame_at, measured_duration

    check_is_within(path, measured_duration(path), time_seconds)
    image = frame_at(path, time_seconds).image
    return Explanation(image, explainer().explain(image, text))
