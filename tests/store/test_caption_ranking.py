"""The ranking by captions is that of all captions, though few of them are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.store.examples import axis, put, record, write_file
from vidsearch.store import caption_ranking, ids
from vidsearch.store.library import Library
from vidsearch.types import Caption, CaptionOrigin

WORDS = ("dog", "man", "red", "car", "sea", "sky", "boat", "hat", "bird", "cup")
"""The first one is in most captions, the last in few."""
NUM_FRAMES = 300


def random_captions() -> list[str]:
    rng = np.random.default_rng(0)
    shares = 0.7 / np.arange(1, len(WORDS) + 1)
    return [
        " ".join(word for word, share in zip(WORDS, shares, strict=True) if rng.random() < share)
        for _ in range(NUM_FRAMES)
    ]


CAPTIONS = random_captions()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("captions")
    path = write_file(folder / "a.mp4", "a")
    with Library.open(folder / "library", create=True) as library:
        put(library, path, [record(float(i), axis(i), text or None) for i, text in enumerate(CAPTIONS)])
        yield library


def by_reading_all(words: Sequence[str], k: int, among: Sequence[int]) -> tuple[list[int], list[float]]:
    """BM25 without a length term, of every caption."""
    in_all = {word: sum(word in caption.split() for caption in CAPTIONS) for word in words}
    scores = {}
    for frame_id in among:
        caption = CAPTIONS[frame_id - 1].split()
        found = [in_all[word] for word in words if word in caption]
        if found:
            scores[frame_id] = round(sum(math.log1p((NUM_FRAMES - n + 0.5) / (n + 0.5)) for n in found), 5)
    best = sorted(scores, key=lambda frame_id: (-scores[frame_id], frame_id))[:k]
    return best, [scores[frame_id] for frame_id in best]


@pytest.mark.parametrize(
    "words",
    [
        ("dog",),
        ("cup", "dog"),
        ("man", "dog", "red"),
        ("sea", "hat", "bird", "cup"),
        ("dog", "man", "red", "car", "cup"),
        WORDS,
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("k", [1, 7, 60, 1000])
@pytest.mark.parametrize("step", [None, 1, 3, 40])
def test_the_best_are_those_that_reading_all_captions_finds(
    library: Library, words: Sequence[str], k: int, step: int | None
):
    among = None if step is None else np.arange(2, NUM_FRAMES, step)
    frame_ids, scores = library.caption_scores(" ".join(words), k, among=among)
    every = range(1, NUM_FRAMES + 1) if among is None else among.tolist()
    expected_ids, expected_scores = by_reading_all(words, k, every)
    assert frame_ids.tolist() == expected_ids
    assert scores.tolist() == pytest.approx(expected_scores, abs=1e-4)


def test_words_as_common_as_each_other_rank_by_frame(tmp_path: Path):
    """Whichever of them is looked for first."""
    path = write_file(tmp_path / "a.mp4", "a")
    texts = [*["a dog"] * 6, *["a man"] * 6, "a man with a dog"]
    with Library.open(tmp_path / "library", create=True) as library:
        put(library, path, [record(float(i), axis(i), text) for i, text in enumerate(texts)])
        for words in ("man dog", "dog man"):
            assert [match.frame_id for match in library.caption_matches(words, 3)] == [13, 1, 2]
        among = np.array([6, 13])
        assert [match.frame_id for match in library.caption_matches("dog", 9, among=among)] == [6, 13]
        assert library.caption_matches("dog", 9, among=among[:0]) == []


def test_of_many_captions_few_are_read(library: Library, monkeypatch: pytest.MonkeyPatch):
    read = []
    select = ids.selected_ids

    def counted(*arguments):
        found = select(*arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr(caption_ranking, "selected_ids", counted)
    assert len(library.caption_scores("dog man", 5)[0]) == 5
    assert read == [5]


def test_words_that_mean_the_same_to_the_index_rank_alike(library: Library):
    """Stems, prefixes, quotes, and a word said twice."""
    plain = library.caption_scores("dog boat", 20)
    for words in ("dogs boats", "do* boa*", '"dog" "boat"', "the dog on a boat", "dog boat dog"):
        assert [found.tolist() for found in library.caption_scores(words, 20)] == [
            found.tolist() for found in plain
        ]


def test_words_that_no_caption_has_change_nothing(library: Library):
    for words in ("zebra", "", '"', "dog" * 1000):
        assert library.caption_scores(words, 5)[0].tolist() == []
    assert library.caption_scores("zebra cup", 5)[0].tolist() == library.caption_scores("cup", 5)[0].tolist()


def test_the_frames_whose_caption_a_person_wrote(tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    with Library.open(tmp_path / "library", create=True) as library:
        put(library, path, [record(float(i), axis(i), "a dog") for i in range(4)])
        library.set_caption(3, Caption("Rex", "Rex", origin=CaptionOrigin.HUMAN))
        library.set_caption(3, Caption("a dog", "a dog"))
        assert library.corrected_frames(np.array([4, 3, 1])).tolist() == [3]
        assert library.corrected_frames(np.array([4, 1])).tolist() == []
