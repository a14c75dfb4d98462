"""A real library of videos that are runs of colours, written without decoding anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.captions.examples import video as example_video
from tests.fakes import ColourEmbedder, solid
from vidsearch.media.images import encode_jpeg
from vidsearch.store.library import Library
from vidsearch.types import (
    Caption,
    Chunk,
    Fingerprint,
    FrameRecord,
    LibraryModels,
    SamplingPlan,
    Shot,
    Video,
)

EMBEDDER = ColourEmbedder()


def add_video(
    library: Library,
    path: Path,
    looks: Sequence[str | None],
    *,
    captions: Sequence[str | None] | None = None,
    shots: Sequence[Shot] = (),
) -> Video:
    """Add a video with a frame a second of these colours, captioned "a red picture" without `captions`.

    None is a black frame without a caption.
    """
    path.write_bytes(path.name.encode())
    said = [look and f"a {look} picture" for look in looks] if captions is None else captions
    info = example_video(path.name, duration_seconds=float(len(looks))).info
    fingerprint = Fingerprint(path.name.encode().hex().ljust(64, "0"), path.name.encode().hex()[:32], 10, 1)
    video = library.begin_video(path, fingerprint, info, SamplingPlan(), [EMBEDDER.space])
    library.add(
        video.id,
        Chunk(
            frames=tuple(
                FrameRecord(
                    time_seconds=float(second),
                    thumbnail_jpeg=encode_jpeg(solid(look)) if look else b"",
                    vectors={EMBEDDER.space: EMBEDDER.embed_images([solid(look)])[0]} if look else {},
                    caption=Caption(text, text, model="colour") if text else None,
                    is_blank=look is None,
                )
                for second, (look, text) in enumerate(zip(looks, said, strict=True))
            ),
            until_seconds=float(len(looks)),
            shots=tuple(shots),
        ),
    )
    return library.finish_video(video.id, duration_seconds=float(len(looks)))


def create(folder: Path) -> Library:
    """Create an empty library of colours."""
    library = Library.open(folder, create=True)
    library.set_models(LibraryModels(embedders=("colour",), captioner="colour"))
    return library
