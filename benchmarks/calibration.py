"""Fit and measure a space's calibration: whether a library holds what is asked for.

    python benchmarks/calibration.py --data ../shared/data/flickr8k_224 [--model mini] [--write]

Data: Flickr8k (`calibration_cases.py`). The development photographs are parted in two halves: the first fits
the maps, the second measures them. (The photographs that a model was trained on would not do for either: it
knows their captions by heart, and would call itself surer than it has a right to be.) Libraries of 50, 500
and 5,000 frames, one photograph a video, are filled up with photographs of which nothing is asked: the other
half, and where that is too little training photographs. Those that fill no library are the usual pictures.

A query by a sentence is *present* where the photograph that it was written for is in the library, a query by
one or two words where two of the five captions of some photograph have them. Others are not:
- *another photograph*: a caption of one that is not there. A hard case, and not always a fair one: a library
  of 500 such photographs has some dog on some lawn, and its best hit may well satisfy who asked.
- *another subject*: words such as "horse", or a caption with them, and the library has no photograph with
  any word for it in any caption. Its twin is *the only one*: the photograph asked for put in.
- *another world*: what no caption of Flickr8k mentions.
- *nonsense*: what no picture shows.

Queries by picture are views of development photographs: a part of 40 to 80% of the area, half of them
mirrored, brighter or darker. They are present where the whole photograph is in the library.

Verdicts: a best hit is found from a confidence of FOUND on, and nothing below the confidence that all but
POSSIBLE_LOSS of the present queries of the fit reach; between them it is unsure. AUROC: how often a present
query's best hit is surer than an absent one's. Intervals: 95%, by drawing photographs and words again with
all that was asked of them. `--write` stores the maps beside `vidsearch/search/calibration.py`, and others
that know the library's own scores alone, as the default of other spaces; `--figure` draws the reliability.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import faiss
import numpy as np
from calibration_cases import (
    ANOTHER_PHOTOGRAPH,
    ANOTHER_SUBJECT,
    GROUPS,
    NONSENSE,
    ONLY_ONE,
    OTHER_WORLD,
    PRESENT,
    SIZES,
    Case,
    Data,
    picture_cases,
    read,
    sentence_cases,
    word_cases,
)

from vidsearch.search.calibration import (
    Calibration,
    ConfidenceMap,
    Reference,
    UsualPictures,
    path_of,
    to_json,
)

ABSENT = (ANOTHER_PHOTOGRAPH, ANOTHER_SUBJECT, OTHER_WORLD, NONSENSE)
FOUND = 0.6
"""Of hits as sure as this, three in five are right."""
POSSIBLE_LOSS = 0.03
NUM_DRAWS = 3
_NUM_CENTRES = 128
_NUM_RESAMPLES = 200


def shares(found: Sequence[Case]) -> np.ndarray:
    """Weights: each size counts alike, in it present and absent, and of the absent each kind.

    `ONLY_ONE` counts nothing.
    """
    kinds, sizes = kinds_and_sizes(found)
    absent = [kind for kind in ABSENT if (kinds == kind).any()]
    weights = np.zeros(len(kinds))
    for size in np.unique(sizes):
        for kind, share in ((PRESENT, 1.0), *((kind, 1 / len(absent)) for kind in absent)):
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


def fit(found: Sequence[Case], usual: UsualPictures | None) -> ConfidenceMap:
    """Fit a map on cases."""
    kinds, _ = kinds_and_sizes(found)
    labels = (kinds == PRESENT).astype(float)
    against = references(found, usual)
    heights = [reference.height(case.best) for case, reference in zip(found, against, strict=True)]
    rows = np.stack([np.ones(len(found)), heights, log_frames(found)], axis=1)
    if usual is not None:
        rows = np.column_stack([rows, [reference.usual_height for reference in against]])
    weights = [round(float(weight), 4) for weight in logistic(rows, labels, shares(found))]
    intercept, per_height, per_log_frames, per_usual_height = [*weights, 0.0][:4]
    fitted = ConfidenceMap(intercept, per_height, per_usual_height, per_log_frames, possible=0.0, found=FOUND)
    sure = confidences(found, fitted, usual)
    return replace(fitted, possible=round(float(np.quantile(sure[kinds == PRESENT], POSSIBLE_LOSS)), 3))


def usual_pictures(data: Data) -> UsualPictures:
    """Clusters of photographs that fill no library, by k-means (Lloyd)."""
    clustering = faiss.Kmeans(data.usual.shape[1], _NUM_CENTRES, niter=25, seed=0, min_points_per_centroid=1)
    clustering.train(data.usual)
    cosines = data.captions[::2, 0] @ data.usual.T
    return UsualPictures(np.asarray(clustering.centroids), round(float(cosines.std(axis=1).mean()), 4))


def references(found: Sequence[Case], usual: UsualPictures | None) -> list[Reference]:
    """What each query scores against usual pictures, or against its library."""
    if usual is None:
        return [Reference(case.in_library.mean, case.in_library.deviation) for case in found]
    return [usual.scores(case.vector) for case in found]


def log_frames(found: Sequence[Case]) -> np.ndarray:
    """Natural logarithms of the numbers of distinct frames."""
    return np.log([case.num_frames for case in found])


def kinds_and_sizes(found: Sequence[Case]) -> tuple[np.ndarray, np.ndarray]:
    """Each case's kind, and its library's size."""
    return np.asarray([case.kind for case in found]), np.asarray([case.size for case in found])


def confidences(found: Sequence[Case], fitted: ConfidenceMap, usual: UsualPictures | None) -> np.ndarray:
    """What a search says of each case's best hit."""
    log_odds = [
        fitted.log_odds(reference.height(case.best), reference.usual_height, case.num_frames)
        for case, reference in zip(found, references(found, usual), strict=True)
    ]
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds))))


def auroc(present: np.ndarray, absent: np.ndarray) -> float:
    """The share of pairs in which the present one is surer, ties counting half."""
    order = np.sort(absent)
    below = np.searchsorted(order, present, side="left") + np.searchsorted(order, present, side="right")
    return float(below.mean() / (2 * len(absent)))


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


def interval(
    statistic: Callable[[list[np.ndarray]], float],
    sure: np.ndarray,
    found: Sequence[Case],
    kinds: Sequence[str],
) -> str:
    """A statistic of the confidences of several kinds, with its interval over photographs."""
    groups = []
    for kind in kinds:
        by_photo: dict[int, list[float]] = {}
        for case, value in zip(found, sure.tolist(), strict=True):
            if case.kind == kind:
                by_photo.setdefault(case.about, []).append(value)
        groups.append([np.asarray(values) for values in by_photo.values()])
    rng = np.random.default_rng(0)
    drawn = [
        statistic(
            [
                np.concatenate([group[i] for i in rng.integers(len(group), size=len(group))])
                for group in groups
            ]
        )
        for _ in range(_NUM_RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{statistic([np.concatenate(group) for group in groups]):.2f} [{low:.2f}, {high:.2f}]"


def mean_auroc(groups: list[np.ndarray]) -> float:
    """Of the first group, the present queries, against each of the others."""
    return float(np.mean([auroc(groups[0], absent) for absent in groups[1:]]))


def reachable(data: Data, size: int) -> float:
    """What AUROC against another photograph's captions could be, if a query's usual best hit were known.

    Say U is the share of libraries without the photograph whose best hit is below the one seen: uniform for
    absent queries. Of a present query it is the larger of such a U and of V, the share of libraries whose
    best hit is below its own photograph. Then AUROC is P(max(U, V) > U') = (1 + E[V^2]) / 2. V follows from
    how many of all the development photographs stand above the query's own.
    """
    num_photos, num_captions, dim = data.captions.shape
    cosines = data.captions.reshape(-1, dim) @ data.dev.vectors.T
    own = np.repeat(np.arange(num_photos), num_captions)
    above = (cosines > cosines[np.arange(len(own)), own][:, None]).sum(axis=1)
    others, drawn = num_photos - 1, size - 1
    below = [math.comb(others - n, drawn) / math.comb(others, drawn) for n in range(int(above.max()) + 1)]
    return float((1 + np.square(np.asarray(below)[above]).mean()) / 2)


def draws(
    make: Callable[[Data, int, int, np.random.Generator], Iterator[Case]],
    data: Data,
    half: int,
    sizes: Sequence[int],
    seed: int,
) -> list[Case]:
    """The cases that fit, or measure, some sizes."""
    rng = np.random.default_rng(seed)
    return [case for size in sizes for _ in range(NUM_DRAWS) for case in make(data, half, size, rng)]


def measure(
    name: str,
    found: Sequence[Case],
    fitted: ConfidenceMap,
    usual: UsualPictures | None,
) -> dict[str, list[tuple[float, float, float]]]:
    """Print the figures of queries of one kind. Returns their reliability by size."""
    curves = {}
    kinds, sizes = kinds_and_sizes(found)
    sure = confidences(found, fitted, usual)
    print(f"{name}: found from {fitted.found}, nothing below {fitted.possible}")
    print("| frames | asked | found | unsure | nothing | AUROC |\n|---|---|---|---|---|---|")
    for size in np.unique(sizes):
        of_size = sizes == size
        present = sure[of_size & (kinds == PRESENT)]
        for kind in (PRESENT, *ABSENT):
            chosen = of_size & (kinds == kind)
            if not chosen.any():
                continue
            values = sure[chosen]
            shares_ = (
                (values >= fitted.found).mean(),
                ((values < fitted.found) & (values >= fitted.possible)).mean(),
                (values < fitted.possible).mean(),
            )
            area = "" if kind == PRESENT else f"{auroc(present, values):.2f}"
            cells = " | ".join(f"{share:.0%}" for share in shares_)
            print(f"| {size:,} | {kind} ({len(values)}) | {cells} | {area} |")
        cases = [case for case, is_in in zip(found, of_size, strict=True) if is_in]
        there = [kind for kind in ABSENT if (kinds[of_size] == kind).any()]
        bins = reliability(sure[of_size], (kinds[of_size] == PRESENT).astype(float), shares(cases))
        error = sum(share * abs(said - right) for said, right, share in bins)
        together = interval(mean_auroc, sure[of_size], cases, (PRESENT, *there))
        print(f"  {size:,} frames: AUROC of all kinds {together}, calibration error {error:.2f}")
        if (kinds[of_size] == ONLY_ONE).any():
            only = interval(mean_auroc, sure[of_size], cases, (ONLY_ONE, ANOTHER_SUBJECT))
            print(f"  with the only one of its subject, against the same library without: {only}")
        curves[f"{size:,} frames"] = bins
    return curves


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
    sizes = [size for size in SIZES if size <= len(data.others.vectors)]
    ways = (("words", word_cases), ("sentence", sentence_cases), ("pictures", picture_cases))
    to_fit, to_report = (
        {name: draws(make, data, half, sizes, seed=half) for name, make in ways} for half in (0, 1)
    )
    own, default = (
        Calibration(**{name: fit(to_fit[name], usual) for name, _ in ways}, usual=usual)
        for usual in (usual_pictures(data), None)
    )
    for name, calibration in ((options.model, own), ("default", default)):
        for asked in ("words", "sentence", "pictures"):
            fitted = calibration.map_for(asked)
            curves = measure(f"{name}, by {asked}", to_report[asked], fitted, calibration.usual)
            if calibration is own and asked == "sentence" and options.figure is not None:
                draw(curves, options.figure)
    for size in sizes:
        if size < len(data.captions):
            area = reachable(data, size)
            print(f"against another photograph, reachable by the best hit of {size}: {area:.2f}")
    even, odd = (partial(word_cases, groups=range(first, len(GROUPS), 2)) for first in (0, 1))
    on_even = fit(draws(even, data, 0, sizes, seed=0), own.usual)
    measure(
        "by words that did not fit the map either", draws(odd, data, 1, sizes, seed=1), on_even, own.usual
    )
    if options.write:
        for path, calibration, digest in (
            (path_of(options.model), own, data.weights_digest),
            (path_of("default"), default, ""),
        ):
            path.write_text(json.dumps(to_json(calibration, digest), indent=2) + "\n")


if __name__ == "__main__":
    main()
