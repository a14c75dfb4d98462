"""Does a heat map of `mini` point at the object? On real pictures with boxes, beside maps that know nothing.

    python benchmarks/heat_boxes.py --videos ../shared/videos [--images FOLDER --package HUMAN.tgz]

A map hits where its highest cell's middle is in one of the object's boxes (the pointing game of Zhang et
al., ECCV 2016, arXiv:1608.00507). The boxes of `heat_boxes.json` were drawn by eye, on photographs that
scikit-image ships and on frames of sample videos. With `--images` and `--package`, the npm tarball that
`training/mini/detector.py` names, each class of objects that a detector finds in a photograph of a folder is
asked for too, by its name: any of its objects will do.

The maps: each cell's share of the similarity (`MiniEmbedder.grid`), what `vidsearch` draws (`MiniExplainer`),
and the picture's middle. `area` is how often a random cell hits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.mini.data import read_rgb
from training.mini.detector import CLASSES, Box, Detector
from training.mini.evaluate import frames_of, photographs_of
from vidsearch.models.explain_mini import MiniExplainer
from vidsearch.models.mini import MiniEmbedder

Image = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]

_FRAMES = 5
_LEAST_SCORE, _LEAST_AREA, _MOST_AREA = 0.28, 0.01, 0.35


@dataclass(frozen=True, slots=True)
class Case:
    """A picture, what is asked for, and where it is."""

    image: Image
    query: str
    boxes: list[Box]


def drawn(videos: Path) -> Iterator[Case]:
    """The objects that were boxed by eye, of the pictures that are here."""
    named = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    images = photographs_of(name for name in named if not name.startswith("video:"))
    for name, objects in named.items():
        if name.startswith("video:"):
            file, number = name.removeprefix("video:").rsplit(":", 1)
            if (videos / file).exists():
                images[name] = frames_of(videos / file, _FRAMES)[int(number)]
        if name in images:
            for query, corners in objects.items():
                yield Case(images[name], query, [Box(-1, 1.0, *each) for each in corners])


def detected(images: Path, package: Path) -> Iterator[Case]:
    """Each class of objects that a detector finds in a picture, of 1 to 35 % of it each."""
    detector = Detector(package, num_threads=2)
    for path in sorted(images.iterdir()):
        image = read_rgb(path)
        objects: dict[str, list[Box]] = {}
        for box in detector.boxes(image, at_least=_LEAST_SCORE):
            if _LEAST_AREA <= (box.right - box.left) * (box.bottom - box.top) <= _MOST_AREA:
                objects.setdefault(CLASSES[box.label], []).append(box)
        for name, boxes in objects.items():
            yield Case(image, f"{'an' if name[0] in 'aeiou' else 'a'} {name}", boxes)


def hits(heat: Map, boxes: list[Box]) -> bool:
    """Whether the highest cell's middle is in a box."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return _is_in(boxes, (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0])


def _is_in(boxes: list[Box], x: float, y: float) -> bool:
    return any(box.contains(x, y) for box in boxes)


def measure(cases: list[Case]) -> dict[str, float]:
    """How many of the cases each map hits, per cent."""
    embedder = MiniEmbedder(num_threads=2)
    explainer = MiniExplainer(embedder)
    middles = (np.arange(27) + 0.5) / 27
    rows = []
    for case in cases:
        shares = embedder.grid([case.image])[0] @ embedder.embed_texts([case.query])[0]
        drawn_map = explainer.explain(case.image, case.query).grid
        area = np.mean([_is_in(case.boxes, x, y) for x in middles for y in middles])
        middle = _is_in(case.boxes, 0.5, 0.5)
        rows.append((area, middle, hits(shares, case.boxes), hits(drawn_map, case.boxes)))
    means = 100 * np.mean(np.array(rows, float), axis=0)
    names = ("area", "middle", "cells' shares", "drawn")
    return {"cases": len(cases), **{k: round(float(v), 1) for k, v in zip(names, means, strict=True)}}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--images", type=Path, help="a folder of photographs")
    parser.add_argument("--package", type=Path, help="the npm tarball with the detector")
    arguments = parser.parse_args()
    figures = {"drawn by eye": measure(list(drawn(arguments.videos)))}
    if arguments.images and arguments.package:
        figures["detected"] = measure(list(detected(arguments.images, arguments.package)))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
