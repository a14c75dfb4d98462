"""`verify` finds what is wrong, and mends what can be mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.examples import SPACE, axis, begin, four_frames, record, write_file
from vidsearch.errors import LibraryNotWritable
from vidsearch.store.library import Library
from vidsearch.store.records import Problem
from vidsearch.types import Chunk


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        library.refresh_vectors()
        yield library


def tamper(library: Library, *statements: str) -> None:
    """Do to the catalog what no program of ours would."""
    with closing(sqlite3.connect(library.path / "catalog.sqlite3", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def kinds(problems: list[Problem]) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.repaired is not None) for problem in problems]


def test_a_sound_library_has_no_problems(library: Library):
    assert library.verify() == library.verify(repair=True) == []


def test_a_missing_vector_is_indexed_again_from_there(library: Library, tmp_path: Path):
    tamper(library, "DELETE FROM vectors WHERE frame_id = 3")
    (problem, cache) = library.verify()
    assert problem.what.endswith("a.mp4: 1 frames have no sound vector of made-up.")
    assert cache.kind == "cache"
    (problem,) = library.verify(repair=True)
    assert (
        problem.repaired == "removed its frames from 0:00:02.0 on; the next `vidsearch index` makes them anew"
    )
    state = library.lookup(tmp_path / "a.mp4")
    assert state.state == "partial"
    assert state.video is not None
    assert (state.video.indexed_until_seconds, state.video.num_frames) == (2.0, 2)
    library.add(1, Chunk((record(2.0, axis(2)), record(3.0, axis(3))), until_seconds=4.0))
    library.finish_video(1)
    assert library.verify() == []


@pytest.mark.parametrize(
    "blob", ["x'00'", "x'0000C07F000000000000000000000000'"], ids=["short", "not a number"]
)
def test_a_damaged_vector_counts_as_missing(library: Library, blob: str):
    tamper(library, f"UPDATE vectors SET vector = {blob} WHERE frame_id = 4")
    assert ("vectors-missing", False) in kinds(library.verify())
    assert ("vectors-missing", True) in kinds(library.verify(repair=True))
    assert library.verify() == []


def test_vectors_without_frames_are_removed(library: Library):
    tamper(library, "PRAGMA foreign_keys = OFF", "DELETE FROM frames WHERE id = 2")
    found = [("captions-without-frames", False), ("thumbnails-without-frames", False)]
    assert kinds(library.verify())[:3] == [*found, ("vectors-without-frames", False)]
    library.verify(repair=True)
    assert library.verify() == []
    assert library.nearest(SPACE, axis(1), 4)[0][0].tolist().count(2) == 0


def test_vector_files_are_compared_with_the_catalog(library: Library):
    (rows,) = (library.path / "vectors").glob("*.rows")
    content = bytearray(rows.read_bytes())
    content[5] ^= 255
    rows.write_bytes(content)
    assert kinds(library.verify()) == [("cache", False)]
    assert kinds(library.verify(repair=True)) == [("cache", True)]
    assert library.verify() == []
    assert library.nearest(SPACE, axis(0), 1)[1].tolist() == [[1.0]]


def test_vector_files_that_hold_something_else_are_found(library: Library):
    """As after a restored backup of the catalog alone: each file is sound, but they do not fit."""
    tamper(
        library,
        "UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE frame_id = 1) WHERE frame_id = 2",
    )
    assert kinds(library.verify(repair=True)) == [("cache", True)]
    assert library.nearest(SPACE, axis(0), 2)[1].tolist() == [[1.0, 1.0]]


def test_a_full_text_index_that_does_not_fit_is_made_anew(library: Library):
    tamper(library, "INSERT INTO captions_fts (captions_fts) VALUES ('delete-all')")
    assert library.caption_matches("dog", 9) == []
    assert kinds(library.verify()) == [("full-text", False)]
    assert kinds(library.verify(repair=True)) == [("full-text", True)]
    assert len(library.caption_matches("dog", 9)) == 4


def test_a_picture_that_does_not_decode_is_told(library: Library):
    """The file is no video, so it cannot be made anew here; see the tests of real videos for that."""
    tamper(library, "UPDATE thumbnails SET jpeg = x'FFD8' WHERE frame_id = 2")
    (problem,) = library.verify(repair=True)
    assert problem.what.endswith("a.mp4: the small picture at 0:00:01.0 does not decode.")
    assert problem.repaired is None


def test_a_picture_is_made_anew_from_its_video(tmp_path: Path, real_videos: Path):
    path = real_videos / "bottle-detection.gif"
    with Library.open(tmp_path / "library", create=True) as library:
        video = begin(library, path)
        library.add(video.id, Chunk((record(0.0, axis(0)),), until_seconds=1.0))
        library.finish_video(video.id)
        tamper(library, "UPDATE thumbnails SET jpeg = x'00'")
        assert [problem.repaired for problem in library.verify(repair=True)] == [
            "made it anew from the video"
        ]
        assert library.verify() == []


def test_missing_and_changed_files(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "b.mp4", word="cat")
    library.add_path(2, Path(shutil.copy(tmp_path / "b.mp4", tmp_path / "copy.mp4")))
    (tmp_path / "a.mp4").unlink()
    (tmp_path / "copy.mp4").write_text("other content")
    assert kinds(library.verify()) == [("file-missing", False), ("file-changed", False)]
    missing, changed = library.verify(repair=True)
    assert missing == Problem("file-missing", f"{tmp_path / 'a.mp4'} is not there.")
    assert changed.repaired == "forgot the path: the video is at another one, too"
    assert [video.paths for video in library.videos()] == [(tmp_path / "a.mp4",), (tmp_path / "b.mp4",)]


def test_a_touched_file_is_no_problem(library: Library, tmp_path: Path):
    os.utime(tmp_path / "a.mp4", ns=(0, 0))
    assert library.verify(repair=True) == []
    assert library.lookup(tmp_path / "a.mp4").is_known_here


def test_a_video_whose_place_was_taken_goes_on_repair(library: Library, tmp_path: Path):
    begin(library, write_file(tmp_path / "a.mp4", "other content"))
    assert kinds(library.verify()) == [("replaced", False)]
    assert kinds(library.verify(repair=True)) == [("replaced", True)]
    assert [video.id for video in library.videos()] == [2]


def test_a_read_only_library_is_verified_but_not_mended(library: Library):
    tamper(library, "DELETE FROM vectors WHERE frame_id = 3")
    with Library.open(library.path, read_only=True) as reader:
        assert ("vectors-missing", False) in kinds(reader.verify())
        with pytest.raises(LibraryNotWritable):
            reader.verify(repair=True)
