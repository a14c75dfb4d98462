"""Whatever value of a catalog is damaged, reading ends in an error of ours, and the cure does not crash."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.store.examples import SPACE, axis, fill_every_table
from vidsearch.errors import VidsearchError
from vidsearch.store.store import Store
from vidsearch.store.tables import tables
from vidsearch.tracks import WordKind

VALUES = ("", "x", "{", "[" * 5000, "null", "-1", "9e999", -1, 2**62, 1e308, -1e308, b"\x00\xff", b"", None)
WORDS = (WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with something in every table."""
    place = tmp_path_factory.mktemp("sound")
    with Store.open(place / "library", create=True) as store:
        fill_every_table(store, place)
        store.refresh_vectors()
    return place / "library"


def damage(library: Path, chance: random.Random) -> str:
    """Put another value into some row. Returns what was done."""
    with closing(sqlite3.connect(library / "catalog.sqlite3")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        while True:
            table = chance.choice(tables()).name
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
        lambda: store.match("quarterly", 5, kinds=[WordKind("ocr")]),
        lambda: [store.concepts.examples(each) for each in store.concepts.all()],
        lambda: [store.concepts.vectors(each, SPACE) for each in store.concepts.all()],
        store.labels.names,
        store.labels.spans,
        store.alerts.num_pending,
        lambda: store.alerts.take_due("here", unix_seconds=0.0, for_seconds=1.0),
        lambda: store.take_lease("in work"),
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
