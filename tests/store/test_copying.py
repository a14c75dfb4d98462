"""A copy of a library is the same library, wherever it is, however often it was stopped on the way."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.store.examples import SPACE, axis, fill_every_table, four_frames
from tests.store.test_processes import state_of
from vidsearch.errors import LibraryError
from vidsearch.store import copying
from vidsearch.store.copying import CopyProgress, CopyReport
from vidsearch.store.store import Store
from vidsearch.store.tables import Column, tables
from vidsearch.store.video_rows import value_path
from vidsearch.tracks import WordKind

KINDS = [WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle"), WordKind("ocr")]


@pytest.fixture
def original(tmp_path: Path):
    """A library with something in every table, and with numbers that are not given again."""
    with Store.open(tmp_path / "original", create=True) as library:
        fill_every_table(library, tmp_path)
        yield library


def rows_of(library: Store) -> dict[str, list[Any]]:
    """All that is in the tables, but for what a library has of its own."""

    def plain(column: Column, value: Any) -> Any:
        if column.is_truth:
            return bool(value)
        return value_path(value) if column.name in ("path", "last_path") else value

    found = {}
    with library._catalog.read() as connection:
        for table in tables():
            query = f"SELECT {', '.join(table.columns)} FROM {table.name}"
            rows = [
                tuple(plain(column, value) for column, value in zip(table.all_columns, row, strict=True))
                for row in connection.execute(query)
            ]
            if table.name == "settings":
                rows = [row for row in rows if row[0] not in ("library_id", "format_version")]
            found[table.name] = sorted(rows, key=repr)
    del found["leases"]
    return found


def is_the_same(library: Store, original: Store) -> None:
    assert state_of(library) == state_of(original)
    assert library.videos() == original.videos()
    assert [library.tracks(video.id) for video in library.videos()] == [
        original.tracks(video.id) for video in original.videos()
    ]
    assert (library.models, library.failures()) == (original.models, original.failures())
    assert rows_of(library) == rows_of(original)
    for words in ("dog", "hello", "bello", "cat OR dog", "revenue", "1205"):
        found, expected = (each.match(words, 9, kinds=KINDS) for each in (library, original))
        assert [(m.segment_id, m.score) for m in found] == [(m.segment_id, m.score) for m in expected]
    assert library.nearest(SPACE, axis(1), 3)[0].tolist() == original.nearest(SPACE, axis(1), 3)[0].tolist()
    assert {problem.kind for problem in library.verify()} == {problem.kind for problem in original.verify()}
    assert library.take_lease("in work") is not None, "who works on the original does not on the copy"


def test_a_copy_is_the_same_library(original: Store, library: Store, tmp_path: Path):
    report = original.copy_to(library)
    assert (report.num_rows, report.num_videos) == (report.num_rows_copied, 2)
    is_the_same(library, original)
    assert four_frames(library, tmp_path / "d.mp4", word="owl").id == 4, (
        "3 was removed, and is not used again"
    )
    with Store.open(tmp_path / "back", create=True) as back:
        library.copy_to(back)
        is_the_same(back, library)


def test_a_copy_that_is_stopped_goes_on(original: Store, library: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copying, "_PAGE_ROWS", 3)

    def copied(*, num_steps: int) -> CopyReport | None:
        steps = count()

        def stop_later(_: CopyProgress) -> None:
            if next(steps) == num_steps:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            return original.copy_to(library, on_progress=stop_later)
        return None

    num_stops = 0
    while (report := copied(num_steps=8 * (num_stops + 1))) is None:
        num_stops += 1
        assert "copy" in {problem.kind for problem in library.verify()}
    assert num_stops > 2
    assert report.num_rows_copied < report.num_rows
    is_the_same(library, original)


def test_a_copy_of_what_has_changed_meanwhile_begins_again(original: Store, library: Store, tmp_path: Path):
    def stop(progress: CopyProgress) -> None:
        if progress.is_comparing:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        original.copy_to(library, on_progress=stop)
    original.remove(1)
    report = original.copy_to(library)
    assert report.num_rows == report.num_rows_copied
    is_the_same(library, original)


def test_nothing_is_copied_over_another_library(original: Store, library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "mine.mp4")
    with pytest.raises(LibraryError, match=r"There is a library at .* already\. Copy to a place"):
        original.copy_to(library)
    assert library.videos() == [video]


def test_a_copy_that_somebody_wrote_into_is_not_said_to_be_one(original: Store, library: Store):
    def write(progress: CopyProgress) -> None:
        if progress.is_comparing:
            return
        with library._catalog.write() as connection:
            connection.execute("UPDATE segments SET text = 'a wolf' WHERE text = 'a dog 1'")

    with pytest.raises(LibraryError, match=r"differs from .* in segments: it was written to meanwhile"):
        original.copy_to(library, on_progress=write)
