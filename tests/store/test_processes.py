"""Kills at any step, and several processes at once: the library is sound, and nothing is lost or twice."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from sqlite_utils import Database

from tests.conftest import REPOSITORY
from tests.store.examples import SPACE, axis, four_frames, write_file
from tests.store.kills import kill_everywhere
from tests.store.writer import FRAMES_PER_CHUNK, index_all
from vidsearch.store import setting_rows
from vidsearch.store import vectors as index_vectors
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.sqlite import schema
from vidsearch.store.sqlite.catalog import SqliteCatalog
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind


@pytest.fixture(params=[11, pytest.param(1, marks=pytest.mark.slow)], ids=["some steps", "every step"])
def stride(request: pytest.FixtureRequest) -> int:
    """How many steps further the next process gets than the one before."""
    return int(request.param)


State = list[tuple[str, bool, list[tuple[float, str, bytes, list[float]]]]]


def state_of(library: Store) -> State:
    """All that a library says of its videos, without ids."""
    videos = []
    for video in sorted(library.videos(), key=lambda video: video.path):
        frames = library.frames(video.id)
        ids, rows = library.vectors(SPACE, [frame.id for frame in frames])
        assert ids.tolist() == [frame.id for frame in frames]
        said = [
            (
                frame.time_seconds,
                frame.caption.text if frame.caption else "",
                library.thumbnail(frame.id),
                row,
            )
            for frame, row in zip(frames, rows.tolist(), strict=True)
        ]
        videos.append((video.path.name, video.is_complete, said))
    return videos


def assert_sound(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with Store.open(folder) as library:
        assert library.verify() == []


def make_files(folder: Path, count: int) -> Path:
    for number in range(count):
        write_file(folder / f"{number}.mp4", f"video {number}")
    return folder


def test_indexing_killed_on_the_way(tmp_path: Path, stride: int):
    """From nothing to done: making the library, chunks, captions, vectors, the vector files."""
    videos = make_files(tmp_path / "videos", 2)
    with Store.open(tmp_path / "whole", create=True) as library:
        index_all(library, videos)
        expected = state_of(library)
    folder = tmp_path / "library"
    numbers_of_frames = []

    def work() -> None:
        with Store.open(folder, create=True) as library:
            index_all(library, videos)

    def check() -> None:
        if (folder / "catalog.sqlite3").exists():
            assert_sound(folder)
            with Store.open(folder) as library:
                done = state_of(library)
                numbers_of_frames.append(sum(len(frames) for _, _, frames in done))
        work()
        assert_sound(folder)
        with Store.open(folder) as library:
            assert state_of(library) == expected
        shutil.rmtree(folder)

    assert kill_everywhere(work, check=check, every=min(3 * stride, stride**2)) > 5
    assert numbers_of_frames == sorted(numbers_of_frames)
    assert all(count % FRAMES_PER_CHUNK == 0 for count in numbers_of_frames), "half a chunk was kept"


def test_removing_killed_on_the_way(tmp_path: Path, stride: int):
    before = tmp_path / "before"
    with Store.open(before, create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        four_frames(library, tmp_path / "b.mp4", word="cat")
        library.refresh_vectors()
        both = state_of(library)
    folder = tmp_path / "library"
    shutil.copytree(before, folder)

    def work() -> None:
        with Store.open(folder) as library:
            library.remove(1)
            library.refresh_vectors()

    def check() -> None:
        assert_sound(folder)
        with Store.open(folder) as library:
            assert state_of(library) in (both, both[1:])
            ids, _ = library.nearest(SPACE, axis(0), 8)
            assert len(set(ids[0].tolist()) - {-1}) == 4 * len(library.videos())
        shutil.rmtree(folder)
        shutil.copytree(before, folder)

    assert kill_everywhere(work, check=check, every=stride) * stride > 20


def test_writing_the_vector_files_killed_on_the_way(
    tmp_path: Path, stride: int, monkeypatch: pytest.MonkeyPatch
):
    """With an approximate index in FAISS's format, too."""
    monkeypatch.setattr(index_vectors, "EXACT_ROWS", 4)
    before = tmp_path / "before"
    with Store.open(before, create=True) as library:
        index_all(library, make_files(tmp_path / "videos", 2))
        expected = library.nearest(SPACE, axis(0), 6)[0].tolist()
    for path in (before / "vectors").iterdir():
        path.unlink()
    folder = tmp_path / "library"
    shutil.copytree(before, folder)

    def work() -> None:
        with Store.open(folder) as library:
            library.refresh_vectors()

    def check() -> None:
        with Store.open(folder) as library:
            assert library.nearest(SPACE, axis(0), 6)[0].tolist() == expected
            library.refresh_vectors()
        assert_sound(folder)
        names = sorted(path.suffix for path in (folder / "vectors").iterdir())
        columns = [".rows", ".segments", ".times", ".videos"]
        assert names == [".faiss", ".json", ".lock", *columns], "a kill's leavings are swept up"
        shutil.rmtree(folder)
        shutil.copytree(before, folder)

    assert kill_everywhere(work, check=check, every=stride) * stride > 10


_TO_FORMAT_1 = (
    "INSERT INTO settings SELECT * FROM today.settings",
    """
    INSERT INTO spaces
    SELECT id, key, model, weights_digest, preprocessing, dim, revision, rewritten_at_revision
    FROM today.spaces
    """,
    """
    INSERT INTO videos
    SELECT v.id, v.content_hash, v.quick_key, v.size_bytes, v.container, v.codec, v.width, v.height,
        v.rotation_degrees, v.frame_rate, v.duration_seconds, v.num_audio_tracks, v.created_at,
        v.recorded_unix_seconds, t.params, t.is_complete, t.done_until_seconds, v.indexed_at, v.last_path
    FROM today.videos v JOIN today.tracks t ON t.video_id = v.id AND t.kind = 'frames'
    """,
    "INSERT INTO video_paths SELECT * FROM today.video_paths",
    """
    INSERT INTO video_spaces
    SELECT t.video_id, k.space_id FROM today.track_spaces k JOIN today.tracks t ON t.id = k.track_id
    """,
    """
    INSERT INTO frames SELECT f.id, t.video_id, f.start_seconds, f.attributes IS NOT NULL
    FROM today.segments f JOIN today.tracks t ON t.id = f.track_id WHERE t.kind = 'frames'
    """,
    "INSERT INTO thumbnails SELECT * FROM today.thumbnails",
    "INSERT INTO vectors SELECT * FROM today.vectors",
    """
    INSERT INTO captions
    SELECT NULL, f.id, 1, 1, c.text, c.text, 'model', t.producer, NULL, NULL, 0, t.created_at
    FROM today.tracks t JOIN today.segments c ON c.track_id = t.id
    JOIN frames f ON f.video_id = t.video_id AND f.time_seconds = c.start_seconds WHERE t.kind = 'caption'
    """,
)


def downgrade(folder: Path) -> None:
    """Make a library what the first format was: of one caption per frame, and without subtitles."""
    path, today = folder / "catalog.sqlite3", folder.parent / "today.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"VACUUM INTO '{today}'")
    for left in folder.glob("catalog.sqlite3*"):
        left.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema._migrations().apply(Database(connection, execute_plugins=False), stop_before="subtitles")
        connection.execute("ATTACH ? AS today", (str(today),))
        for statement in _TO_FORMAT_1:
            connection.execute(statement)
        connection.execute("DETACH today")
        connection.execute("PRAGMA journal_mode = WAL")
    today.unlink()


def test_migrating_killed_on_the_way(tmp_path: Path, stride: int):
    before = tmp_path / "before"
    with Store.open(before, create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        expected = state_of(library)
    downgrade(before)
    folder = tmp_path / "library"
    shutil.copytree(before, folder)

    def work() -> None:
        Store.open(folder).close()

    def check() -> None:
        with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('tracks', 'cues', 'corrections')"
            ).fetchone()
            assert (min(version, 3), tables) in ((1, 0), (2, 3), (3, 1))
        assert_sound(folder)
        with Store.open(folder) as library:
            assert state_of(library) == expected
            assert library.info().format_version == schema.FORMAT_VERSION
        shutil.rmtree(folder)
        shutil.copytree(before, folder)

    assert kill_everywhere(work, check=check, every=stride) * stride > 10


def start(command: str, folder: Path, what: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writer", command, str(folder), str(what)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_writers_take_turns_and_readers_do_not_wait(tmp_path: Path):
    videos = make_files(tmp_path / "videos", 30)
    folder = tmp_path / "library"
    writers = [start("index", folder, videos) for _ in range(3)]
    num_reads = 0
    while any(writer.poll() is None for writer in writers):
        if (folder / "catalog.sqlite3").exists():
            with Store.open(folder, read_only=num_reads % 2 == 1) as library:
                library.nearest(SPACE, axis(1), 5)
                library.match("frame", 5, kinds=[WordKind("caption")])
                for video in library.videos():
                    assert len(library.frames(video.id)) % FRAMES_PER_CHUNK == 0, "half a chunk is seen"
            num_reads += 1
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    assert num_reads > 0
    assert_sound(folder)
    with Store.open(tmp_path / "alone", create=True) as alone, Store.open(folder) as library:
        index_all(alone, videos)
        assert len(library.videos()) == 30
        assert state_of(library) == state_of(alone)


def test_a_lease_is_lost_at_once_by_a_process_that_dies(tmp_path: Path):
    whole = fingerprint(write_file(tmp_path / "a.mp4", "a"))
    folder = tmp_path / "library"
    with Store.open(folder, create=True) as library:
        holder = start("hold", folder, whole.content_hash)
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "True\n"
            assert library.take_lease(whole.content_hash) is None, "it is at work, not dead"
        finally:
            holder.kill()
            holder.communicate()
        lease = library.take_lease(whole.content_hash)
        assert lease is not None
        assert lease.deaths == 1
        assert library.take_lease(whole.content_hash) is None


def test_threads_share_a_library_and_leave_nothing_open(tmp_path: Path):
    """A page asks from a new thread each time; a connection for each would use up the file handles."""
    with Store.open(tmp_path / "library", create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
        found: list[list[int]] = []
        for _ in range(20):
            thread = Thread(target=lambda: found.append(library.nearest(SPACE, axis(2), 1)[0][0].tolist()))
            thread.start()
            thread.join()
        assert found == [[3]] * 20
        assert isinstance(library._catalog, SqliteCatalog)
        assert len(library._catalog._connections) <= 2


def test_every_library_has_an_identity_of_its_own(tmp_path: Path):
    seen = set()
    for name in ("one", "two"):
        with Store.open(tmp_path / name, create=True) as library, library._catalog.read() as connection:
            seen.add(setting_rows.get(connection, setting_rows.LIBRARY_ID))
    assert len(seen) == 2
