"""Do heat maps show what the model used? Deletion, insertion and a pointing game, beside two maps that know
nothing.

    python benchmarks/explain_faithfulness.py [--model mini] [--device auto] [--photos FOLDER --captions FILE]
    [--json FILE]

Deletion and insertion (RISE, Petsiuk, Das and Saenko, BMVC 2018, arXiv:1806.07421): the picture's cells are
blurred away in the order of the map, or put back into a blurred picture, and the similarity to the query is
followed. A faithful map makes it fall early (a small area under the curve) and rise early (a large one).
Areas are means of the similarity after each step, as a share of the way from the blurred picture's similarity
to the whole picture's.

Pointing game (Zhang et al., ECCV 2016, arXiv:1608.00507): an object's photograph is pasted at a known place
on another scene. A map hits where its highest cell's centre is in the object.

The baselines: uniformly random maps, and one that prefers the picture's centre. Intervals are bootstrap 95%
over pictures. Photographs: those of scikit-image by default; or `--photos` and `--captions` with one JSON
object a line, {"image": path below the folder, "captions": [...], "split": "dev"}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.heatmap import heat_map
from vidsearch.models.protocols import Embedder, Explainer
from vidsearch.models.registry import load_embedder, load_explainer
from vidsearch.models.relevance import WHOLE

Image: TypeAlias = npt.NDArray[np.uint8]
Map: TypeAlias = npt.NDArray[np.float32]

_SIDE = 7
"""Pictures are blurred away in as many cells on a side, whatever the map's own."""
_STEPS = 12
_SCENE_PIXELS = 448
_OBJECT_SHARE = 0.42
"""Side of the pasted object, as a share of the scene's."""
_NUM_BOOTSTRAPS = 2000

_SCIKIT_IMAGE = {
    "astronaut": "a woman in an orange space suit",
    "chelsea": "a cat",
    "coffee": "a cup of coffee",
    "rocket": "a rocket",
}
_SCENES = ("grass", "gravel", "brick", "moon", "retina")


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over pictures, with its bootstrap 95% interval."""

    measure: str
    map: str
    mean: float
    low: float
    high: float
    num_pictures: int


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mini")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--captions", type=Path)
    parser.add_argument("--num-pictures", type=int, default=60)
    parser.add_argument("--num-composites", type=int, default=120)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    device = choose_device(options.device, "fp32")
    embedder = load_embedder(options.model, device=device)
    explainer = load_explainer(options.model, device=device)
    photos = (
        _scikit_image_photos()
        if options.photos is None
        else _read_photos(options.photos, options.captions, options.num_pictures)
    )
    makers: dict[str, Callable[[Image, str], Map]] = {
        options.model: lambda image, query: _own_map(explainer, image, query),
        "centre": lambda image, query: _centre_map(),
        "random": lambda image, query: rng.random((_SIDE, _SIDE), dtype=np.float32),
    }
    figures = [*_curves(embedder, photos, makers), *_pointing(photos, makers, options.num_composites, rng)]
    print(f"{'measure':10} {'map':8} {'mean':>7}  95% interval      pictures")
    for each in figures:
        interval = f"{each.low:6.3f} to {each.high:6.3f}"
        print(f"{each.measure:10} {each.map:8} {each.mean:7.3f}  {interval:16} {each.num_pictures:7}")
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=1))


def _curves(
    embedder: Embedder, photos: list[tuple[Image, str]], makers: dict[str, Callable[[Image, str], Map]]
) -> Iterable[Figure]:
    areas: dict[tuple[str, str], list[float]] = {}
    for image, query in photos:
        blurred = cv2.GaussianBlur(image, (0, 0), sigmaX=max(image.shape[:2]) / 12)
        text = embedder.embed_texts([query])[0]
        whole, gone = embedder.embed_images([image, blurred]) @ text
        if whole <= gone + 0.02:
            continue  # the query does not hang on what is blurred: nothing to measure
        for name, make in makers.items():
            order = np.argsort(-make(image, query).reshape(-1), kind="stable")
            steps = np.linspace(0, len(order), _STEPS + 1).round().astype(int)
            deleted = [_mix(image, blurred, order[:count]) for count in steps]
            inserted = [_mix(blurred, image, order[:count]) for count in steps]
            for measure, pictures in (("deletion", deleted), ("insertion", inserted)):
                shares = (embedder.embed_images(pictures) @ text - gone) / (whole - gone)
                areas.setdefault((measure, name), []).append(float(shares.mean()))
    return [_figure(measure, name, values) for (measure, name), values in areas.items()]


def _pointing(
    photos: list[tuple[Image, str]],
    makers: dict[str, Callable[[Image, str], Map]],
    num_composites: int,
    rng: np.random.Generator,
) -> Iterable[Figure]:
    scenes = _scenes()
    hits: dict[str, list[float]] = {name: [] for name in makers}
    for number in range(num_composites):
        thing, query = photos[number % len(photos)]
        scene = cv2.resize(scenes[number % len(scenes)], (_SCENE_PIXELS, _SCENE_PIXELS))
        side = round(_SCENE_PIXELS * _OBJECT_SHARE)
        top, left = rng.integers(0, _SCENE_PIXELS - side + 1, size=2)
        scene[top : top + side, left : left + side] = cv2.resize(
            thing, (side, side), interpolation=cv2.INTER_AREA
        )
        for name, make in makers.items():
            row, column = np.unravel_index(int(make(scene, query).argmax()), (_SIDE, _SIDE))
            y, x = ((place + 0.5) * _SCENE_PIXELS / _SIDE for place in (row, column))
            hits[name].append(float(top <= y < top + side and left <= x < left + side))
    return [_figure("pointing", name, values) for name, values in hits.items()]


def _own_map(explainer: Explainer, image: Image, query: str) -> Map:
    """Return the explainer's map over the whole picture, in the benchmark's cells; nothing where it cannot
    see."""
    relevance = explainer.explain(image, query)
    if relevance.grid.shape == (_SIDE, _SIDE) and relevance.region == WHOLE:
        return relevance.grid
    spread = heat_map(relevance.grid, relevance.region, 8 * _SIDE, 8 * _SIDE)
    cells: Map = spread.reshape(_SIDE, 8, _SIDE, 8).mean(axis=(1, 3))
    return cells


def _centre_map() -> Map:
    place = np.linspace(-1, 1, _SIDE, dtype=np.float32)
    distance: Map = -np.hypot(place[:, None], place[None, :])
    return distance


def _mix(under: Image, over: Image, cells: npt.NDArray[np.intp]) -> Image:
    """Return `under` with these cells taken from `over`."""
    mask = np.zeros(_SIDE * _SIDE, dtype=np.uint8)
    mask[cells] = 1
    full = cv2.resize(mask.reshape(_SIDE, _SIDE), under.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    mixed: Image = np.where(full[:, :, None] > 0, over, under)
    return mixed


def _figure(measure: str, name: str, values: list[float]) -> Figure:
    data = np.asarray(values)
    rng = np.random.default_rng(1)
    means = data[rng.integers(0, len(data), size=(_NUM_BOOTSTRAPS, len(data)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Figure(measure, name, float(data.mean()), float(low), float(high), len(data))


def _scikit_image_photos() -> list[tuple[Image, str]]:
    import skimage.data

    return [(np.asarray(getattr(skimage.data, name)()), query) for name, query in _SCIKIT_IMAGE.items()]


def _read_photos(folder: Path, captions: Path, num: int) -> list[tuple[Image, str]]:
    entries = [json.loads(line) for line in captions.read_text(encoding="utf-8").splitlines()]
    kept = [entry for entry in entries if entry.get("split", "dev") == "dev"]
    chosen = np.random.default_rng(2).choice(len(kept), size=min(num, len(kept)), replace=False)
    return [(read_image(folder / kept[at]["image"]), kept[at]["captions"][0]) for at in chosen]


def _scenes() -> list[Image]:
    """Return scenes without an object: textures and surfaces that scikit-image ships."""
    import skimage.data

    scenes = []
    for name in _SCENES:
        try:
            scene = np.asarray(getattr(skimage.data, name)())
        except (OSError, ModuleNotFoundError):
            continue  # not in the installed package, and fetched only over a network
        scenes.append(scene if scene.ndim == 3 else np.repeat(scene[:, :, None], 3, axis=2))
    return scenes


if __name__ == "__main__":
    main()
