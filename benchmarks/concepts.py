"""What five examples of a thing are worth against its name alone.

    python benchmarks/concepts.py --data ../shared/data/flickr8k_224 [--videos ../shared/videos] [--choose]

Photographs: the development split of Flickr8k, which no model here was trained on. A *thing* is a word of a
group in `calibration_queries.py`; a photograph shows it where two of its five captions have the word. Things
of even groups are for `--choose` (shrinkage, the weight of words, the map of confidences), on one half of the
photographs; the figures are of odd groups, on all of them. So no thing that is reported was used to choose
anything. A thing needs ten photographs.

Each thing is taught by five photographs drawn at random, ten times over, and looked for in all others: the
share of right ones among the ten best (R@10, of ten or as many as there are), and average precision (AP). The
name alone ranks the same photographs. Intervals: 95%, by drawing the things again 10,000 times.

`--videos`: each video is a thing that has no name. Five frames of it that lie apart are examples; the others,
two seconds away at least from each example, are looked for among the frames of all videos. Its name alone is
what a person would type, from `_VIDEO_NAMES`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibration_queries import WORDS

from vidsearch.concepts import head as heads
from vidsearch.concepts.head import HeadMaker
from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder

NUM_EXAMPLES = 5
NUM_DRAWS = 10
_NUM_NAMING = 2
_LEAST_PHOTOGRAPHS = 10
_VIDEO_NAMES = {
    "bottle-detection.mp4": "water bottles",
    "car-detection.mp4": "cars in a parking lot",
    "cockatoo.mp4": "a cockatoo",
    "dog_eating_854132.mp4": "a white puppy",
    "media_big_buck_bunny_0_30.webm": "an animated rabbit",
    "media_chaplin.mp4": "two men in hats",
    "nasa_13013.mp4": "a technician in a clean room suit",
    "one-by-one-person-detection.mp4": "a person crossing a room",
}


@dataclass(frozen=True)
class Thing:
    """What is taught, and which pictures show it."""

    name: str
    group: int
    shows: np.ndarray
    """bool (pictures,)"""
    mentions: np.ndarray
    """Whether any caption has it, or a word like it: bool (pictures,)."""


def things_in(dataset: RetrievalSet, num_photos: int) -> list[Thing]:
    """Each word of each group that enough photographs show."""
    found = []
    for group, (words, more) in enumerate(WORDS):
        like = [*(each.strip() for each in words.split(",")), *more.split()]
        likes = re.compile(rf"\b({'|'.join(map(re.escape, like))})\b", re.IGNORECASE)
        mentions = np.zeros(num_photos, dtype=bool)
        for text, number in zip(dataset.texts, dataset.described, strict=True):
            mentions[number] |= likes.search(text) is not None
        for word in (each.strip() for each in words.split(",")):
            pattern = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
            counts = np.zeros(num_photos, dtype=int)
            for text, number in zip(dataset.texts, dataset.described, strict=True):
                counts[number] += pattern.search(text) is not None
            found.append(Thing(word, group, counts >= _NUM_NAMING, mentions))
    return found


def measures(scores: np.ndarray, is_right: np.ndarray) -> tuple[float, float]:
    """R@10 and average precision of a ranking."""
    right = is_right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return right[:10].sum() / min(10, right.sum()), float(precision[right].mean())


def taught(
    thing: Thing, vectors: np.ndarray, word: np.ndarray, maker: HeadMaker, num_examples: int, num_draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (R@10, AP) by examples, and by the name alone on the same pictures."""
    by_examples, by_name = [], []
    nothing = np.empty((0, vectors.shape[1]), np.float32)
    for draw in range(num_draws):
        rng = np.random.default_rng([draw, *thing.name.encode()])
        chosen = rng.choice(np.flatnonzero(thing.shows), num_examples, replace=False)
        rest = np.setdiff1d(np.arange(len(vectors)), chosen)
        direction = maker.head(vectors[chosen], nothing, word).direction
        by_examples.append(measures(vectors[rest] @ direction, thing.shows[rest]))
        by_name.append(measures(vectors[rest] @ word, thing.shows[rest]))
    return np.mean(by_examples, axis=0), np.mean(by_name, axis=0)


def interval(gains: np.ndarray) -> str:
    """A mean, and its 95% interval by drawing things again."""
    rng = np.random.default_rng(0)
    means = gains[rng.integers(0, len(gains), (10_000, len(gains)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{gains.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def report(
    things: Sequence[Thing], vectors: np.ndarray, words: np.ndarray, num_examples: int, *, lists: bool
) -> None:
    """Print what examples are worth."""
    maker = HeadMaker(vectors)
    pairs = [
        taught(thing, vectors, word, maker, num_examples, NUM_DRAWS)
        for thing, word in zip(things, words, strict=True)
    ]
    taught_by, named = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    print(f"{len(things)} things, {num_examples} examples each")
    for column, measure in enumerate(("R@10", "AP")):
        print(
            f"  {measure}: name {named[:, column].mean():.3f}, examples {taught_by[:, column].mean():.3f}, "
            f"gain {interval(taught_by[:, column] - named[:, column])}, "
            f"better for {int((taught_by[:, column] > named[:, column]).sum())}"
        )
    for thing, own, other in zip(things, taught_by, named, strict=True):
        if lists:
            print(f"    {thing.name} ({int(thing.shows.sum())}): AP {other[1]:.2f} -> {own[1]:.2f}")


def fit_confidence(
    things: Sequence[Thing], vectors: np.ndarray, words: np.ndarray, num_examples: int
) -> np.ndarray:
    """Fit whether the best hit is right: intercept, per height, per height left out, per log frames.

    Half of the libraries hold the thing, half do not; they have 50 to all photographs.
    """
    rows, labels = [], []
    nothing = np.empty((0, vectors.shape[1]), np.float32)
    for thing, word in zip(things, words, strict=True):
        for draw in range(4 * NUM_DRAWS):
            rng = np.random.default_rng([draw, 7, *thing.name.encode()])
            right = rng.permutation(np.flatnonzero(thing.shows))
            others = rng.permutation(np.flatnonzero(~thing.mentions))
            size = int(rng.choice([50, 150, len(others)]))
            others = others[:size]
            left = right[num_examples : num_examples + max(1, min(len(right), size // 25))]
            is_there = bool(draw % 2) and len(left) > 0
            library = vectors[np.concatenate([others, left]) if is_there else others]
            head = HeadMaker(library).head(vectors[right[:num_examples]], nothing, word)
            scores = library @ head.direction
            best = int(np.argmax(scores))
            height = (scores[best] - scores.mean()) / max(float(scores.std()), 1e-3)
            rows.append([1.0, height, head.height_left_out or 0.0, np.log(len(library))])
            labels.append(best >= len(others))
    table, is_right = np.array(rows), np.array(labels, dtype=float)
    used = [0, 1, 3] if num_examples == 1 else [0, 1, 2, 3]
    weights = _logistic(table[:, used], is_right)
    sure = 1 / (1 + np.exp(-table[:, used] @ weights))
    possible = float(np.quantile(sure[is_right == 1], 0.03))
    brier = float(np.mean((sure - is_right) ** 2))
    print(
        f"confidence, {num_examples} examples: {dict(zip(used, weights.round(3).tolist(), strict=True))}, "
        f"possible {possible:.3f}, Brier {brier:.3f} (always the mean: {float(is_right.var()):.3f})"
    )
    return weights


def _logistic(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    found = np.zeros(rows.shape[1])
    for _ in range(40):
        sure = 1 / (1 + np.exp(-rows @ found))
        curve = (rows * (sure * (1 - sure))[:, None]).T @ rows + 1e-2 * np.eye(len(found))
        found = found + np.linalg.solve(curve, rows.T @ (labels - sure) - 1e-2 * found)
    return found


def choose(things: Sequence[Thing], vectors: np.ndarray, words: np.ndarray) -> None:
    """Print what each shrinkage and weight of words gives on things that are not reported."""
    for shrinkage in (1.0, 10.0, 30.0, 100.0):
        for weight in (0.0, 1.0, 2.0, 3.0):
            heads.SHRINKAGE, heads.WORDS_WEIGHT = shrinkage, weight
            maker = HeadMaker(vectors)
            found = [
                taught(t, vectors, w, maker, NUM_EXAMPLES, 4)[0] for t, w in zip(things, words, strict=True)
            ]
            strange = np.roll(words, 1, axis=0)
            other = [
                taught(t, vectors, w, maker, NUM_EXAMPLES, 4)[0] for t, w in zip(things, strange, strict=True)
            ]
            print(
                f"shrinkage {shrinkage:g}, words {weight:g}: AP {np.mean(found, axis=0)[1]:.3f}; "
                f"by a wrong name {np.mean(other, axis=0)[1]:.3f}"
            )
    heads.SHRINKAGE, heads.WORDS_WEIGHT = 30.0, 2.0


def report_videos(folder: Path, embedder: object) -> None:
    """Print what five frames of a video are worth against what a person would type."""
    from vidsearch.media.decode import frames
    from vidsearch.types import SamplingPlan

    vectors, video_of, times = [], [], []
    for number, name in enumerate(_VIDEO_NAMES):
        for frame in frames(folder / name, SamplingPlan()):
            vectors.append(embedder.embed_images([frame.image])[0])  # type: ignore[attr-defined]
            video_of.append(number)
            times.append(frame.time_seconds)
    rows, videos, at = np.array(vectors), np.array(video_of), np.array(times)
    words = embedder.embed_texts(list(_VIDEO_NAMES.values()))  # type: ignore[attr-defined]
    maker = HeadMaker(rows)
    gains = []
    for number, name in enumerate(_VIDEO_NAMES):
        own = np.flatnonzero(videos == number)
        chosen = own[np.linspace(0, len(own) - 1, NUM_EXAMPLES + 2).astype(int)[1:-1]]
        near = (videos == number) & (np.abs(at[:, None] - at[chosen][None]).min(axis=1) < 2.0)
        rest = np.flatnonzero(~near)
        direction = maker.head(
            rows[chosen], np.empty((0, rows.shape[1]), np.float32), words[number]
        ).direction
        by_examples = measures(rows[rest] @ direction, videos[rest] == number)
        by_name = measures(rows[rest] @ words[number], videos[rest] == number)
        gains.append(np.subtract(by_examples, by_name))
        print(f"    {name}: AP {by_name[1]:.2f} -> {by_examples[1]:.2f}", end=", ")
        print(f"R@10 {by_name[0]:.2f} -> {by_examples[0]:.2f}")
    print(f"  videos: AP gain {interval(np.array(gains)[:, 1])}, R@10 gain {interval(np.array(gains)[:, 0])}")


def main() -> None:
    """Read the options, then choose or report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--cache", type=Path, help="where the photographs' vectors are kept")
    options = parser.parse_args()
    dataset = open_dataset(options.data, kind="flickr8k-lines", split="dev")
    assert isinstance(dataset, RetrievalSet)
    embedder = load_embedder(options.model, device=choose_device())
    if options.cache and options.cache.exists():
        vectors = np.load(options.cache)
    else:
        vectors = np.concatenate([embedder.embed_images([read_image(path)]) for path in dataset.paths])
        if options.cache:
            np.save(options.cache, vectors)
    things = things_in(dataset, len(vectors))
    if options.choose:
        half = np.sort(np.random.default_rng(0).permutation(len(vectors))[: len(vectors) // 2])
        own = [Thing(t.name, t.group, t.shows[half], t.mentions[half]) for t in things if t.group % 2 == 0]
        own = [thing for thing in own if thing.shows.sum() >= _LEAST_PHOTOGRAPHS]
        words = embedder.embed_texts([thing.name for thing in own])
        choose(own, vectors[half], words)
        for num_examples in (1, NUM_EXAMPLES):
            fit_confidence(own, vectors[half], words, num_examples)
        return
    reported = [t for t in things if t.group % 2 and t.shows.sum() >= _LEAST_PHOTOGRAPHS]
    words = embedder.embed_texts([thing.name for thing in reported])
    for num_examples in (1, NUM_EXAMPLES):
        report(reported, vectors, words, num_examples, lists=num_examples == NUM_EXAMPLES)
    if options.videos:
        report_videos(options.videos, embedder)


if __name__ == "__main__":
    main()
