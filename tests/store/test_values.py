"""A value that cannot be read is one clear error, and the cure that the error names works."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.store.examples import SPACE, axis, four_frames
from vidsearch.errors import LibraryDamaged, LibraryError
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import LibraryModels, SamplingPlan

DAMAGE = {
    "models": ("INSERT INTO settings VALUES ('models', '[1, 2')", "models"),
    "models of another shape": ("INSERT INTO settings VALUES ('models', '{\"embedders\": 7}')", "models"),
    "deep models": (f"INSERT INTO settings VALUES ('models', '{'[' * 100_000}')", "models"),
    "plan": ("UPDATE tracks SET params = 'fps=1' WHERE kind = 'frames'", "videos"),
    "plan with other fields": ("UPDATE tracks SET params = '{\"speed\": 1}' WHERE kind = 'frames'", "videos"),
    "plan of words": ("UPDATE tracks SET params = '{\"fps\": \"fast\"}' WHERE kind = 'frames'", "videos"),
    "date": ("UPDATE videos SET indexed_at = 'yesterday'", "videos"),
    "recording time": ("UPDATE videos SET created_at = 'never'", "videos"),
    "params": ("UPDATE tracks SET params = 'null' WHERE kind = 'caption'", "tracks"),
    "attributes": ("UPDATE segments SET attributes = '{' WHERE start_seconds = 0", "frames"),
    "time of a frame": ("UPDATE segments SET start_seconds = -9e999 WHERE id = 1", "frames"),
    "end of a frame": ("UPDATE segments SET end_seconds = 1e300 WHERE id = 1", "frames"),
}


@pytest.fixture
def library(tmp_path: Path):
    with Store.open(tmp_path / "library", create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        library.add_human_caption(1, 0.0, 1.0, "Bello")
        yield library


def execute(library: Store, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(library.path / "catalog.sqlite3")) as connection, connection:
        connection.execute(sql, values)


def read(library: Store, what: str) -> object:
    if what == "models":
        return library.models
    if what == "tracks":
        return library.tracks(1)
    return library.videos() if what == "videos" else library.frames(1)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_value_is_one_clear_error_and_is_mended(library, damage):
    """The cure crashed with the rest."""
    sql, what = DAMAGE[damage]
    execute(library, sql)
    with pytest.raises(LibraryDamaged, match="vidsearch verify --repair"):
        read(library, what)
    assert "value" in {problem.kind for problem in library.verify()}
    assert all(problem.repaired for problem in library.verify(repair=True) if problem.kind == "value")

    assert library.verify() == []
    for each in ("models", "videos", "tracks", "frames"):
        read(library, each)
    texts = [frame.caption.text for frame in library.frames(1)]
    assert texts == ["Bello", "a dog 1", "a dog 2", "a dog 3"]


@pytest.mark.parametrize("seconds", ["-5.0", "9e999", "-9e999"])
def test_a_duration_that_is_none_is_forgotten(library, seconds):
    execute(library, f"UPDATE videos SET duration_seconds = {seconds}")
    assert [problem.kind for problem in library.verify(repair=True)] == ["value"]
    assert library.videos()[0].info.duration_seconds is None


def test_a_path_that_no_system_takes_is_one_that_is_not_there(library):
    execute(library, "UPDATE video_paths SET path = ?", "[" * 5000)
    assert library.videos()[0].path == Path("[" * 5000)
    assert [problem.kind for problem in library.verify()] == ["file-missing"]


def test_vectors_that_are_none_do_not_keep_others_from_being_found(library):
    bad = np.full(4, np.nan, np.float32).tobytes()
    execute(library, "UPDATE vectors SET vector = ? WHERE segment_id = 1", b"short")
    execute(library, "UPDATE vectors SET vector = ? WHERE segment_id = 2", bad)
    execute(library, "UPDATE spaces SET revision = revision + 1, rewritten_at_revision = revision + 1")
    assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
    assert library.vectors(SPACE, [1, 3])[0].tolist() == [3]
    assert {problem.kind for problem in library.verify()} == {"vectors-missing"}


def test_a_size_of_vectors_that_is_none_costs_no_frame(library):
    """Every vector was taken for damaged, and all frames were removed."""
    execute(library, "UPDATE spaces SET dim = 9223372036854775807")
    execute(library, "UPDATE tracks SET num_segments = -5")
    with pytest.raises(LibraryDamaged, match="vidsearch verify --repair"):
        library.nearest(SPACE, axis(3), 1)
    assert library.match("dog", 3, kinds=[WordKind("caption")])  # reads the counts

    assert {problem.kind for problem in library.verify(repair=True)} == {"value"}

    assert library.verify() == []
    assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
    assert library.videos()[0].num_frames == 4


def test_a_plan_that_was_damaged_is_the_default_one(library):
    execute(library, "UPDATE tracks SET params = '' WHERE kind = 'frames'")
    library.verify(repair=True)
    assert library.videos()[0].plan == SamplingPlan()


def test_a_closed_library_stays_closed(library):
    library.set_models(LibraryModels(("mini",), None))
    library.close()
    for use in (library.videos, lambda: library.models, lambda: library.set_models(LibraryModels((), None))):
        with pytest.raises(LibraryError, match="is closed"):
            use()


def test_an_error_of_the_programs_is_not_called_damage(library):
    """Whoever reads "move the folder away and index again" does so, and loses a sound library."""
    with (
        pytest.raises(LibraryError, match="could not answer") as caught,
        library._catalog.read() as connection,
    ):
        connection.execute("SELECT nothing FROM nowhere")
    assert not isinstance(caught.value, LibraryDamaged)
