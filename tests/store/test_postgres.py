"""What only a library on a server has: two hosts, connections that are cut, and words without FTS5."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.conftest import REPOSITORY
from tests.store.examples import SPACE, axis, begin, four_frames, put, record, write_file
from tests.store.test_processes import make_files, start, state_of
from tests.store.writer import index_all
from vidsearch.errors import LibraryError, LibraryNotFound, LibraryNotWritable, LibraryTooNew
from vidsearch.store.fts import TOKENIZER
from vidsearch.store.postgres import catalog as postgres_catalog
from vidsearch.store.postgres.address import fit_for_a_path, server_address, server_url
from vidsearch.store.postgres.catalog import PostgresCatalog
from vidsearch.store.postgres.connection import tsquery
from vidsearch.store.sqlite import schema
from vidsearch.store.store import Store
from vidsearch.store.tables import tables
from vidsearch.store.words import all_words_expression, any_word_expression
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec, WordKind

CAPTIONS = [WordKind("caption")]

HOLDS_A_WRITE = """
import sys, time
from vidsearch.store.store import Store
from vidsearch.store.tables import tables
with Store.open(sys.argv[1]) as library, library._catalog.write() as connection:
    connection.execute("DELETE FROM videos")
    print("deleted", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def library(postgres_library: str):
    with Store.open(postgres_library, create=True) as library:
        yield library


def writer_in_a_transaction(place: str) -> subprocess.Popen[str]:
    """Another host, in the middle of a write that would remove everything."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_WRITE, place], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "deleted\n"
    return process


# --- the same as in a folder --------------------------------------------------------------------------


def test_both_schemas_have_the_same_tables_and_columns(library: Store):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        in_sqlite = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for kind, table in (row[2:0:-1] for row in connection.execute("PRAGMA main.table_list"))
            if kind == "table" and "sqlite" not in table
        }
    with library._catalog.read() as connection:
        rows = connection.execute(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position
            """
        ).fetchall()
    on_server: dict[str, list[str]] = {}
    for table, column in rows:
        on_server.setdefault(table, []).append(column)
    assert on_server.pop("segments_words") == ["first_id", "word", "num_segments"]
    assert on_server.pop("segments_fts") == ["rowid", "words", "letters", "is_shown"]
    assert on_server == in_sqlite


TEXTS = (
    "A man's running shoes, on the re-opened running-track",
    "Two dogs run; the dog's owner ran after them",
    "Crème brûlée in the CAFÉ, 3.50 €",
    "relational databases are relating generalizations",
    "你好 世界, привет мир, ١٢٣ Ⅷ x²",
    "red car red car red",
    "car red",
    "it's its it",
    "happily happy happiness hopefully hoping hopped",
    "",
    "!!!",
)
QUERIES = (
    "run", "runs", "running", "ru*", '"running shoes"', '"red car"', '"red ca"*', '"car red car"', "cafe",
    "CRÈME", "brul*", "relate", "generalization", "happi*", "hope", "hop", "世界", "ПРИВЕТ", "Ⅷ", "x²",
    "3.50", "re-opened", "it's", "'", "\\", "a:b & c | !d", "ⅷ (dog)", "the on", '"the dog s owner"',
    "dog car", "zebra", "😀a", "ᲀ",
)  # fmt: skip


def test_words_fit_the_texts_that_they_fit_in_fts5(library: Store, tmp_path: Path):
    """Stems, accents, phrases, prefixes, other scripts, and what means something to PostgreSQL alone."""
    video = put(library, write_file(tmp_path / "a.mp4", "a"), [record(0.0, axis(0))])
    records = [SegmentRecord(float(at), at + 1.0, text) for at, text in enumerate(TEXTS)]
    track = library.put_track(video.id, TrackSpec("subtitle", FILE), records)
    first = library.segments(track.id)[0].id
    with closing(sqlite3.connect(":memory:")) as fts5, library._catalog.read() as connection:
        fts5.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = '{TOKENIZER}')")
        fts5.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(TEXTS))
        for query in QUERIES:
            for expression in (any_word_expression(query), all_words_expression(query)):
                if expression is None:
                    continue
                sql = "SELECT rowid FROM {} WHERE {} MATCH ? ORDER BY rowid"
                expected = [row[0] for row in fts5.execute(sql.format("texts", "texts"), (expression,))]
                found = connection.execute(sql.format("segments_fts", "segments_fts"), (expression,))
                assert [row[0] - first for row in found] == expected, (query, tsquery(expression))


def test_a_word_index_that_does_not_fit_is_found_and_mended(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    assert library.verify() == []
    with library._catalog.write() as connection:
        connection.execute("UPDATE segments_fts SET words = '' WHERE rowid % 2 = 0")
        connection.execute("DELETE FROM segments_fts WHERE rowid % 4 = 1")
    (problem,) = library.verify(repair=True)
    assert problem.what == "The full-text index does not fit the text of 3 segments."
    assert library.verify() == []
    assert len(library.match("dog", 9, kinds=CAPTIONS)) == 4


def test_counts_of_words_follow_what_is_shown_and_are_mended(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    four_frames(library, tmp_path / "b.mp4")
    track = library.put_track(video.id, TrackSpec("subtitle", FILE), [SegmentRecord(0.0, 1.0, "dog a dog")])

    def counts() -> dict[str, int]:
        with library._catalog.read() as connection:
            query = "SELECT word, sum(num_segments) FROM segments_words GROUP BY word ORDER BY word"
            return {word: count for word, count in connection.execute(query) if count}

    assert counts() == {"0": 2, "1": 2, "2": 2, "3": 2, "a": 9, "dog": 9}
    with library._catalog.write() as connection:
        connection.execute("UPDATE tracks SET state = 'superseded' WHERE id = ?", (track.id,))
    assert counts()["dog"] == 8
    library.remove(video.id)
    assert counts() == {"0": 1, "1": 1, "2": 1, "3": 1, "a": 4, "dog": 4}
    assert library.verify() == []
    with library._catalog.write() as connection:
        connection.execute("UPDATE segments_words SET num_segments = 7 WHERE word = 'dog'")
        connection.execute("DELETE FROM segments_words WHERE word = '3'")
    (problem,) = library.verify(repair=True)
    assert problem.what == "How many segments have a word is wrong for 3 words."
    assert counts() == {"0": 1, "1": 1, "2": 1, "3": 1, "a": 4, "dog": 4}


def test_names_that_are_not_unicode_and_texts_with_nul_are_kept(library: Store, tmp_path: Path):
    path = tmp_path / "caf\udce9.mp4"
    video = four_frames(library, path)
    assert video.paths == (path,)
    assert library.lookup(path).is_known_here
    library.add_human_caption(video.id, 0.0, 1.0, "nul\0here")
    assert library.frames(video.id)[0].caption is not None
    assert library.match("here", 9, kinds=[WordKind("caption", is_human=True)])[0].text == "nul\ufffdhere"


def test_each_statement_is_planned_for_its_own_words(library: Store):
    """Guards against plans for any words, and against compiling them: both took longer than the queries."""
    with library._catalog.read() as connection:
        found = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("plan_cache_mode", "jit")]
    assert found == ["force_custom_plan", "off"]


def test_figures_for_planning_are_taken_again_when_enough_has_changed(library: Store, tmp_path: Path):
    def num_taken() -> int:
        library.refresh_vectors()
        with library._catalog.read() as connection:
            query = "SELECT pg_stat_get_analyze_count('segments'::regclass)"
            return int(connection.execute(query).fetchone()[0])

    four_frames(library, tmp_path / "a.mp4")
    assert num_taken() == 0, "8 segments can be searched in any way"
    frames = [record(float(second), axis(second), f"a dog {second}") for second in range(100)]
    put(library, write_file(tmp_path / "b.mp4", "b"), frames)
    assert [num_taken(), num_taken()] == [1, 1]
    four_frames(library, tmp_path / "c.mp4")
    assert num_taken() == 1


# --- several hosts ------------------------------------------------------------------------------------


def test_two_hosts_share_the_work(postgres_library: str, tmp_path: Path):
    videos = make_files(tmp_path / "videos", 10)
    Store.open(postgres_library, create=True).close()
    writers = [start("index", Path(postgres_library), videos) for _ in range(2)]
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    with Store.open(tmp_path / "alone", create=True) as alone, Store.open(postgres_library) as library:
        index_all(alone, videos)
        assert state_of(library) == state_of(alone)
        assert library.verify() == []


def test_a_host_killed_inside_a_transaction_leaves_nothing(library: Store, postgres_library: str, tmp_path):
    before = four_frames(library, tmp_path / "a.mp4")
    process = writer_in_a_transaction(postgres_library)
    assert library.videos() == [before], "readers do not wait for a writer, nor see half of what it does"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    after = four_frames(library, tmp_path / "b.mp4")
    assert [video.id for video in library.videos()] == [before.id, after.id]


def test_a_host_that_hangs_inside_a_transaction_loses_its_turn(
    library: Store, postgres_library: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    before = four_frames(library, tmp_path / "a.mp4")
    monkeypatch.setattr(postgres_catalog, "IDLE_SECONDS", 1)
    with Store.open(postgres_library) as hanging:

        def hang() -> None:
            with hanging._catalog.write() as connection:
                connection.execute("DELETE FROM videos")
                four_frames(library, tmp_path / "b.mp4")  # waits until the server gives up on the other
                connection.execute("DELETE FROM tracks")

        with pytest.raises(LibraryError, match="What was committed is safe"):
            hang()
        assert hanging.videos() == [before, library.video(2)], "it goes on with another connection"


def test_connections_that_the_server_closes_are_opened_again(library: Store, tmp_path: Path):
    """As a server that is started again does."""
    before = four_frames(library, tmp_path / "a.mp4")

    def write() -> None:
        with library._catalog.write() as connection:
            connection.execute("DELETE FROM videos")
            terminate_others(library)
            connection.execute("DELETE FROM tracks")

    with pytest.raises(LibraryError, match="cannot be reached: terminating connection"):
        write()
    assert library.videos() == [before]
    terminate_others(library)
    assert library.videos() == [before]
    four_frames(library, tmp_path / "b.mp4")


def test_more_threads_than_connections_take_turns(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    with ThreadPoolExecutor(3 * postgres_catalog._MAX_CONNECTIONS) as threads:
        answers = [threads.submit(library.frames, video.id) for _ in range(200)]
        writes = [threads.submit(library.set_exclude, [str(number)]) for number in range(20)]
    assert {len(each.result()) for each in answers} == {4}
    assert all(each.exception() is None for each in writes)


def terminate_others(library: Store) -> None:
    """Cut every connection to the database but the one that says so."""
    assert isinstance(library._catalog, PostgresCatalog)
    with psycopg.connect(library._catalog._at.conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    time.sleep(0.1)


def test_reading_asks_the_replica_until_something_is_written(
    postgres_server: str, postgres_library: str, tmp_path
):
    with Store.open(postgres_library, create=True) as library:
        video = four_frames(library, tmp_path / "a.mp4")
    port = server_address(postgres_server).conninfo.partition("127.0.0.1:")[2].partition("/")[0]
    with Store.open(f"{postgres_library}&replica=127.0.0.1:{port}") as library:
        assert isinstance(library._catalog, PostgresCatalog)
        assert library._catalog._replica is not None
        library._catalog._pool.close()
        assert library.videos() == [video]
    with Store.open(f"{postgres_library}&replica=127.0.0.1:1") as library:
        assert library.videos() == [video], "the server itself answers where the replica does not"


# --- addresses and errors -----------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_one_line_without_the_password():
    with pytest.raises(LibraryError) as caught:
        Store.open("postgresql://me:secret@127.0.0.1:1/videos?schema=holiday")
    text = str(caught.value)
    assert text.startswith(
        "The library postgresql://me@127.0.0.1:1/videos?schema=holiday cannot be reached: "
    )
    assert "secret" not in text
    assert "\n" not in text


def test_a_library_that_is_not_there_is_not_made_by_reading(postgres_library: str):
    with pytest.raises(
        LibraryNotFound, match="vidsearch index VIDEO_OR_FOLDER --library postgresql://tests@"
    ):
        Store.open(postgres_library)
    with pytest.raises(LibraryNotFound, match="not a schema name"):
        Store.open(f"{postgres_library}-;drop")


@pytest.mark.parametrize(
    ("version", "error", "what_to_do"),
    [
        ("4", LibraryNotWritable, "older format 4.* copy it to a folder"),
        ("99", LibraryTooNew, "Update vidsearch"),
    ],
)
def test_a_library_of_another_format_is_one_line(
    library: Store, postgres_library: str, version: str, error: type[LibraryError], what_to_do: str
):
    with library._catalog.write() as connection:
        connection.execute("UPDATE settings SET value = ? WHERE key = 'format_version'", (version,))
    with pytest.raises(error, match=what_to_do):
        Store.open(postgres_library)


def test_a_library_opened_to_be_read_is_not_written(library: Store, postgres_library: str, tmp_path: Path):
    with Store.open(postgres_library, read_only=True) as reader, pytest.raises(LibraryNotWritable):
        begin(reader, write_file(tmp_path / "a.mp4", "a"))


def test_a_missing_driver_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "vidsearch.store.postgres.catalog")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LibraryError, match=r'needs psycopg: pip install "vidsearch\[postgres\]"'):
        Store.open("postgresql://host/videos")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql://host/videos", "postgresql://host/videos"),
        ("postgres://me:pw@host:5433/videos?schema=a", "postgresql://me:pw@host:5433/videos?schema=a"),
        ("postgresql:///videos?host=/run/postgresql", "postgresql://@/videos?host=/run/postgresql"),
        ("videos", None),
        ("postgresql", None),
    ],
)
def test_an_address_goes_through_a_path(given: str, meant: str | None):
    assert server_url(Path(fit_for_a_path(given))) == meant


def test_every_table_comes_after_those_that_it_refers_to():
    names = [table.name for table in tables()]
    assert names.index("videos") < names.index("tracks") < names.index("segments") < names.index("vectors")
    assert SPACE.dim == 4
