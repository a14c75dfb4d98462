"""Fit and measure a space's calibration: whether a library holds what is asked for.

    python benchmarks/calibration.py --data ../shared/data/flickr8k_224 [--model mini] [--write] [--cache FILE]

Data: Flickr8k. The development photographs are parted in two halves: the first fits the map, the second
measures it. (The photographs that a model was trained on would not do for fitting: it knows their captions by
heart, and would call itself surer than it has a right to be.) Libraries of 50, 500 and 5,000 frames, one
photograph a video, are filled up with training photographs, which are asked for by no query.

A query is *present* where the photograph that it was written for is in the library, *absent* where it is
not; *nonsense* is absent everywhere. An absent caption is a hard case: a library of 500 photographs holds
some dog on some lawn, and its best hit may well satisfy who asked.

AUROC: how often a present query's best hit is surer than an absent one's. False accepts: the share of absent
queries that pass a threshold which 90% of the present ones pass. `--write` stores the map beside
`vidsearch/search/calibration.py`, and as the default of other spaces; `--figure` draws the reliability.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder
from vidsearch.search.calibration import FOLDER, Calibration, score_statistics
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

SIZES = (50, 500, 5000)
MEASURED_SIZE = 500
NUM_DRAWS = 6
_PRESENT_PER_DRAW = 200
_CAPTIONS_PER_PHOTO = 3


@dataclass(frozen=True)
class Vectors:
    """Photographs and captions in one space."""

    photos: Float32
    captions: Float32
    """(photographs, captions each, dim)."""


@dataclass(frozen=True)
class Case:
    """The best hit of one query in one library."""

    kind: str
    """present, absent or nonsense."""
    cosines: Float32
    """Of the query with a sample of the library."""
    best: float
    num_frames: float


def embed(model: str, data: Path, cache: Path | None) -> tuple[Vectors, Vectors, Float32, str]:
    """Vectors of the development and the training photographs and of nonsense, and the weights' digest."""
    embedder = load_embedder(model, device=choose_device())
    digest = embedder.space.weights_digest
    if cache is not None and cache.exists():
        kept = np.load(cache)
        if str(kept["digest"]) == digest:
            return (
                Vectors(kept["dev"], kept["texts"]),
                Vectors(kept["train"], kept["texts"][:0]),
                kept["none"],
                digest,
            )
    dev, train = (open_dataset(data, kind="flickr8k-lines", split=split) for split in ("dev", "train"))
    assert isinstance(dev, RetrievalSet)
    assert isinstance(train, RetrievalSet)

    def photos(paths: Sequence[Path]) -> Float32:
        groups = [paths[start : start + 64] for start in range(0, len(paths), 64)]
        return np.concatenate(
            [embedder.embed_images([read_image(path) for path in group]) for group in groups]
        )

    by_photo: list[list[str]] = [[] for _ in dev.paths]
    for text, number in zip(dev.texts, dev.described, strict=True):
        by_photo[number].append(text)
    texts = [text for captions in by_photo for text in captions[:_CAPTIONS_PER_PHOTO]]
    captions = embedder.embed_texts(texts).reshape(len(dev.paths), _CAPTIONS_PER_PHOTO, -1)
    found = photos(dev.paths), photos(train.paths[: SIZES[-1]]), embedder.embed_texts(NONSENSE)
    if cache is not None:
        np.savez(cache, digest=digest, dev=found[0], texts=captions, train=found[1], none=found[2])
    return Vectors(found[0], captions), Vectors(found[1], captions[:0]), found[2], digest


def cases(
    dev: Vectors, others: Float32, nonsense: Float32, half: int, size: int, rng: np.random.Generator
) -> Iterator[Case]:
    """Ask a library of `size` photographs, some of one half of the development set, the rest others."""
    numbers = rng.permutation(np.arange(half, len(dev.photos), 2))
    inside = numbers[: min(_PRESENT_PER_DRAW, size // 2)]
    outside = numbers[-_PRESENT_PER_DRAW:]
    fill = rng.permutation(len(others))[: size - len(inside)]
    vectors = np.concatenate([dev.photos[inside], others[fill]])
    ids = np.arange(len(vectors))
    timeline = Timeline(ids, ids, np.zeros(len(ids)), vectors)
    for kind, queries in (
        ("present", dev.captions[inside].reshape(-1, vectors.shape[1])),
        ("absent", dev.captions[outside].reshape(-1, vectors.shape[1])),
        ("nonsense", nonsense),
    ):
        for query in queries:
            cosines = timeline.sample @ query
            yield Case(kind, cosines, float((vectors @ query).max()), timeline.num_distinct)


def features(found: Sequence[Case], calibration: Calibration) -> np.ndarray:
    """(cases, 3): one, the best hit's standard score, the logarithm of the number of frames."""
    rows = []
    for case in found:
        statistics = score_statistics(case.cosines, calibration)
        rows.append((1.0, (case.best - statistics.mean) / statistics.deviation, np.log(case.num_frames)))
    return np.asarray(rows)


def logistic(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Maximum likelihood by Newton's method."""
    found = np.zeros(rows.shape[1])
    for _ in range(30):
        sure = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (labels - sure)) - 1e-3 * found
        curve = (rows * (weights * sure * (1 - sure))[:, None]).T @ rows + 1e-3 * np.eye(len(found))
        found = found + np.linalg.solve(curve, slope)
    return found


def fit(dev: Vectors, others: Float32, nonsense: Float32, rng: np.random.Generator) -> Calibration:
    """Fit the map on the first half: present queries against absent ones and nonsense, half and half."""
    unrelated = (dev.captions[::2, 0] @ dev.photos[::2].T)[~np.eye(len(dev.photos[::2]), dtype=bool)]
    start = Calibration(0.0, 0.0, 0.0, float(unrelated.mean()), float(unrelated.std()), likely=0.5)
    found = [case for size in SIZES for case in cases(dev, others, nonsense, 0, size, rng)]
    kinds = np.asarray([case.kind for case in found])
    sizes = np.asarray([round(np.log10(case.num_frames / 5)) for case in found])
    weights = np.zeros(len(found))
    for size in np.unique(sizes):
        for kind, share in (("present", 0.5), ("absent", 0.25), ("nonsense", 0.25)):
            chosen = (kinds == kind) & (sizes == size)
            weights[chosen] = share * 1000 / chosen.sum()
    rows, labels = features(found, start), (kinds == "present").astype(float)
    intercept, per_deviation, per_log_frames = (
        round(float(value), 4) for value in logistic(rows, labels, weights)
    )
    fitted = replace(
        start,
        intercept=intercept,
        per_deviation=per_deviation,
        per_log_frames=per_log_frames,
        usual_mean=round(start.usual_mean or 0.0, 4),
        usual_deviation=round(start.usual_deviation or 0.0, 4),
    )
    sure = confidences(found, fitted)
    return replace(fitted, likely=round(float(np.quantile(sure[kinds == "present"], 0.1)), 2))


def confidences(found: Sequence[Case], calibration: Calibration) -> np.ndarray:
    """What a search says of each case's best hit."""
    rows = features(found, calibration)
    return np.asarray([calibration.confidence(row[1], np.exp(row[2])) for row in rows])


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
    for low in np.arange(0, 1, 0.1):
        inside = (sure >= low) & (sure < low + 0.1 + 1e-9)
        if weights[inside].sum() > 0:
            total = weights[inside].sum()
            bins.append(
                (
                    float((weights * sure)[inside].sum() / total),
                    float((weights * labels)[inside].sum() / total),
                    float(total / weights.sum()),
                )
            )
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


def measure(
    dev: Vectors, others: Float32, nonsense: Float32, calibration: Calibration, figure: Path | None
) -> None:
    """Print the figures on the second half, and draw them."""
    curves = {}
    print(
        "| frames | AUROC | against absent captions | against nonsense | false accepts at 90% recall | error |"
    )
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        rng = np.random.default_rng(1)
        found = [c for _ in range(NUM_DRAWS) for c in cases(dev, others, nonsense, 1, size, rng)]
        sure, kinds = confidences(found, calibration), np.asarray([case.kind for case in found])
        present, absent, none = (sure[kinds == kind] for kind in ("present", "absent", "nonsense"))
        weights = np.select(
            [kinds == "present", kinds == "absent"],
            [0.5 / len(present), 0.25 / len(absent)],
            0.25 / len(none),
        )
        bins = reliability(sure, (kinds == "present").astype(float), weights)
        error = sum(share * abs(said - right) for said, right, share in bins)
        both = (auroc(present, absent) + auroc(present, none)) / 2
        accepts = [false_accepts(present, absent), false_accepts(present, none)]
        print(
            f"| {size:,} | {both:.3f} | {auroc(present, absent):.3f} | {auroc(present, none):.3f} "
            f"| {np.mean(accepts):.0%} ({accepts[0]:.0%}, {accepts[1]:.0%}) | {error:.3f} |"
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
        "--cache", type=Path, default=None, help="keep vectors here (.npz), and use them again"
    )
    parser.add_argument("--write", action="store_true", help="store the map")
    parser.add_argument("--figure", type=Path, default=None, help="draw the reliability diagram (.png)")
    options = parser.parse_args()
    dev, train, nonsense, digest = embed(options.model, options.data, options.cache)
    fitted = fit(dev, train.photos, nonsense, np.random.default_rng(0))
    print(json.dumps(asdict(fitted), indent=2))
    measure(dev, train.photos, nonsense, fitted, options.figure)
    if options.write:
        values = {"weights_digest": digest, **asdict(fitted)}
        (FOLDER / f"{options.model.replace('/', '--')}.json").write_text(json.dumps(values, indent=2) + "\n")
        default = {**asdict(fitted), "usual_mean": None, "usual_deviation": None}
        (FOLDER / "default.json").write_text(json.dumps(default, indent=2) + "\n")


if __name__ == "__main__":
    main()
