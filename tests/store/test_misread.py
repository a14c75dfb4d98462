"""Words on the screen are found as typed where they were read slightly wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.store.examples import four_frames
from vidsearch.store.sqlite.catalog import SqliteCatalog
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec, WordKind

TEXT, CAPTIONS = (WordKind("ocr"),), (WordKind("caption"),)
LINES = (
    "Quarterly revenue",
    "Quartcrly revemue",
    "Nous étions déjà à la gare",
    "The weather in Leeds",
    "Room 1204",
)


@pytest.fixture
def library(library: Store, tmp_path: Path) -> Store:
    four_frames(library, tmp_path / "a.mp4")
    return library


def with_lines(library: Store, *lines: str) -> int:
    """Give the video lines of a second each. Returns the id of their track."""
    (video,) = library.videos()
    records = [SegmentRecord(float(second), second + 1.0, line) for second, line in enumerate(lines)]
    return library.put_track(video.id, TrackSpec("ocr", "pp-ocrv6-small"), records).id


def found(library: Store, words: str) -> list[str]:
    return [match.text for match in library.match(words, 9, kinds=TEXT)]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("quarterly revenue", ["Quarterly revenue", "Quartcrly revemue"]),
        ("revemue", ["Quartcrly revemue", "Quarterly revenue"]),
        ("etions", ["Nous étions déjà à la gare"]),
        ("wheather", ["The weather in Leeds"]),
        ("1205", ["Room 1204"]),
        ("leads", ["The weather in Leeds"]),
        ("gate", ["Nous étions déjà à la gare"]),
        ("bear", []),
        ('"quarterly revenue"', ["Quarterly revenue"]),
    ],
)
def test_a_word_with_a_wrong_letter_is_found_after_the_word_itself(library, words, texts):
    with_lines(library, *LINES)
    assert found(library, words) == texts


def test_a_word_that_is_often_read_rightly_is_found_read_wrong(library):
    """Lines that have the word are closest to it, and more of them than are compared."""
    with_lines(library, *["Quarterly revenue"] * 300, "Quartcrly revemue")
    found = library.match("revenue", 400, kinds=TEXT)
    assert (len(found), found[-1].text) == (301, "Quartcrly revemue")


def test_a_line_that_is_shown_no_longer_is_not_found(library):
    with_lines(library, "Quartcrly revemue")
    assert found(library, "quarterly") == ["Quartcrly revemue"]
    with_lines(library, "Room 1204")
    assert found(library, "quarterly") == []
    assert library.verify() == []


def test_other_letters_are_cut_alike(library):
    """Small letters of other scripts, what means something to PostgreSQL, and lines of less than a word."""
    with_lines(library, "ПРИВЕТ МИР", "it's \\ a:b & 'c' | !d", "STRASSE 12", "ab", "")
    assert found(library, "превет") == ["ПРИВЕТ МИР"]
    assert found(library, "strosse") == ["STRASSE 12"]
    assert found(library, "it'z") == []
    assert library.verify() == []


def test_what_was_meant_is_marked(library):
    with_lines(library, "Quartcrly revemue")
    (match,) = library.match("revenue", 9, kinds=TEXT)
    assert match.highlighted == "Quartcrly \x02revemue\x03"


def test_only_text_on_the_screen_is_read_wrong(library):
    (video,) = library.videos()
    library.put_track(video.id, TrackSpec("caption", "mini"), [SegmentRecord(0.0, 1.0, "a brown beach")])
    assert library.match("leach", 9, kinds=CAPTIONS) == []


def test_a_track_that_is_removed_takes_its_letters_along(library):
    track_id = with_lines(library, *LINES)
    assert library.verify() == []
    library.remove_track(track_id)
    assert found(library, "revemue") == []
    assert library.verify() == []


def test_verify_mends_the_index_of_letters(library):
    with_lines(library, *LINES)
    with library._catalog.write() as connection:
        if isinstance(library._catalog, SqliteCatalog):
            connection.execute("INSERT INTO segments_trigrams (segments_trigrams) VALUES ('delete-all')")
        else:
            connection.execute("UPDATE segments_fts SET letters = NULL")
    assert found(library, "revemue") == ["Quartcrly revemue"]
    assert [(problem.kind, problem.repaired) for problem in library.verify(repair=True)] == [
        ("full-text", "rebuilt it")
    ]
    assert found(library, "revemue") == ["Quartcrly revemue", "Quarterly revenue"]


def test_a_server_finds_what_a_folder_does(postgres_library: str, tmp_path: Path):
    """Words of random letters, each read with a letter changed, lost or added, or rightly."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("aeinorst"), rng.integers(4, 14))) for _ in range(60)]

    def misread(word: str) -> str:
        at = int(rng.integers(len(word)))
        return str(rng.choice([word, word[:at] + word[at + 1 :], f"{word[:at]}x{word[at:]}", word.upper()]))

    lines = [" ".join(misread(word) for word in rng.choice(words, 3)) for _ in range(150)]
    answers = []
    for place in (str(tmp_path / "folder"), postgres_library):
        with Store.open(place, create=True) as library:
            four_frames(library, tmp_path / "a.mp4")
            with_lines(library, *lines)
            answers.append(
                {
                    word: [(match.segment_id, match.score) for match in library.match(word, 99, kinds=TEXT)]
                    for word in words
                }
            )
    assert answers[0] == answers[1]
    assert sum(map(len, answers[0].values())) > 400, "half of the words are read wrongly"
