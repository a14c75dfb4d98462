"""Indexes a folder, and dies by SIGKILL at its green film."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes import ColourEmbedder, nearest_colour
from vidsearch.ingest import PipelineOptions, ingest, pictures, session
from vidsearch.ingest.runner import ThisMachine
from vidsearch.media.decode import frames
from vidsearch.media.probe import probe
from vidsearch.store.store import Store

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image


def die() -> None:
    """Die as by a fault in C, or as whoever has taken too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def frames_but_of_green(path: Path, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Stand for media's `frames`."""
    if path.name == "green.mp4":
        die()
    return frames(path, *arguments, **options)


def probe_but_green(path: Path, **options: Any) -> Any:
    """Stand for media's `probe`."""
    if path.name == "green.mp4":
        die()
    return probe(path, **options)


class DyingEmbedder(ColourEmbedder):
    """Dies of green."""

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        if any(nearest_colour(image) == "green" for image in images):
            die()
        return super().embed_images(images)


def main(library: str, folder: str, where: str) -> None:
    """Index, and print which files failed, and why.

    `where` is "decoder": whichever process decodes the film dies; "model": this one does, wherever the film
    is decoded; or "probe": this one does, which only hands the film over to others.
    """
    embedder = DyingEmbedder() if where == "model" else ColourEmbedder()
    runner = None
    if where == "decoder":
        setattr(pictures, "frames", frames_but_of_green)  # noqa: B010
    if where == "probe":
        setattr(session, "probe", probe_but_green)  # noqa: B010
        runner = ThisMachine([embedder], PipelineOptions())
    with Store.open(library, create=True) as opened:
        report = ingest(opened, [Path(folder)], embedders=[embedder], runner=runner)
    for failure in report.failures:
        print(f"{failure.path.name}: {failure.reason}")
