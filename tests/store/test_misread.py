"""Words on the screen are found as typed where they were read slightly wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.examples import four_frames
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
def library(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "library", create=True) as opened:
        four_frames(opened, tmp_path / "a.mp4")
        yield opened


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
        connection.execute("INSERT INTO segments_trigrams (segments_trigrams) VALUES ('delete-all')")
    assert [(problem.kind, problem.repaired) for problem in library.verify(repair=True)] == [
        ("full-text", "rebuilt it")
    ]
    assert found(library, "revemue") == ["Quartcrly revemue", "Quarterly revenue"]
