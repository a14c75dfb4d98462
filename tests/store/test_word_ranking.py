"""The ranking by captions is that of all captions, though few of them are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.store.examples import axis, four_frames, put, record, write_file
from vidsearch.store.ids import selected_ids
from vidsearch.store.store import Store
from vidsearch.store.word_ranking import best_scores
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec, WordKind
from vidsearch.types import FrameFilter

WORDS = ("dog", "man", "red", "car", "sea", "sky", "boat", "hat", "bird", "cup")
"""The first one is in most captions, the last in few."""
NUM_CAPTIONS = 300
MODEL, HUMAN, SUBTITLE = WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle")


def random_captions() -> list[str]:
    rng = np.random.default_rng(0)
    shares = 0.7 / np.arange(1, len(WORDS) + 1)
    captions: list[str] = []
    while len(captions) < NUM_CAPTIONS:
        caption = " ".join(word for word, share in zip(WORDS, shares, strict=True) if rng.random() < share)
        captions += [caption] if caption else []
    return captions


CAPTIONS = random_captions()


@pytest.fixture(scope="module", params=["folder", "server"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("captions")
    path = write_file(folder / "a.mp4", "a")
    place = str(folder / "library")
    if request.param == "server":
        place = f"{request.getfixturevalue('postgres_server')}?schema=captions"
    with Store.open(place, create=True) as library:
        video = put(library, path, [record(0.0, axis(0))])
        put_captions(library, video.id, CAPTIONS)
        yield library


def put_captions(library: Store, video_id: int, texts: Sequence[str]) -> None:
    """Give a video a caption each second, alike or not."""
    segments = [SegmentRecord(float(i), i + 1.0, text) for i, text in enumerate(texts)]
    library.put_track(video_id, TrackSpec("caption", "captioner"), segments)


def caption_ids(library: Store) -> np.ndarray:
    """The ids of the model's captions of the first video, by time."""
    (track,) = (t for t in library.tracks(1) if t.kind == "caption" and not t.is_human)
    return np.array([segment.id for segment in library.segments(track.id)])


def scores_of(
    library: Store, words: str, k: int, places: np.ndarray | None = None
) -> tuple[list[int], list[float]]:
    """Which captions, counted from 0, are best, of all or of those at some places; and their scores."""
    every = caption_ids(library)
    if places is None:
        found, scores, _ = library.match_scores(words, k, kinds=[MODEL])
    else:
        with library._catalog.read() as connection:
            found, scores, _ = best_scores(connection, words, k, kinds=[MODEL], among={MODEL: every[places]})
    return np.searchsorted(every, found).tolist(), scores.tolist()


def by_reading_all(words: Sequence[str], k: int, among: Sequence[int]) -> tuple[list[int], list[float]]:
    """BM25 without a length term, of every caption."""
    in_all = {word: sum(word in caption.split() for caption in CAPTIONS) for word in words}
    scores = {}
    for place in among:
        caption = CAPTIONS[place].split()
        found = [in_all[word] for word in words if word in caption]
        if found:
            scores[place] = round(sum(math.log1p((NUM_CAPTIONS - n + 0.5) / (n + 0.5)) for n in found), 5)
    best = sorted(scores, key=lambda place: (-scores[place], place))[:k]
    return best, [scores[place] for place in best]


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
    library: Store, words: Sequence[str], k: int, step: int | None
):
    among = None if step is None else np.arange(1, NUM_CAPTIONS, step)
    found, scores = scores_of(library, " ".join(words), k, among)
    every = range(NUM_CAPTIONS) if among is None else among.tolist()
    expected, expected_scores = by_reading_all(words, k, every)
    assert found == expected
    assert scores == pytest.approx(expected_scores, abs=1e-4)


def test_words_as_common_as_each_other_rank_by_segment(tmp_path: Path, place: str):
    """Whichever of them is looked for first."""
    path = write_file(tmp_path / "a.mp4", "a")
    texts = [*["a dog"] * 6, *["a man"] * 6, "a man with a dog"]
    with Store.open(place, create=True) as library:
        video = put(library, path, [record(0.0, axis(0))])
        put_captions(library, video.id, texts)
        for words in ("man dog", "dog man"):
            assert [match.start_seconds for match in library.match(words, 3, kinds=[MODEL])] == [
                12.0,
                0.0,
                1.0,
            ]
        assert scores_of(library, "dog", 9, np.array([5, 12]))[0] == [5, 12]
        assert scores_of(library, "dog", 9, np.array([], dtype=np.int64)) == ([], [])
        where = FrameFilter(after_seconds=5.0, before_seconds=8.0)
        assert [match.start_seconds for match in library.match("dog", 9, kinds=[MODEL], where=where)] == [5.0]
        nowhere = FrameFilter(after_seconds=50.0)
        assert library.match("dog", 9, kinds=[MODEL], where=nowhere) == []


def test_of_many_captions_few_are_read(library: Store, monkeypatch: pytest.MonkeyPatch):
    read = []

    def counted(*arguments):
        found = selected_ids(*arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr("vidsearch.store.word_ranking.selected_ids", counted)
    assert len(library.match_scores("dog man", 5, kinds=[MODEL])[0]) == 5
    assert read == [5]


def test_words_that_mean_the_same_to_the_index_rank_alike(library: Store):
    """Stems, prefixes, quotes, and a word said twice."""
    plain = scores_of(library, "dog boat", 20)
    for words in ("dogs boats", "do* boa*", '"dog" "boat"', "the dog on a boat", "dog boat dog"):
        assert scores_of(library, words, 20) == plain


def test_common_words_alone_are_found_as_they_stand(tmp_path: Path, place: str):
    """One by one they say nothing, and a long line has them all. Beside other words, in quotes or with a star
    they are looked for as any."""
    texts = ("It's not to be, or is it?", "To be or not to be, I said.", "not now", "I said so")
    path = write_file(tmp_path / "a.mp4", "a")
    with Store.open(place, create=True) as library:
        put_captions(library, put(library, path, [record(0.0, axis(0))]).id, texts)

        def found(words: str) -> list[tuple[str, float]]:
            ids, _, shares = library.match_scores(words, 9, kinds=[MODEL])
            return [
                (texts[at], share) for at, share in zip(ids - caption_ids(library)[0], shares, strict=True)
            ]

        said = texts[1]
        assert found("to be, or NOT to be?") == [(said, 1.0)]
        assert found("it's") == [(texts[0], 1.0)]
        assert found("not") == [(texts[0], 1.0), (said, 1.0), (texts[2], 1.0)]
        assert found("not you") == []
        assert found("I said what") == [(said, 2 / 3), (texts[3], 2 / 3)]
        assert found('"not" now') == [(texts[2], 1.0), (texts[0], 0.5), (said, 0.5)]
        assert found("no* now") == [(texts[2], 1.0), (texts[0], 0.5), (said, 0.5)]


def test_words_that_no_caption_has_change_nothing(library: Store):
    for words in ("zebra", "", '"', "dog" * 1000):
        assert scores_of(library, words, 5) == ([], [])
    assert scores_of(library, "zebra cup", 5)[0] == scores_of(library, "cup", 5)[0]


def test_what_a_person_wrote_is_found_in_place_of_what_a_model_did(tmp_path: Path, place: str):
    with Store.open(place, create=True) as library:
        video = four_frames(library, tmp_path / "a.mp4")
        library.add_human_caption(video.id, 2.0, 3.0, "Rex")

        def found(words: str) -> list[tuple[float, float, str, bool]]:
            matches = library.match(words, 9, kinds=[MODEL, HUMAN])
            return [(m.start_seconds, m.end_seconds, m.text, m.is_human) for m in matches]

        dogs = [(float(i), i + 1.0, f"a dog {i}", False) for i in (0, 1, 3)]
        assert found("dog") == dogs
        assert found("rex dog") == [(2.0, 3.0, "Rex", True), *dogs]
        assert library.match("rex", 9, kinds=[MODEL]) == []
        assert [match.text for match in library.match("rex dog", 9, kinds=[HUMAN])] == ["Rex"]
        # As it was captioned once more.
        put_captions(library, video.id, ["a dog"] * 4)
        assert [start for start, *_ in found("dog")] == [0.0, 1.0, 3.0]
        # A caption of a longer run is still shown where nobody wrote anything.
        library.put_track(video.id, TrackSpec("caption", "captioner"), [SegmentRecord(0.0, 4.0, "a dog")])
        assert found("dog") == [(0.0, 4.0, "a dog", False)]
        library.add_human_caption(video.id, 0.0, 4.0, "Rex and Max")
        assert found("dog rex") == [(0.0, 4.0, "Rex and Max", True)]


def test_the_best_are_found_though_many_better_ones_are_hidden(tmp_path: Path, place: str):
    with Store.open(place, create=True) as library:
        video = put(library, write_file(tmp_path / "a.mp4", "a"), [record(0.0, axis(0))])
        put_captions(library, video.id, [*["a red dog"] * 50, *["a dog"] * 3])
        library.add_human_caption(video.id, 0.0, 50.0, "nothing at all")
        matches = library.match("red dog", 2, kinds=[MODEL, HUMAN])
        assert [match.start_seconds for match in matches] == [50.0, 51.0]


def test_kinds_are_ranked_together_and_searched_apart(tmp_path: Path, place: str):
    """A word's weight is its rarity among all segments that are looked in."""
    with Store.open(place, create=True) as library:
        video = four_frames(library, tmp_path / "a.mp4")
        spoken = [SegmentRecord(0.0, 1.0, "the dog barks"), SegmentRecord(2.0, 3.0, "three dogs bark at 3")]
        library.put_track(video.id, TrackSpec("subtitle", FILE), spoken)

        def found(*kinds: WordKind, where: FrameFilter = FrameFilter()) -> list[tuple[str, str]]:
            return [(m.kind, m.text) for m in library.match("dog 3", 9, kinds=kinds, where=where)]

        of_model = [("caption", f"a dog {i}") for i in (3, 0, 1, 2)]
        of_file = [("subtitle", "three dogs bark at 3"), ("subtitle", "the dog barks")]
        assert found(MODEL) == of_model
        assert found(SUBTITLE) == of_file
        together = [of_model[0], of_file[0], *of_model[1:], of_file[1]]
        assert found(MODEL, SUBTITLE) == found(SUBTITLE, MODEL) == together
        assert found() == []
        where = FrameFilter(before_seconds=1.0)
        assert found(MODEL, SUBTITLE, where=where) == [("caption", "a dog 0"), ("subtitle", "the dog barks")]
        n, dogs = 6, 6
        _, scores, _ = library.match_scores("dog", 1, kinds=[MODEL, SUBTITLE])
        assert scores.tolist() == pytest.approx([math.log1p((n - dogs + 0.5) / (dogs + 0.5))], abs=1e-5)


@pytest.mark.parametrize("words", ["dog\udcff", "\ud800", "do\0g", '"', "*", '"dog" OR NEAR(', "-", "dog:*"])
def test_no_words_are_an_error(library: Store, words: str):
    """Guards against what a command line or a program can pass: half characters, NUL, FTS5's own grammar."""
    for found in (
        library.match(words, 3, kinds=[MODEL]),
        library.frame_ids(FrameFilter(caption_words=words)),
    ):
        assert found is not None
