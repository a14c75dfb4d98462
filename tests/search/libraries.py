"""Real libraries whose frames are colours, so that a reader can work out every score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.fakes import COLOURS, ColourEmbedder
from tests.store.examples import Frame, append, finish, specs
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace, Fingerprint, Shot, Video, VideoInfo

COLOUR = ColourEmbedder()
Colour = str | tuple[float, float, float]


USUAL: list[Colour] = [(0.2, 0.98, 0.0), "blue"] * 20
"""Frames of which none stands out for "red": their cosines with it are 0.2 and 0."""


def unit(colour: Colour) -> np.ndarray:
    """The vector of a colour by name, or by its red, green and blue."""
    vector = np.asarray(COLOURS[colour] if isinstance(colour, str) else colour, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def add_video(
    library: Store,
    path: str,
    colours: Sequence[Colour | None],
    *,
    captions: Sequence[str | None] | None = None,
    shots: Sequence[Shot] = (),
    spaces: Mapping[EmbeddingSpace, Sequence[Colour]] | None = None,
) -> Video:
    """Add a video with one frame a second, of these colours; None is a blank frame without a vector."""
    digest = hashlib.sha256(path.encode()).hexdigest()
    made_up = Fingerprint(digest, digest[:8], 1000, 1)
    own = fingerprint(Path(path)) if Path(path).exists() else made_up
    info = VideoInfo(1000, "mp4", "h264", 32, 24, 0, 25.0, float(len(colours)), 0, None)
    by_space: Mapping[EmbeddingSpace, Sequence[Colour | None]] = spaces or {COLOUR.space: colours}
    opened = library.begin_video(
        Path(path),
        own,
        info,
        specs(shots=bool(shots)),
        tuple(by_space),
    )
    frames = []
    for second, colour in enumerate(colours):
        looks = {space: row[second] for space, row in by_space.items()}
        frames.append(
            Frame(
                time_seconds=float(second),
                vectors={space: unit(look) for space, look in looks.items() if look is not None},
                text=captions[second] if captions else None,
                is_blank=colour is None,
                thumbnail_jpeg=b"jpeg",
            )
        )
    until = float(len(colours))
    append(library, opened, frames, until_seconds=until, spaces=tuple(by_space), shots=shots)
    return finish(library, opened, spaces=tuple(by_space), duration_seconds=until)
