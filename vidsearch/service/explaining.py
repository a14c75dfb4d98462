"""Where in a picture words are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.relevance import Relevance
    from vidsearch.types import UInt8Image


@dataclass(frozen=True, slots=True)
class Explanation:
    """A frame, and which of its parts speak for the words."""

    image: UInt8Image
    relevance: Relevance

    def overlay(self) -> UInt8Image:
        """Return the frame with the heat map over it, uint8 (height, width, 3)."""
        from vidsearch.models.heatmap import overlay

        return overlay(self.image, self.relevance)


def explain_moment(
    text: str, path: Path, time_seconds: float, *, embedder: str, device: str = "auto"
) -> Explanation:
    """Explain the frame that a video file shows at a time.

    Raises:
        QueryError: There are no words.
        MediaError: The file does not decode.
        ModelUnavailable: The embedder cannot be loaded, or explains nothing.
    """
    if not text.strip():
        raise QueryError("There are no words to look for in the picture. Give some.")
    from vidsearch.media.decode import frame_at
    from vidsearch.service.models import load_explainer

    image = frame_at(path, time_seconds).image
    return Explanation(image, load_explainer(embedder, device=device).explain(image, text))
