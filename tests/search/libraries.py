"""Real libraries whose frames are colours, so that a reader can work out every score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.fakes import COLOURS, ColourEmbedder
from vidsearch.store.library import Library
from vidsearch.types import (
    Caption,
    Chunk,
    EmbeddingSpace,
    Fingerprint,
    FrameRecord,
    SamplingPlan,
    Shot,
    Video,
    VideoInfo,
)

COLOUR = ColourEmbedder()
Colour = str | tuple[float, float, float]


def unit(colour: Colour) -> np.ndarray:
    """The vector of a colour by name, or by its red, green and blue."""
    vector = np.asarray(COLOURS[colour] if isinstance(colour, str) else colour, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def add_video(
    library: Library,
    path: str,
    colours: Sequence[Colour | None],
    *,
    captions: Sequence[str | None] | None = None,
    shots: Sequence[Shot] = (),
    spaces: Mapping[EmbeddingSpace, Sequence[Colour]] | None = None,
) -> Video:
    """Add a video with one frame a second, of these colours; None is a blank frame without a vector."""
    digest = hashlib.sha256(path.encode()).hexdigest()
    info = VideoInfo(1000, "mp4", "h264", 32, 24, 0, 25.0, float(len(colours)), 0, None)
    by_space: Mapping[EmbeddingSpace, Sequence[Colour | None]] = spaces or {COLOUR.space: colours}
    video = library.begin_video(
        Path(path), Fingerprint(digest, digest[:8], 1000, 1), info, SamplingPlan(), tuple(by_space)
    )
    frames = []
    for second, colour in enumerate(colours):
        words = captions[second] if captions else None
        looks = {space: row[second] for space, row in by_space.items()}
        frames.append(
            FrameRecord(
                time_seconds=float(second),
                thumbnail_jpeg=b"jpeg",
                vectors={space: unit(look) for space, look in looks.items() if look is not None},
                caption=Caption(words, words) if words else None,
                is_blank=colour is None,
            )
        )
    library.add(video.id, Chunk(tuple(frames), float(len(colours)), tuple(shots)))
    return library.finish_video(video.id, duration_seconds=float(len(colours)))
