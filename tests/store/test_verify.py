"""`verify` finds what is wrong, and mends what can be mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.examples import (
    OTHER_SPACE,
    SPACE,
    Frame,
    append,
    axis,
    begin,
    finish,
    four_frames,
    record,
    write_file,
)
from vidsearch.errors import LibraryNotWritable
from vidsearch.store.records import Problem
from vidsearch.store.store import Store
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec, WordKind

CAPTIONS = (WordKind("caption"), WordKind("caption", is_human=True))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "library", create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        library.refresh_vectors()
        yield library


def tamper(library: Store, *statements: str) -> None:
    """Do to the catalog what no program of ours would."""
    with closing(sqlite3.connect(library.path / "catalog.sqlite3", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def kinds(problems: list[Problem]) -> list[tuple[str, bool]]:
    return [(problem.kind, problem.repaired is not None) for problem in problems]


def test_a_sound_library_has_no_problems(library: Store):
    assert library.verify() == library.verify(repair=True) == []


def test_a_missing_vector_is_indexed_again_from_there(library: Store, tmp_path: Path):
    tamper(library, "DELETE FROM vectors WHERE segment_id = 3")
    (problem, cache) = library.verify()
    assert problem.what.endswith("a.mp4: 1 frames have no sound vector of made-up.")
    assert cache.kind == "cache"
    (problem,) = library.verify(repair=True)
    assert problem.repaired == "removed its frames from 0:02 on; the next `vidsearch index` makes them again"
    state = library.lookup(tmp_path / "a.mp4")
    assert state.state == "partial"
    assert state.video is not None
    assert (state.video.indexed_until_seconds, state.video.num_frames) == (2.0, 2)
    opened = begin(library, tmp_path / "a.mp4")
    assert opened.space_until_seconds == {SPACE: 2.0}
    append(library, opened, [record(2.0, axis(2)), record(3.0, axis(3))], until_seconds=4.0)
    finish(library, opened)
    assert library.verify() == []
    assert [(frame.time_seconds, frame.caption and frame.caption.text) for frame in library.frames(1)] == [
        (0.0, "a dog 0"),
        (1.0, "a dog 1"),
        (2.0, "a dog 2"),
        (3.0, "a dog 3"),
    ]


def test_a_vector_that_is_still_to_come_is_no_problem(library: Store, tmp_path: Path):
    opened = begin(library, tmp_path / "a.mp4", spaces=[OTHER_SPACE])
    frames = [Frame(float(i), {OTHER_SPACE: axis(i, 3)}) for i in range(2)]
    append(library, opened, frames, until_seconds=2.0, spaces=[OTHER_SPACE])
    assert library.verify() == []
    finish(library, opened, spaces=[OTHER_SPACE])
    assert kinds(library.verify()) == [("vectors-missing", False)], "it is said to have all of them now"


@pytest.mark.parametrize(
    "blob",
    ["x'00'", "x'0000C07F000000000000000000000000'", "zeroblob(16)"],
    ids=["short", "not a number", "of no length"],
)
def test_a_damaged_vector_counts_as_missing(library: Store, blob: str):
    tamper(library, f"UPDATE vectors SET vector = {blob} WHERE segment_id = 4")
    assert ("vectors-missing", False) in kinds(library.verify())
    assert ("vectors-missing", True) in kinds(library.verify(repair=True))
    assert library.verify() == []


def test_vectors_without_frames_are_removed(library: Store):
    tamper(library, "PRAGMA foreign_keys = OFF", "DELETE FROM segments WHERE id = 2")
    found = ["thumbnails-without-segments", "vectors-without-segments"]
    assert kinds(library.verify())[:2] == [(kind, False) for kind in found]
    assert kinds(library.verify(repair=True))[:2] == [(kind, True) for kind in found]
    assert library.verify() == []
    assert library.nearest(SPACE, axis(1), 4)[0][0].tolist().count(2) == 0
    assert library.videos()[0].num_frames == len(library.frames(1)) == 3


def test_what_belongs_to_no_track_is_removed(library: Store):
    tamper(
        library,
        "PRAGMA foreign_keys = OFF",
        "DROP TRIGGER tracks_delete",
        "DELETE FROM tracks WHERE kind = 'frames'",
    )
    found = ["segments-without-tracks", "track_spaces-without-tracks"]
    assert kinds(library.verify())[:2] == [(kind, False) for kind in found]
    assert kinds(library.verify(repair=True))[:2] == [(kind, True) for kind in found]
    assert library.verify() == []
    assert library.frames(1) == []
    assert library.nearest(SPACE, axis(1), 1)[0].tolist() == [[-1]]


def test_what_belongs_to_no_video_is_removed(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "b.mp4", word="cat")
    tamper(
        library, "PRAGMA foreign_keys = OFF", "DROP TRIGGER videos_delete", "DELETE FROM videos WHERE id = 1"
    )
    found = ["tracks-without-videos", "video_paths-without-videos"]
    assert kinds(library.verify())[:2] == [(kind, False) for kind in found]
    assert kinds(library.verify(repair=True))[:2] == [(kind, True) for kind in found]
    assert library.verify() == []
    assert library.nearest(SPACE, axis(0), 5)[0].tolist() == [[5, 6, 7, 8, -1]]
    assert library.match("dog", 9, kinds=CAPTIONS) == []
    assert len(library.match("cat", 9, kinds=CAPTIONS)) == 4


def test_vector_files_are_compared_with_the_catalog(library: Store):
    (rows,) = (library.path / "vectors").glob("*.rows")
    content = bytearray(rows.read_bytes())
    content[5] ^= 255
    rows.write_bytes(content)
    assert kinds(library.verify()) == [("cache", False)]
    assert kinds(library.verify(repair=True)) == [("cache", True)]
    assert library.verify() == []
    assert library.nearest(SPACE, axis(0), 1)[1].tolist() == [[1.0]]


def test_vector_files_that_hold_something_else_are_found(library: Store):
    """As after a restored backup of the catalog alone: each file is sound, but they do not fit."""
    tamper(
        library,
        "UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE segment_id = 1) WHERE segment_id = 2",
    )
    assert kinds(library.verify(repair=True)) == [("cache", True)]
    assert library.nearest(SPACE, axis(0), 2)[1].tolist() == [[1.0, 1.0]]


def test_a_full_text_index_that_does_not_fit_is_made_anew(library: Store):
    tamper(library, "INSERT INTO segments_fts (segments_fts) VALUES ('delete-all')")
    assert library.match("dog", 9, kinds=CAPTIONS) == []
    assert kinds(library.verify()) == [("full-text", False)]
    assert kinds(library.verify(repair=True)) == [("full-text", True)]
    assert len(library.match("dog", 9, kinds=CAPTIONS)) == 4


def test_a_picture_that_does_not_decode_is_told(library: Store):
    """The file is no video, so it cannot be made anew here; see the tests of real videos for that."""
    tamper(library, "UPDATE thumbnails SET jpeg = x'FFD8' WHERE segment_id = 2")
    (problem,) = library.verify(repair=True)
    assert problem.what.endswith("a.mp4: the small picture at 0:01 does not decode.")
    assert problem.repaired is None


def test_a_picture_is_made_anew_from_its_video(tmp_path: Path, real_videos: Path):
    path = real_videos / "bottle-detection.gif"
    with Store.open(tmp_path / "library", create=True) as library:
        opened = begin(library, path)
        append(library, opened, [record(0.0, axis(0))], until_seconds=1.0)
        finish(library, opened)
        tamper(library, "UPDATE thumbnails SET jpeg = x'00'")
        assert [problem.repaired for problem in library.verify(repair=True)] == [
            "made it again from the video"
        ]
        assert library.verify() == []


def test_missing_and_changed_files(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "b.mp4", word="cat")
    library.add_path(2, Path(shutil.copy(tmp_path / "b.mp4", tmp_path / "copy.mp4")))
    (tmp_path / "a.mp4").unlink()
    (tmp_path / "copy.mp4").write_text("other content")
    assert kinds(library.verify()) == [("file-missing", False), ("file-changed", False)]
    missing, changed = library.verify(repair=True)
    assert missing == Problem("file-missing", f"{tmp_path / 'a.mp4'} is not there.")
    assert changed.repaired == "forgot the path: the video is at another one, too"
    assert [video.paths for video in library.videos()] == [(tmp_path / "a.mp4",), (tmp_path / "b.mp4",)]


def test_a_touched_file_is_no_problem(library: Store, tmp_path: Path):
    os.utime(tmp_path / "a.mp4", ns=(0, 0))
    assert library.verify(repair=True) == []
    assert library.lookup(tmp_path / "a.mp4").is_known_here


def test_a_video_whose_place_was_taken_goes_on_repair(library: Store, tmp_path: Path):
    begin(library, write_file(tmp_path / "a.mp4", "other content"))
    assert kinds(library.verify()) == [("replaced", False)]
    assert kinds(library.verify(repair=True)) == [("replaced", True)]
    assert [video.id for video in library.videos()] == [2]


@pytest.mark.parametrize("producer", ["human", FILE])
def test_repair_leaves_what_only_people_can_make_again(library: Store, tmp_path: Path, producer: str):
    if producer == FILE:
        library.put_track(1, TrackSpec("subtitle", FILE), [SegmentRecord(1.0, 2.0, "my dog Rex")])
    else:
        library.add_human_caption(1, 1.0, 2.0, "my dog Rex")
    begin(library, write_file(tmp_path / "a.mp4", "other content"))
    (problem,) = library.verify(repair=True)
    assert problem == Problem(
        "replaced",
        f"#1 {tmp_path / 'a.mp4'}: other content is in its place now.",
        "removed all but what people wrote of the video",
    )
    assert library.frames(1) == []
    (match,) = library.match("dog", 9, kinds=(*CAPTIONS, WordKind("subtitle")))
    assert (match.video_id, match.text) == (1, "my dog Rex")
    assert library.verify(repair=True) == [Problem(problem.kind, problem.what)]


def test_a_read_only_library_is_verified_but_not_mended(library: Store):
    tamper(library, "DELETE FROM vectors WHERE segment_id = 3")
    with Store.open(library.path, read_only=True) as reader:
        assert ("vectors-missing", False) in kinds(reader.verify())
        with pytest.raises(LibraryNotWritable):
            reader.verify(repair=True)
