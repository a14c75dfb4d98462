"""A real library of videos that are runs of colours, written without decoding anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.captions.examples import video as example_video
from tests.fakes import ColourEmbedder, solid
from tests.store.examples import Frame, append, finish, specs
from vidsearch.media.images import encode_jpeg
from vidsearch.store.store import Store
from vidsearch.types import Fingerprint, LibraryModels, Shot, Video

EMBEDDER = ColourEmbedder()


def add_video(
    library: Store,
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
    opened = library.begin_video(
        path, fingerprint, info, specs(captioner="colour", shots=bool(shots)), [EMBEDDER.space]
    )
    frames = [
        Frame(
            time_seconds=float(second),
            vectors={EMBEDDER.space: EMBEDDER.embed_images([solid(look)])[0]} if look else {},
            text=text or None,
            is_blank=look is None,
            thumbnail_jpeg=encode_jpeg(solid(look)) if look else b"",
        )
        for second, (look, text) in enumerate(zip(looks, said, strict=True))
    ]
    until = float(len(looks))
    append(library, opened, frames, until_seconds=until, spaces=[EMBEDDER.space], shots=shots)
    return finish(library, opened, spaces=[EMBEDDER.space], duration_seconds=until)


def create(folder: Path) -> Store:
    """Create an empty library of colours."""
    library = Store.open(folder, create=True)
    library.set_models(LibraryModels(embedders=("colour",), captioner="colour"))
    return library
