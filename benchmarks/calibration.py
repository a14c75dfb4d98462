"""Fit and measure a space's calibration: whether a library holds what is asked for.

    python benchmarks/calibration.py --data ../shared/data/flickr8k_224 [--model mini] [--write]

Data: Flickr8k. The development photographs are parted in two halves: the first fits the map, the second
measures it. (The photographs that a model was trained on would not do for fitting: it knows their captions by
heart, and would call itself surer than it has a right to be.) Libraries of 50, 500 and 5,000 frames, one
photograph a video, are filled up with training photographs, which are asked for by no query.

A query is *present* where the photograph that it was written for is in the library. Three kinds are not:
- *another photograph*: a caption of one that is not there. A hard case, and not always a fair one: a library
  of 500 such photographs has some dog on some lawn, and its best hit may well satisfy who asked.
- *another subject*: a caption with a word such as "horse", and the library has no photograph with that word
  in any of its captions.
- *nonsense*: words without a picture, and pictures of another world.

AUROC: how often a present query's best hit is surer than an absent one's. False accepts: the share of absent
queries that pass a threshold which 90% of the present ones pass. Together: the three kinds count alike.
`--write` stores the map beside `vidsearch/search/calibration.py`, and one of the library's own scores alone
as the default of other spaces; `--figure` draws the reliability.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder
from vidsearch.search.calibration import (
    Calibration,
    ScoreStatistics,
    UsualPictures,
    library_scores,
    path_of,
    to_json,
)
from vidsearch.search.timeline import Timeline

if TYPE_CHECKING:
    from vidsearch.types import Float32

NONSENSE = (
    "asdf qwer zxcv", "lorem ipsum dolor sit amet", "colourless green ideas sleep furiously",
    "the square root of minus one", "quarterly tax return", "a strongly worded letter to the editor",
    "the opposite of yesterday", "monetary policy of the central bank", "hexadecimal", "xyzzy",
    "the smell of rain", "an unresolved legal dispute", "tomorrow's weather forecast", "blorptastic fnord",
    "the concept of justice", "a partial differential equation", "the taste of salt", "version 2.4.1",
    "a rumour that turned out to be true", "the third person singular", "kilowatt hours per month",
    "an argument about grammar", "the fall of the roman empire", "a C major chord", "wjk pqlm",
    "the second law of thermodynamics", "interest rates", "a peer reviewed article", "null pointer exception",
    "the meaning of life", "an electron microscope image of a virus", "the surface of mars seen from orbit",
    "a page of sheet music", "a spreadsheet with sales figures", "an x-ray of a broken wrist",
    "a submarine under the arctic ice", "the inside of a nuclear reactor", "a galaxy far away",
    "a chess endgame", "a circuit board under a magnifying glass",
)  # fmt: skip
"""Queries that no family photograph answers: words without a picture, and pictures of another world."""

SUBJECTS = (
    "horse|horses|pony", "bicycle|bicycles|bike|bikes|cyclist|biker|bmx", "snow|ski|skis|skier|skiing",
    "soccer|football", "basketball", "tennis", "guitar|drums|band", "surfer|surfing|surfboard|wave|waves",
    "climbing|climber|climbs", "motorcycle|motorcycles|motorbike|motocross", "bird|birds|duck|seagull",
    "car|cars|truck|bus", "skateboard|skateboarder|skateboarding", "boat|canoe|kayak", "baby|toddler|infant",
    "pool|swimming|swimmer|swim", "ball|baseball|volleyball", "dog|dogs|puppy",
)  # fmt: skip
"""Words by which a library is made to hold nothing of a subject."""
KINDS = ("another photograph", "another subject", "nonsense")
SIZES = (50, 500, 5000)
NUM_DRAWS = 3
_QUERIES_PER_DRAW = 200
_CAPTIONS_PER_PHOTO = 3


@dataclass(frozen=True)
class Photos:
    """Photographs in one space, and which subjects their captions name."""

    vectors: Float32
    subjects: np.ndarray
    """(photographs, subjects), true or false."""


@dataclass(frozen=True)
class Data:
    """Everything that is asked, and of what."""

    dev: Photos
    captions: Float32
    """Of the development photographs: (photographs, captions each, dim)."""
    others: Photos
    nonsense: Float32
    weights_digest: str


@dataclass(frozen=True)
class Case:
    """The best hit of one query in one library."""

    kind: str
    """present, or one of KINDS."""
    size: int
    vector: Float32
    """The query's."""
    in_library: ScoreStatistics
    """What the query scores against the library at large."""
    best: float
    num_frames: float


def subjects_of(dataset: RetrievalSet, num_photos: int) -> np.ndarray:
    """Which photographs name which subjects in any of their captions."""
    patterns = [re.compile(rf"\b({words})\b", re.IGNORECASE) for words in SUBJECTS]
    found = np.zeros((num_photos, len(SUBJECTS)), dtype=bool)
    for text, number in zip(dataset.texts, dataset.described, strict=True):
        if number < num_photos:
            found[number] |= [pattern.search(text) is not None for pattern in patterns]
    return found


def read(model: str, folder: Path, num_others: int, cache: Path | None) -> Data:
    """Embed the photographs and the captions, or take them from the cache."""
    embedder = load_embedder(model, device=choose_device())
    digest = embedder.space.weights_digest
    dev, train = (open_dataset(folder, kind="flickr8k-lines", split=split) for split in ("dev", "train"))
    assert isinstance(dev, RetrievalSet)
    assert isinstance(train, RetrievalSet)

    def photos(paths: Sequence[Path]) -> Float32:
        groups = [paths[start : start + 64] for start in range(0, len(paths), 64)]
        return np.concatenate(
            [embedder.embed_images([read_image(path) for path in group]) for group in groups]
        )

    kept = np.load(cache) if cache is not None and cache.exists() else None
    if kept is None or str(kept["digest"]) != digest or len(kept["others"]) < num_others:
        by_photo: list[list[str]] = [[] for _ in dev.paths]
        for text, number in zip(dev.texts, dev.described, strict=True):
            by_photo[number].append(text)
        texts = [text for captions in by_photo for text in captions[:_CAPTIONS_PER_PHOTO]]
        kept = {
            "dev": photos(dev.paths),
            "captions": embedder.embed_texts(texts).reshape(len(dev.paths), _CAPTIONS_PER_PHOTO, -1),
            "others": photos(train.paths[:num_others]),
            "nonsense": embedder.embed_texts(NONSENSE),
        }
        if cache is not None:
            np.savez(cache, digest=digest, **kept)
    return Data(
        dev=Photos(kept["dev"], subjects_of(dev, len(kept["dev"]))),
        captions=kept["captions"],
        others=Photos(kept["others"][:num_others], subjects_of(train, num_others)),
        nonsense=kept["nonsense"],
        weights_digest=digest,
    )


def ask(data: Data, photos: Float32, kind: str, queries: Float32) -> Iterator[Case]:
    """Ask a library of one-frame videos."""
    ids = np.arange(len(photos))
    timeline = Timeline(ids, ids, np.zeros(len(ids)), photos)
    for query in queries.reshape(-1, photos.shape[1]):
        best = float((photos @ query).max())
        yield Case(
            kind, len(photos), query, library_scores(query, timeline.sample), best, timeline.num_distinct
        )


def cases(data: Data, half: int, size: int, rng: np.random.Generator) -> Iterator[Case]:
    """Ask libraries of `size` photographs, some of one half of the development set, filled up with others."""
    numbers = rng.permutation(np.arange(half, len(data.captions), 2))
    inside = numbers[: min(_QUERIES_PER_DRAW, size // 2)]
    outside = numbers[-_QUERIES_PER_DRAW:]
    fill = rng.permutation(len(data.others.vectors))
    photos = np.concatenate([data.dev.vectors[inside], data.others.vectors[fill[: size - len(inside)]]])
    yield from ask(data, photos, "present", data.captions[inside])
    yield from ask(data, photos, "another photograph", data.captions[outside])
    yield from ask(data, photos, "nonsense", data.nonsense)
    for subject in range(len(SUBJECTS)):
        asked = numbers[data.dev.subjects[numbers, subject]][:8]
        others = [n for n in inside if not data.dev.subjects[n, subject]]
        rest = fill[~data.others.subjects[fill, subject]][: size - len(others)]
        without = np.concatenate([data.dev.vectors[others], data.others.vectors[rest]])
        # Of a photograph's captions, those that name the subject are about it; the first one mostly does.
        yield from ask(data, without, "another subject", data.captions[asked, :1])


def shares(kinds: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Weights: each size counts alike, in it present and absent, and of the absent each kind."""
    weights = np.zeros(len(kinds))
    for size in np.unique(sizes):
        for kind, share in (("present", 1 / 2), *((kind, 1 / 6) for kind in KINDS)):
            chosen = (kinds == kind) & (sizes == size)
            weights[chosen] = share / max(chosen.sum(), 1)
    return np.asarray(weights / weights.sum())


def logistic(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Maximum likelihood by Newton's method."""
    found = np.zeros(rows.shape[1])
    for _ in range(30):
        sure = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (labels - sure)) - 1e-5 * found
        curve = (rows * (weights * sure * (1 - sure))[:, None]).T @ rows + 1e-5 * np.eye(len(found))
        found = found + np.linalg.solve(curve, slope)
    return found


def fit(found: Sequence[Case], usual: UsualPictures | None) -> Calibration:
    """Fit a map on cases."""
    kinds, sizes = kinds_and_sizes(found)
    labels = (kinds == "present").astype(float)
    rows = np.stack([np.ones(len(found)), heights(found, usual), log_frames(found)], axis=1)
    weights = [round(float(weight), 4) for weight in logistic(rows, labels, shares(kinds, sizes))]
    fitted = Calibration(weights[0], weights[1], weights[2], likely=0.5, usual=usual)
    sure = confidences(found, fitted)
    return replace(fitted, likely=round(float(np.quantile(sure[kinds == "present"], 0.1)), 2))


def usual_pictures(data: Data) -> UsualPictures:
    """The first half of the development photographs."""
    photos = data.dev.vectors[::2]
    cosines = data.captions[::2, 0] @ photos.T
    return UsualPictures(photos.mean(axis=0), round(float(cosines.std(axis=1).mean()), 4))


def heights(found: Sequence[Case], usual: UsualPictures | None) -> np.ndarray:
    """How far each best hit stands above usual pictures, or above its library, in deviations."""
    references = [case.in_library if usual is None else usual.scores(case.vector) for case in found]
    return np.asarray([(c.best - r.mean) / r.deviation for c, r in zip(found, references, strict=True)])


def log_frames(found: Sequence[Case]) -> np.ndarray:
    """Natural logarithms of the numbers of distinct frames."""
    return np.log([case.num_frames for case in found])


def kinds_and_sizes(found: Sequence[Case]) -> tuple[np.ndarray, np.ndarray]:
    """Each case's kind, and its library's size."""
    return np.asarray([case.kind for case in found]), np.asarray([case.size for case in found])


def confidences(found: Sequence[Case], calibration: Calibration) -> np.ndarray:
    """What a search says of each case's best hit."""
    above = heights(found, calibration.usual)
    return np.asarray(
        [calibration.confidence(float(h), c.num_frames) for h, c in zip(above, found, strict=True)]
    )


def auroc(present: np.ndarray, absent: np.ndarray) -> float:
    """The share of pairs in which the present one is surer, ties counting half."""
    order = np.sort(absent)
    below = np.searchsorted(order, present, side="left") + np.searchsorted(order, present, side="right")
    return float(below.mean() / (2 * len(absent)))


def false_accepts(present: np.ndarray, absent: np.ndarray) -> float:
    """The share of absent queries above the threshold that 90% of the present ones pass."""
    return float((absent >= np.quantile(present, 0.1)).mean())


def reliability(
    sure: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> list[tuple[float, float, float]]:
    """(mean confidence, share present, weight) of ten bins of confidence."""
    bins = []
    for number in range(10):
        inside = np.minimum((sure * 10).astype(int), 9) == number
        total = float(weights[inside].sum())
        if total > 0:
            said, right = (float((weights * what)[inside].sum() / total) for what in (sure, labels))
            bins.append((said, right, total / float(weights.sum())))
    return bins


def draw(curves: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    """A reliability diagram: how sure, against how often right."""
    side, margin = 300, 46
    image = np.full((side + 2 * margin, side + 2 * margin, 3), 255, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return margin + round(x * side), margin + round((1 - y) * side)

    def write(text: str, x: int, y: int, colour: tuple[int, int, int] = (60, 60, 60)) -> None:
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)

    for step in range(6):
        value = step / 5
        cv2.line(image, at(value, 0), at(value, 1), (225, 225, 225), 1)
        cv2.line(image, at(0, value), at(1, value), (225, 225, 225), 1)
        write(f"{value:.1f}", at(value, 0)[0] - 9, at(0, 0)[1] + 16)
        write(f"{value:.1f}", 18, at(0, value)[1] + 4)
    cv2.line(image, at(0, 0), at(1, 1), (150, 150, 150), 1, cv2.LINE_AA)
    colours = ((200, 120, 30), (40, 140, 40), (40, 60, 200))
    for number, (name, bins) in enumerate(curves.items()):
        points = [at(sure, right) for sure, right, _ in bins]
        cv2.polylines(image, [np.asarray(points)], False, colours[number % 3], 1, cv2.LINE_AA)
        for point, (_, _, share) in zip(points, bins, strict=True):
            cv2.circle(image, point, 2 + round(9 * share**0.5), colours[number % 3], -1, cv2.LINE_AA)
        write(name, at(0.04, 0)[0], at(0, 0.95 - 0.06 * number)[1], colours[number % 3])
    write("confidence of the best hit", margin + 70, side + 2 * margin - 8)
    write("share of queries whose photograph is there", margin, margin - 12)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def measure(data: Data, calibration: Calibration, figure: Path | None) -> None:
    """Print the figures on the second half, and draw them."""
    curves = {}
    print("AUROC, and false accepts at 90% recall, against each kind of absent query:")
    print(f"| frames | together | {' | '.join(KINDS)} | calibration error |")
    print("|---|---|---|---|---|---|")
    for size in [size for size in SIZES if size - _QUERIES_PER_DRAW <= len(data.others.vectors)]:
        rng = np.random.default_rng(1)
        found = [case for _ in range(NUM_DRAWS) for case in cases(data, 1, size, rng)]
        sure, (kinds, _) = confidences(found, calibration), kinds_and_sizes(found)
        absent = {kind: sure[kinds == kind] for kind in KINDS}
        present = sure[kinds == "present"]
        areas = [auroc(present, each) for each in absent.values()]
        accepts = [false_accepts(present, each) for each in absent.values()]
        bins = reliability(sure, (kinds == "present").astype(float), shares(kinds, np.full(len(kinds), size)))
        error = sum(share * abs(said - right) for said, right, share in bins)
        cells = [f"{area:.2f}, {accept:.0%}" for area, accept in zip(areas, accepts, strict=True)]
        print(
            f"| {size:,} | {np.mean(areas):.2f}, {np.mean(accepts):.0%} | {' | '.join(cells)} | {error:.2f} |"
        )
        curves[f"{size:,} frames"] = bins
    if figure is not None:
        draw(curves, figure)


def main() -> None:
    """Fit, measure, and store what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with captions.jsonl and images/")
    parser.add_argument("--model", default="mini")
    parser.add_argument(
        "--num-others", type=int, default=5000, help="training photographs to fill libraries up with"
    )
    parser.add_argument(
        "--cache", type=Path, default=None, help="keep vectors here (.npz), and use them again"
    )
    parser.add_argument("--write", action="store_true", help="store the map")
    parser.add_argument("--figure", type=Path, default=None, help="draw the reliability diagram (.png)")
    options = parser.parse_args()
    data = read(options.model, options.data, options.num_others, options.cache)
    rng = np.random.default_rng(0)
    sizes = [size for size in SIZES if size - _QUERIES_PER_DRAW <= len(data.others.vectors)]
    found = [case for size in sizes for case in cases(data, 0, size, rng)]
    fitted, plain = fit(found, usual_pictures(data)), fit(found, None)
    for name, calibration in ((options.model, fitted), ("default", plain)):
        print(f"{name}: {replace(calibration, usual=None)}")
        measure(data, calibration, options.figure if calibration is fitted else None)
    if options.write:
        for path, calibration, digest in (
            (path_of(options.model), fitted, data.weights_digest),
            (path_of("default"), plain, ""),
        ):
            path.write_text(json.dumps(to_json(calibration, digest), indent=2) + "\n")


if __name__ == "__main__":
    main()
