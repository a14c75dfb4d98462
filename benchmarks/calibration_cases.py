"""What `calibration.py` asks of which libraries, and how high the best hits score."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from calibration_queries import NONSENSE_SENTENCES, NONSENSE_WORDS, OTHER_SENTENCES, OTHER_WORDS, WORDS

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder
from vidsearch.search.calibration import ScoreStatistics, library_scores
from vidsearch.search.timeline import Timeline

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

PRESENT = "present"
ONLY_ONE = "the only one"
ANOTHER_PHOTOGRAPH, ANOTHER_SUBJECT = "another photograph", "another subject"
OTHER_WORLD, NONSENSE = "another world", "nonsense"
SIZES = (50, 500, 5000)
_QUERIES_PER_DRAW = 200
_CAPTIONS_PER_PHOTO = 3
_NUM_NAMING = 2
"""A photograph is one of a word where this many of its five captions have it."""
_LEAST_SHARE = 0.8
"""Of a library without a subject: the share of the wanted size that must be there."""
GROUPS = tuple(tuple(word.strip() for word in words.split(",")) for words, _ in WORDS)
ALL_WORDS = tuple(word for words in GROUPS for word in words)
GROUP_OF = tuple(number for number, words in enumerate(GROUPS) for _ in words)


@dataclass(frozen=True)
class Photos:
    """Photographs in one space, and what their captions name."""

    vectors: Float32
    mentions: np.ndarray
    """Whether any caption has a word of a group: (photographs, GROUPS)."""
    shows: np.ndarray
    """Whether several captions have a word: (photographs, ALL_WORDS)."""

    def __getitem__(self, chosen: np.ndarray) -> Photos:
        return Photos(self.vectors[chosen], self.mentions[chosen], self.shows[chosen])


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
    words: Float32
    other_words: Float32
    nonsense_words: Float32
    other_sentences: Float32
    nonsense_sentences: Float32
    weights_digest: str


@dataclass(frozen=True)
class Case:
    """The best hit of one query in one library."""

    kind: str
    about: int
    """Number of the photograph or of the words that were asked for: intervals draw these."""
    size: int
    vector: Float32
    """The query's."""
    in_library: ScoreStatistics
    """What the query scores against the library at large."""
    best: float
    num_frames: float


def named(dataset: RetrievalSet, num_photos: int) -> tuple[np.ndarray, np.ndarray]:
    """Which photographs mention which groups of words, and show which words."""
    words = [_pattern([word]) for word in ALL_WORDS]
    groups = [_pattern([*own, *more.split()]) for own, (_, more) in zip(GROUPS, WORDS, strict=True)]
    mentions = np.zeros((num_photos, len(groups)), dtype=bool)
    counts = np.zeros((num_photos, len(words)), dtype=int)
    for text, number in zip(dataset.texts, dataset.described, strict=True):
        if number < num_photos:
            mentions[number] |= [pattern.search(text) is not None for pattern in groups]
            counts[number] += [pattern.search(text) is not None for pattern in words]
    return mentions, counts >= _NUM_NAMING


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


def another_view(image: UInt8Image, rng: np.random.Generator) -> UInt8Image:
    """A part of a picture, maybe mirrored, brighter or darker."""
    share = rng.uniform(0.4, 0.8) ** 0.5
    height, width = (round(side * share) for side in image.shape[:2])
    top, left = rng.integers(image.shape[0] - height + 1), rng.integers(image.shape[1] - width + 1)
    part = image[top : top + height, left : left + width, :: rng.choice([1, -1])]
    return np.asarray(np.clip(part * rng.uniform(0.6, 1.3), 0, 255), dtype=np.uint8)


def read(model: str, folder: Path, num_others: int, cache: Path | None) -> Data:
    """Embed the photographs, or take them from the cache; embed what is asked."""
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
    if kept is None or str(kept["digest"]) != digest:
        kept = {
            "dev": photos(dev.paths),
            "views": photos(dev.paths, np.random.default_rng(0)),
            "others": photos(train.paths),
        }
        if cache is not None:
            np.savez(cache, digest=digest, **kept)
    by_photo: list[list[str]] = [[] for _ in dev.paths]
    for text, number in zip(dev.texts, dev.described, strict=True):
        by_photo[number].append(text)
    texts = [text for captions in by_photo for text in captions[:_CAPTIONS_PER_PHOTO]]
    # In the order of the files, photographs of one photographer follow each other.
    shuffled = np.random.default_rng(0).permutation(len(kept["others"]))
    others = Photos(kept["others"], *named(train, len(shuffled)))[shuffled]
    return Data(
        dev=Photos(kept["dev"], *named(dev, len(kept["dev"]))),
        captions=embedder.embed_texts(texts).reshape(len(dev.paths), _CAPTIONS_PER_PHOTO, -1),
        views=kept["views"],
        others=others[np.arange(num_others)],
        usual=others.vectors[num_others:],
        words=embedder.embed_texts(ALL_WORDS),
        other_words=embedder.embed_texts(OTHER_WORDS),
        nonsense_words=embedder.embed_texts(NONSENSE_WORDS),
        other_sentences=embedder.embed_texts(OTHER_SENTENCES),
        nonsense_sentences=embedder.embed_texts(NONSENSE_SENTENCES),
        weights_digest=digest,
    )


def ask(photos: Float32, kind: str, about: Sequence[int] | np.ndarray, queries: Float32) -> Iterator[Case]:
    """Ask a library of one-frame videos. Queries are (things asked about, queries each, dim)."""
    ids = np.arange(len(photos))
    timeline = Timeline(ids, ids, np.zeros(len(ids)), photos)
    for number, group in zip(about, queries, strict=True):
        for query in group:
            at_large, best = library_scores(query, timeline.sample), float((photos @ query).max())
            yield Case(kind, int(number), len(photos), query, at_large, best, timeline.num_distinct)


def draw_library(
    data: Data, half: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Photos]:
    """A library: numbers of the development photographs of one half inside and outside, and the whole of it.

    Those inside come first; the rest is the other half, and training photographs.
    """
    numbers = rng.permutation(np.arange(half, len(data.captions), 2))
    inside, outside = numbers[: min(_QUERIES_PER_DRAW, size // 2)], numbers[-_QUERIES_PER_DRAW:]
    unasked = rng.permutation(np.arange(1 - half, len(data.captions), 2))
    learnt = rng.permutation(len(data.others.vectors))
    library = joined([data.dev[inside], data.dev[unasked], data.others[learnt]])
    return inside, outside, library


def joined(parts: Sequence[Photos]) -> Photos:
    """Photographs one after the other."""
    columns = ("vectors", "mentions", "shows")
    return Photos(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


def _half_of(rows: Float32, half: int) -> tuple[list[int], Float32]:
    chosen = list(range(half, len(rows), 2))
    return chosen, rows[chosen][:, None]


def sentence_cases(data: Data, half: int, size: int, rng: np.random.Generator) -> Iterator[Case]:
    """Ask libraries of `size` photographs, some of one half of the development set, by sentences."""
    inside, outside, library = draw_library(data, half, size, rng)
    photos = library.vectors[:size]
    yield from ask(photos, PRESENT, inside, data.captions[inside])
    yield from ask(photos, ANOTHER_PHOTOGRAPH, outside, data.captions[outside])
    yield from ask(photos, OTHER_WORLD, *_half_of(data.other_sentences, half))
    yield from ask(photos, NONSENSE, *_half_of(data.nonsense_sentences, half))
    numbers = np.concatenate([inside, outside])
    for group in range(len(GROUPS)):
        without = library.vectors[~library.mentions[:, group]][:size]
        shown = data.dev.shows[:, [at for at, of in enumerate(GROUP_OF) if of == group]].any(axis=1)
        asked = numbers[np.isin(numbers, np.flatnonzero(shown))][:4]
        if len(without) < _LEAST_SHARE * size:
            continue
        # Of a photograph's captions, those that name the subject are about it; the first one mostly does.
        for case in ask(without, ANOTHER_SUBJECT, asked, data.captions[asked, :1]):
            own = float(data.dev.vectors[case.about] @ case.vector)
            yield replace(case, size=size)
            yield replace(case, size=size, kind=ONLY_ONE, best=max(case.best, own))


def word_cases(
    data: Data, half: int, size: int, rng: np.random.Generator, *, groups: Sequence[int] | None = None
) -> Iterator[Case]:
    """Ask them by words, of all groups or of some."""
    library = joined(
        [
            data.dev[rng.permutation(np.arange(half, len(data.captions), 2))],
            data.others[rng.permutation(len(data.others.vectors))],
        ]
    )
    inside = library[np.arange(size)]
    for group in range(len(GROUPS)) if groups is None else groups:
        asked = [at for at, of in enumerate(GROUP_OF) if of == group]
        shown = [at for at in asked if inside.shows[:, at].any()]
        yield from ask(inside.vectors, PRESENT, shown, data.words[shown][:, None])
        without = library.vectors[~library.mentions[:, group]][:size]
        if len(without) >= _LEAST_SHARE * size:
            for case in ask(without, ANOTHER_SUBJECT, asked, data.words[asked][:, None]):
                yield replace(case, size=size)
    yield from ask(inside.vectors, OTHER_WORLD, *_half_of(data.other_words, half))
    yield from ask(inside.vectors, NONSENSE, *_half_of(data.nonsense_words, half))


def picture_cases(data: Data, half: int, size: int, rng: np.random.Generator) -> Iterator[Case]:
    """Ask them by another view of a photograph."""
    inside, outside, library = draw_library(data, half, size, rng)
    photos = library.vectors[:size]
    yield from ask(photos, PRESENT, inside, data.views[inside, None])
    yield from ask(photos, ANOTHER_PHOTOGRAPH, outside, data.views[outside, None])
