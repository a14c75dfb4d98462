"""Whatever value of a catalog is damaged, reading ends in an error of ours, and the cure does not crash."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.store.examples import SPACE, axis, four_frames
from vidsearch.errors import VidsearchError
from vidsearch.store.store import Store
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec, WordKind
from vidsearch.types import LibraryModels

VALUES = ("", "x", "{", "[" * 5000, "null", "-1", "9e999", -1, 2**62, 1e308, -1e308, b"\x00\xff", b"", None)
WORDS = (WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with something in every table."""
    place = tmp_path_factory.mktemp("sound")
    with Store.open(place / "library", create=True) as store:
        four_frames(store, place / "a.mp4")
        store.set_models(LibraryModels(("made-up",), "captioner"))
        store.add_human_caption(1, 0.0, 1.0, "Bello")
        spec = TrackSpec("subtitle", FILE, {"name": "english"})
        store.put_track(1, spec, [SegmentRecord(0.0, 1.0, "a dog barks")])
        store.record_failure(place / "b.mp4", VidsearchError("broken"))
        store.refresh_vectors()
    return place / "library"


def damage(library: Path, chance: random.Random) -> str:
    """Put another value into some row. Returns what was done."""
    with closing(sqlite3.connect(library / "catalog.sqlite3")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        tables = (
            "settings",
            "videos",
            "video_paths",
            "failures",
            "tracks",
            "segments",
            "thumbnails",
            "vectors",
            "spaces",
            "track_spaces",
            "segment_ids",
        )
        while True:
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column, value = chance.choice(columns), chance.choice(VALUES)
            with suppress(sqlite3.Error):  # STRICT tables refuse some
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
                return f"{table}.{column} = {value!r:.40}"


def read_all(store: Store) -> None:
    for read in (
        store.videos,
        store.failures,
        store.spaces,
        store.info,
        lambda: store.models,
        lambda: store.tracks(1),
        lambda: [store.segments(track.id) for track in store.tracks(1)],
        lambda: store.frames(1),
        lambda: store.thumbnail(1),
        lambda: store.nearest(SPACE, axis(0), 3),
        lambda: store.match("dog bello", 5, kinds=WORDS),
    ):
        with suppress(VidsearchError):
            read()


@pytest.mark.parametrize("seed", range(200))
def test_damage_is_an_error_of_our_own_and_repair_does_not_crash(sound: Path, tmp_path: Path, seed: int):
    library = tmp_path / "library"
    shutil.copytree(sound, library)
    done = damage(library, random.Random(seed))
    try:
        with Store.open(library) as store:
            read_all(store)
            with suppress(VidsearchError):
                store.verify()
            with suppress(VidsearchError):
                store.verify(repair=True)
            read_all(store)
    except Exception as error:
        error.add_note(done)
        raise
