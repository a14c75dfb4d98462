"""What `calibration.py` asks of which libraries, and how high the best hits score.

It knows no confidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder
from vidsearch.search.calibration import ScoreStatistics, library_scores
from vidsearch.search.timeline import Timeline

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

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
ONLY_ONE = "the only one"
SIZES = (50, 500, 5000)
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
    views: Float32
    """Other views of the development photographs, (photographs, dim)."""
    others: Photos
    usual: Float32
    nonsense: Float32
    weights_digest: str


@dataclass(frozen=True)
class Case:
    """The best hit of one query in one library."""

    kind: str
    """present, the only one, or one of KINDS."""
    photo: int
    """Number of the photograph that the query was written for, or of the nonsense."""
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


def another_view(image: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """A part of a picture, maybe mirrored, brighter or darker."""
    share = rng.uniform(0.4, 0.8) ** 0.5
    height, width = (round(side * share) for side in image.shape[:2])
    top, left = rng.integers(image.shape[0] - height + 1), rng.integers(image.shape[1] - width + 1)
    part = image[top : top + height, left : left + width, :: rng.choice([1, -1])]
    return np.asarray(np.clip(part * rng.uniform(0.6, 1.3), 0, 255), dtype=np.uint8)


def read(model: str, folder: Path, num_others: int, cache: Path | None) -> Data:
    """Embed the photographs and the captions, or take them from the cache."""
    embedder = load_embedder(model, device=choose_device())
    digest = embedder.space.weights_digest
    dev, train = (open_dataset(folder, kind="flickr8k-lines", split=split) for split in ("dev", "train"))
    assert isinstance(dev, RetrievalSet)
    assert isinstance(train, RetrievalSet)

    def photos(paths: Sequence[Path], rng: np.random.Generator | None = None) -> Float32:
        groups = []
        for start in range(0, len(paths), 64):
            images = [read_image(path) for path in paths[start : start + 64]]
            groups.append(
                embedder.embed_images(images if rng is None else [another_view(i, rng) for i in images])
            )
        return np.concatenate(groups)

    kept = np.load(cache) if cache is not None and cache.exists() else None
    if kept is None or str(kept["digest"]) != digest or "views" not in kept:
        by_photo: list[list[str]] = [[] for _ in dev.paths]
        for text, number in zip(dev.texts, dev.described, strict=True):
            by_photo[number].append(text)
        texts = [text for captions in by_photo for text in captions[:_CAPTIONS_PER_PHOTO]]
        kept = {
            "dev": photos(dev.paths),
            "captions": embedder.embed_texts(texts).reshape(len(dev.paths), _CAPTIONS_PER_PHOTO, -1),
            "views": photos(dev.paths, np.random.default_rng(0)),
            "others": photos(train.paths),
            "nonsense": embedder.embed_texts(NONSENSE),
        }
        if cache is not None:
            np.savez(cache, digest=digest, **kept)
    # In the order of the files, photographs of one photographer follow each other.
    shuffled = np.random.default_rng(0).permutation(len(kept["others"]))
    subjects = subjects_of(train, len(shuffled))
    return Data(
        dev=Photos(kept["dev"], subjects_of(dev, len(kept["dev"]))),
        captions=kept["captions"],
        views=kept["views"],
        others=Photos(kept["others"][shuffled[:num_others]], subjects[shuffled[:num_others]]),
        usual=kept["others"][shuffled[num_others:]],
        nonsense=kept["nonsense"],
        weights_digest=digest,
    )


def ask(photos: Float32, kind: str, numbers: np.ndarray, queries: Float32) -> Iterator[Case]:
    """Ask a library of one-frame videos. Queries are (photographs asked for, queries each, dim)."""
    ids = np.arange(len(photos))
    timeline = Timeline(ids, ids, np.zeros(len(ids)), photos)
    for number, group in zip(numbers.tolist(), queries, strict=True):
        for query in group:
            at_large, best = library_scores(query, timeline.sample), float((photos @ query).max())
            yield Case(kind, number, len(photos), query, at_large, best, timeline.num_distinct)


def draw_library(
    data: Data, half: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Photos]:
    """Numbers of development photographs of one half inside and outside, and others to fill up with."""
    numbers = rng.permutation(np.arange(half, len(data.captions), 2))
    inside, outside = numbers[: min(_QUERIES_PER_DRAW, size // 2)], numbers[-_QUERIES_PER_DRAW:]
    unasked = rng.permutation(np.arange(1 - half, len(data.captions), 2))
    learnt = rng.permutation(len(data.others.vectors))
    fill = Photos(
        np.concatenate([data.dev.vectors[unasked], data.others.vectors[learnt]]),
        np.concatenate([data.dev.subjects[unasked], data.others.subjects[learnt]]),
    )
    return inside, outside, fill


def word_cases(data: Data, half: int, size: int, rng: np.random.Generator) -> Iterator[Case]:
    """Ask libraries of `size` photographs, some of one half of the development set, by words."""
    inside, outside, fill = draw_library(data, half, size, rng)
    photos = np.concatenate([data.dev.vectors[inside], fill.vectors[: size - len(inside)]])
    yield from ask(photos, "present", inside, data.captions[inside])
    yield from ask(photos, "another photograph", outside, data.captions[outside])
    yield from ask(photos, "nonsense", np.arange(len(data.nonsense)), data.nonsense[:, None])
    numbers = np.concatenate([inside, outside])
    for subject in range(len(SUBJECTS)):
        asked = numbers[data.dev.subjects[numbers, subject]][:8]
        others = [n for n in inside if not data.dev.subjects[n, subject]]
        rest = fill.vectors[~fill.subjects[:, subject]][: size - len(others)]
        without = np.concatenate([data.dev.vectors[others], rest])
        # Of a photograph's captions, those that name the subject are about it; the first one mostly does.
        for case in ask(without, "another subject", asked, data.captions[asked, :1]):
            own = float(data.dev.vectors[case.photo] @ case.vector)
            yield replace(case, size=size)
            yield replace(case, size=size, kind=ONLY_ONE, best=max(case.best, own))


def picture_cases(data: Data, half: int, size: int, rng: np.random.Generator) -> Iterator[Case]:
    """Ask them by another view of a photograph."""
    inside, outside, fill = draw_library(data, half, size, rng)
    photos = np.concatenate([data.dev.vectors[inside], fill.vectors[: size - len(inside)]])
    yield from ask(photos, "present", inside, data.views[inside, None])
    yield from ask(photos, "another photograph", outside, data.views[outside, None])
