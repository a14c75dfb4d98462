"""Google Cloud Storage and SMB, each against a server of its kind."""

from __future__ import annotations

import os
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from tests.smb_server import PASSWORD, USER, SmbServer, smb_serving
from tests.synthetic import numbered, write_video
from vidsearch.errors import DamagedVideo, MediaError, SourceMissing, SourceUnavailable
from vidsearch.media import remote
from vidsearch.media.decode import frames
from vidsearch.media.discover import find_videos
from vidsearch.media.ranges import BLOCK_BYTES, BlockCache
from vidsearch.media.source import source_of
from vidsearch.paths import Address
from vidsearch.store.fingerprint import fingerprint
from vidsearch.types import SamplingPlan

PLAN = SamplingPlan(fps=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is remembered from another test, and nobody waits for long."""
    monkeypatch.setattr(remote, "_BLOCKS", BlockCache())
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.05)
    remote._connections.clear()
    yield
    remote._connections.clear()


def film(path: Path, seed: int = 0) -> Path:
    """A film of some blocks."""
    noise = np.random.default_rng(seed)

    def picture(number: int) -> np.ndarray:
        image = numbered(number, width=320, height=192).astype(np.int16)
        image += noise.integers(-30, 30, image.shape, dtype=np.int16)
        return image.clip(0, 255).astype(np.uint8)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, picture, num_frames=40, frame_rate=5, options={"crf": "20", "g": "10"})
    assert path.stat().st_size > 3 * BLOCK_BYTES
    return path


def assert_same(there: Path, here: Path) -> None:
    """The pictures of both are the same, and the whole of the file passed."""
    found = []
    decoding = frames(there, PLAN)
    while True:
        try:
            found.append(next(decoding))
        except StopIteration as end:
            content_hash = end.value.content_hash
            break
    expected = list(frames(here, PLAN))
    assert [frame.time_seconds for frame in found] == [frame.time_seconds for frame in expected]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))
    assert content_hash == fingerprint(here).content_hash


# --- SMB -----------------------------------------------------------------------------------------------


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmbServer]:
    from fsspec.config import conf

    film(tmp_path / "films" / "a.mp4")
    film(tmp_path / "films" / "series 1" / "Größe #2.mp4", seed=1)
    monkeypatch.setitem(conf, "smb", {"username": USER, "password": PASSWORD})
    with smb_serving(tmp_path / "films", tmp_path / "samba") as server:
        yield server
    import smbclient

    smbclient.reset_connection_cache(fail_on_error=False)


def test_a_share_is_a_folder_and_its_films_are_those_on_the_disk(share, tmp_path):
    found = find_videos([share.address("")])

    names = [str(video).partition("/films/")[2] for video in found.videos]
    assert (names, found.problems) == (["a.mp4", "series 1/Größe #2.mp4"], ())
    for name in names:
        assert_same(share.address(name), tmp_path / "films" / name)


def test_several_threads_read_one_film_while_somebody_else_has_it_open(share, tmp_path):
    """Pictures and sound are read at once. By itself the backend locks a file that it reads."""
    import smbclient

    ends: list[object] = []

    def read() -> None:
        try:
            ends.append(len(list(frames(share.address("a.mp4"), PLAN))))
        except MediaError as error:
            ends.append(error)

    state = source_of(share.address("a.mp4")).state()
    assert state.size_bytes == (tmp_path / "films" / "a.mp4").stat().st_size
    unc = r"\\127.0.0.1\films\a.mp4"
    with smbclient.open_file(unc, "rb", port=share.port, share_access="rwd"):
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ends == [8] * 4


def test_a_share_that_went_down_and_came_back_is_logged_into_again(share, tmp_path):
    decoding = frames(share.address("a.mp4"), PLAN)
    first = next(decoding)
    share.stop()
    back = threading.Timer(0.3, share.start)
    back.start()
    remote._BLOCKS = BlockCache()

    rest = list(decoding)

    back.join()
    assert len([first, *rest]) == 8
    assert_same(share.address("a.mp4"), tmp_path / "films" / "a.mp4")


def test_a_share_that_is_down_is_one_error(share):
    address = share.address("a.mp4")
    share.stop()
    with pytest.raises(SourceUnavailable, match="Try again later"):
        source_of(address).state()


def test_what_is_not_there_is_said_at_once(share):
    began = time.monotonic()
    for name in ("none.mp4", "none/a.mp4", "a.mp4/b.mp4"):
        with pytest.raises(SourceMissing):
            source_of(share.address(name)).state()
    with pytest.raises(SourceMissing):
        source_of(Address(f"smb://127.0.0.1:{share.port}/nothing/a.mp4")).state()
    assert time.monotonic() - began < 20  # and not after six waits each


def test_a_wrong_password_is_one_line_that_does_not_tell_it(share, monkeypatch):
    from fsspec.config import conf

    monkeypatch.setitem(conf, "smb", {"username": USER, "password": "guessed"})
    with pytest.raises(SourceUnavailable, match="denies access") as raised:
        source_of(share.address("a.mp4")).state()
    assert "guessed" not in str(raised.value)


def test_a_film_replaced_while_it_is_read_is_noticed_by_its_time(share, tmp_path):
    decoding = frames(share.address("a.mp4"), PLAN)
    next(decoding)
    film(tmp_path / "other.mp4", seed=2)
    shutil.copy(tmp_path / "other.mp4", tmp_path / "films" / "a.mp4")

    with pytest.raises(DamagedVideo, match="changed while it was being read"):
        list(decoding)


# --- Google Cloud Storage ------------------------------------------------------------------------------


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A bucket on an emulator: the folder whose files it holds."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    pytest.importorskip("gcsfs")
    # It would serve one connection at a time, and its clients keep theirs.
    monkeypatch.setattr(emulator.server, "HTTPServer", ThreadingHTTPServer)
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="films")
    server.start()
    while server._api._httpd is None:
        time.sleep(0.01)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server._api._httpd.server_port}")
    film(tmp_path / "films" / "a" / "b" / "film.mp4")
    put(tmp_path / "films" / "a" / "b" / "film.mp4", "a/b/film.mp4")
    (tmp_path / "films" / "a" / "notes.txt").write_text("no film")
    put(tmp_path / "films" / "a" / "notes.txt", "a/notes.txt")
    yield tmp_path / "films"
    server.stop()


def put(path: Path, name: str) -> None:
    """Upload a file into the bucket."""
    host = os.environ["STORAGE_EMULATOR_HOST"]
    url = f"{host}/upload/storage/v1/b/films/o?uploadType=media&name={quote(name, safe='')}"
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=path.read_bytes(), headers=headers, method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def test_a_google_bucket_is_a_folder_and_its_films_are_those_of_the_disk(bucket):
    found = find_videos([Address("gs://films/a")])

    assert [str(video) for video in found.videos] == ["gs://films/a/b/film.mp4"]
    assert_same(found.videos[0], bucket / "a" / "b" / "film.mp4")


def test_a_google_object_has_a_version_and_one_that_is_not_there_is_missing(bucket):
    state = source_of(Address("gs://films/a/b/film.mp4")).state()

    assert state.size_bytes == (bucket / "a" / "b" / "film.mp4").stat().st_size
    assert (state.version or "").startswith("generation ")
    with pytest.raises(SourceMissing):
        source_of(Address("gs://films/none.mp4")).state()


def test_a_google_object_replaced_while_it_is_read_is_noticed(bucket):
    decoding = frames(Address("gs://films/a/b/film.mp4"), PLAN)
    next(decoding)
    put(film(bucket / "other.mp4", seed=3), "a/b/film.mp4")

    with pytest.raises(DamagedVideo, match="changed while it was being read"):
        list(decoding)
