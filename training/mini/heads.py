"""The small networks over the image tower's cells: made for an embedder, and written beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from training.mini.data import Photo
from training.mini.evidence import EvidenceTraining, teach_evidence
from training.mini.export import build, export_evidence, export_graphics, shrink_matrices, write_manifest
from training.mini.graphics import GraphicsTraining, teach_graphics


def make_evidence(
    photos: Sequence[Photo], package: Path, out: Path, work: Path, config: EvidenceTraining, *, threads: int
) -> None:
    """Train what tells if people and animals are seen, for the embedder in `out`; write its file there."""
    network = teach_evidence(_train(photos), package, out, work, config, threads=threads)
    _write("evidence.onnx", out, work, lambda path: export_evidence(network, path))


def make_graphics(
    photos: Sequence[Photo], out: Path, work: Path, config: GraphicsTraining, *, threads: int
) -> None:
    """Train what tells if a picture was drawn, for the embedder in `out`; write its file there."""
    network = teach_graphics(_train(photos), out, work, config, threads=threads)
    _write("graphics.onnx", out, work, lambda path: export_graphics(network, path))


def _train(photos: Sequence[Photo]) -> list[Photo]:
    return [photo for photo in photos if photo.split == "train"]


def _write(name: str, out: Path, work: Path, export: Callable[[Path], None]) -> None:
    def shrunk(path: Path) -> None:
        export(work / name)
        shrink_matrices(work / name, path)

    build(out, {name: shrunk})
    write_manifest(out, model="mini")
