"""A library that cannot be used says why and what to do, and never loses what it has."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.examples import SPACE, append, axis, begin, finish, four_frames, record, write_file
from tests.store.test_processes import assert_sound, downgrade, state_of
from vidsearch.errors import LibraryDamaged, LibraryNotFound, LibraryNotWritable, LibraryTooNew
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "library", create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
    return tmp_path / "library"


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough for a header" * 20])
def test_a_catalog_that_is_none(folder: Path, content: bytes):
    (folder / "catalog.sqlite3").write_bytes(content)
    for create in (False, True):
        with pytest.raises(LibraryDamaged, match="move the folder away and index the videos again"):
            Store.open(folder, create=create)
    assert (folder / "catalog.sqlite3").read_bytes() == content


def test_the_database_of_another_program(tmp_path: Path):
    folder = tmp_path / "library"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY)")
    with pytest.raises(LibraryDamaged, match="is not a catalog of vidsearch"):
        Store.open(folder)


def test_a_catalog_with_damaged_pages(folder: Path):
    path = folder / "catalog.sqlite3"
    content = bytearray(path.read_bytes())
    content[16384 * 2 :] = os.urandom(len(content) - 16384 * 2)
    path.write_bytes(content)
    with Store.open(folder) as library:
        with pytest.raises(LibraryDamaged, match="vidsearch verify --repair"):
            library.videos()
        assert [(problem.kind, problem.repaired) for problem in library.verify(repair=True)] == [
            ("catalog", None)
        ]


def test_a_catalog_of_a_later_program(folder: Path):
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LibraryTooNew, match="has format 99; this program knows formats up to 5"):
        Store.open(folder)


def test_an_older_catalog_is_brought_up_to_date(folder: Path):
    with Store.open(folder) as library:
        expected = state_of(library)
    downgrade(folder)
    with pytest.raises(LibraryNotWritable, match="has the older format 1 and is read-only"):
        Store.open(folder, read_only=True)
    with Store.open(folder) as library:
        assert state_of(library) == expected
        assert library.subtitles(1) == []


def test_a_library_that_is_a_file(tmp_path: Path):
    path = write_file(tmp_path / "library", "a file")
    for create in (False, True):
        with pytest.raises(LibraryNotFound, match=r"is a file\. A library is a folder: name another"):
            Store.open(path, create=create)


def test_a_library_below_a_file(tmp_path: Path):
    path = write_file(tmp_path / "file", "a file")
    with pytest.raises(LibraryNotWritable, match="Cannot make"):
        Store.open(path / "library", create=True)


def test_a_read_only_library_is_searched_and_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Store.open(folder) as library:
        assert library.is_read_only
        assert library.nearest(SPACE, axis(2), 1)[0].tolist() == [[3]]
        (match,) = library.match("dog", 1, kinds=[WordKind("caption")])
        assert (match.video_id, match.start_seconds, match.text) == (1, 0.0, "a dog 0")
        for write in (
            lambda: library.remove(1),
            lambda: begin(library, folder.parent / "a.mp4"),
            lambda: library.add_human_caption(1, 0.0, 1.0, "my dog Rex"),
            library.refresh_vectors,
        ):
            with pytest.raises(LibraryNotWritable):
                write()
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    """No file may grow beyond a megabyte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("nearly_full_disk")
def test_a_full_disk_loses_nothing(folder: Path, tmp_path: Path):
    with Store.open(folder) as library:
        before = state_of(library)
        opened = begin(library, write_file(tmp_path / "b.mp4", "b"))
        large = replace(record(0.0, axis(0)), thumbnail_jpeg=bytes(3_000_000))
        with pytest.raises(LibraryNotWritable, match="What was in it before is safe"):
            append(library, opened, [large], until_seconds=1.0)
        assert state_of(library)[0] == before[0]
        append(library, opened, [record(0.0, axis(0))], until_seconds=1.0)
        finish(library, opened)
    assert_sound(folder)


def test_a_full_disk_leaves_the_vector_files_as_they_were(folder: Path, tmp_path: Path):
    with Store.open(folder) as library:
        library.refresh_vectors()
        four_frames(library, tmp_path / "b.mp4")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (70, limits[1]))
        try:
            with pytest.raises(LibraryNotWritable, match="The library is complete without these files"):
                library.refresh_vectors()
            assert library.nearest(SPACE, axis(0), 2)[0].tolist() == [[1, 5]], "searched from the catalog"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        library.refresh_vectors()
    assert_sound(folder)
