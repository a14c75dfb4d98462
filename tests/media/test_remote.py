from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import ColourEmbedder
from tests.file_server import FileServer, serving
from tests.synthetic import numbered, write_video
from vidsearch.errors import DamagedVideo, MediaError, SourceMissing, SourceUnavailable
from vidsearch.ingest import ingest
from vidsearch.media import remote
from vidsearch.media.clip import cut_clip
from vidsearch.media.decode import frame_at, frames
from vidsearch.media.discover import find_videos
from vidsearch.media.probe import probe
from vidsearch.media.ranges import BLOCK_BYTES, BlockCache, RangeReader
from vidsearch.media.source import source_of
from vidsearch.paths import Address, as_path
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import Frame, SamplingPlan

PLAN = SamplingPlan(fps=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered from another test, and nobody waits for long."""
    monkeypatch.setattr(remote, "_BLOCKS", BlockCache())
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of several blocks with its index at the end, and one with it at the start."""
    folder = tmp_path_factory.mktemp("films")
    noise = np.random.default_rng(0)

    def picture(number: int) -> np.ndarray:
        image = numbered(number, width=320, height=192).astype(np.int16)
        image += noise.integers(-30, 30, image.shape, dtype=np.int16)
        return image.clip(0, 255).astype(np.uint8)

    write_video(folder / "film.mp4", picture, num_frames=100, frame_rate=5, options={"crf": "20", "g": "10"})
    write_video(folder / "film.mkv", picture, num_frames=60, frame_rate=5, options={"crf": "20", "g": "10"})
    assert (folder / "film.mp4").stat().st_size > 8 * BLOCK_BYTES
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[FileServer]:
    with serving(folder) as opened:
        yield opened


def sampled(path: Path) -> tuple[list[Frame], str | None]:
    """The frames at 2 fps, and the content hash that came with them."""
    found = []
    decoding = frames(path, PLAN)
    while True:
        try:
            found.append(next(decoding))
        except StopIteration as end:
            return found, end.value.content_hash


def is_same(one: list[Frame], other: list[Frame]) -> bool:
    times = [frame.time_seconds for frame in one] == [frame.time_seconds for frame in other]
    return times and all(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_pictures_from_a_server_are_those_of_the_file(server, folder, name):
    here, no_hash = sampled(folder / name)
    there, content_hash = sampled(server.address(name))

    assert is_same(here, there)
    assert (no_hash, content_hash) == (None, fingerprint(folder / name).content_hash)
    assert probe(server.address(name)) == probe(folder / name)


def test_a_file_is_fetched_once_in_ranges_that_grow(server, folder):
    sampled(server.address("film.mp4"))

    size = (folder / "film.mp4").stat().st_size
    assert server.num_bytes <= size + BLOCK_BYTES
    assert len(server.ranges) < size / BLOCK_BYTES  # and not one for each block


def test_one_picture_costs_a_part_of_the_file(server, folder):
    frame_at(server.address("film.mp4"), 1.0)

    assert server.num_bytes < (folder / "film.mp4").stat().st_size / 2


def test_what_passes_is_tried_again_and_the_pictures_are_the_same(server, folder):
    server.faults.extend(["503", "429", "cut", "slow", "cut", "503"])

    there, content_hash = sampled(server.address("film.mp4"))

    assert is_same(there, sampled(folder / "film.mp4")[0])
    assert content_hash == fingerprint(folder / "film.mp4").content_hash


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_what_does_not_pass_is_one_error_and_not_a_short_video(server, fault, monkeypatch):
    monkeypatch.setattr(remote, "NUM_RETRIES", 2)
    address = server.address("film.mp4")
    decoding = frames(address, PLAN)
    next(decoding)
    server.always = fault
    remote._BLOCKS = BlockCache()

    with pytest.raises(SourceUnavailable, match="Try again later") as raised:
        list(decoding)
    assert raised.value.path == address


def test_a_server_without_ranges_is_refused_in_one_line(server):
    server.has_ranges = False

    with pytest.raises(MediaError, match="does not serve ranges"):
        probe(server.address("film.mp4"))


def test_a_file_that_is_shorter_than_its_server_says_is_refused(server):
    """The end of an MP4 is looked for where the server says that it is."""
    server.extra_length = 2 * BLOCK_BYTES

    with pytest.raises(MediaError, match=r"shorter than its server says|does not answer properly"):
        fingerprint(server.address("film.mp4"))


def test_a_file_that_is_not_there_is_no_server_that_is_busy(server):
    with pytest.raises(SourceMissing, match="is not there"):
        probe(server.address("none.mp4"))
    assert server.num_requests == 2  # HEAD and GET, once


def test_a_file_replaced_while_it_is_read_is_noticed_by_its_version(server, folder, tmp_path):
    own = tmp_path / "served"
    own.mkdir()
    served = own / "film.mp4"
    served.write_bytes((folder / "film.mp4").read_bytes())
    with serving(own) as other:
        decoding = frames(other.address("film.mp4"), PLAN)
        next(decoding)
        data = bytearray(served.read_bytes())
        data[-1] ^= 1
        served.write_bytes(data)

        with pytest.raises(DamagedVideo, match="changed while it was being read"):
            list(decoding)


def test_ffmpeg_opens_no_address_that_a_file_names(server, tmp_path):
    """A playlist, an SDP file or a concat script could name any."""
    (tmp_path / "list.m3u8").write_text(
        f"#EXTM3U\n#EXTINF:1,\n{server.address('film.mp4')}\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{server.address('film.mp4')}'\n")
    with serving(tmp_path) as evil:
        for name in ("list.m3u8", "list.mp4"):
            with pytest.raises(MediaError):
                probe(evil.address(name))
    assert server.num_requests == 0


def test_a_clip_is_cut_from_a_file_elsewhere(server, folder, tmp_path):
    cut_clip(server.address("film.mp4"), tmp_path / "there.mp4", start_seconds=4, end_seconds=6)
    cut_clip(folder / "film.mp4", tmp_path / "here.mp4", start_seconds=4, end_seconds=6)

    assert is_same(sampled(tmp_path / "there.mp4")[0], sampled(tmp_path / "here.mp4")[0])


def test_an_address_of_an_unknown_kind_is_one_line():
    with pytest.raises(MediaError, match="nothing here knows nowhere:// addresses"):
        source_of(as_path("nowhere://host/film.mp4"))


class TestRanges:
    """Reading through a file object, without a server."""

    DATA = np.random.default_rng(1).integers(0, 256, 9 * BLOCK_BYTES + 17, dtype=np.uint8).tobytes()

    def reader(self, asked: list[tuple[int, int]]) -> RangeReader:
        def fetch(start: int, end: int) -> bytes:
            asked.append((start, end))
            return self.DATA[start:end]

        return RangeReader(fetch, size_bytes=len(self.DATA), file="file", cache=BlockCache())

    def test_any_reads_give_what_the_file_holds(self):
        asked: list[tuple[int, int]] = []
        with self.reader(asked) as file:
            for start in (0, 5, BLOCK_BYTES - 1, 3 * BLOCK_BYTES, len(self.DATA) - 3, len(self.DATA) + 9):
                file.seek(start)
                assert file.read(BLOCK_BYTES + 2) == self.DATA[start : start + BLOCK_BYTES + 2]
            file.seek(-4, 2)
            assert file.read() == self.DATA[-4:]

    def test_read_from_start_to_end_each_byte_comes_once_in_growing_ranges(self):
        asked: list[tuple[int, int]] = []
        with self.reader(asked) as file:
            assert file.read() == self.DATA
            assert file.content_hash() is not None
        blocks = [(-(-(end - start) // BLOCK_BYTES)) for start, end in asked]
        assert blocks == [1, 1, 2, 4, 2]

    def test_of_a_file_that_was_read_in_part_nothing_is_claimed(self):
        data = bytes(40 * BLOCK_BYTES)
        reader = RangeReader(
            lambda start, end: data[start:end], size_bytes=len(data), file="big", cache=BlockCache()
        )
        with reader as file:
            file.read(BLOCK_BYTES)
            assert file.content_hash() is None


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Iterator[Any]:
    """A bucket on moto's S3 server, with films in folders."""
    import boto3
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patched:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="films")
        for key in (
            "a/film.mp4",
            "a/b/film.mkv",
            "a/drafts/film.mp4",
            "a/.hidden/film.mp4",
            "other/film.mp4",
        ):
            client.upload_file(str(folder / f"film{Path(key).suffix}"), "films", key)
        client.put_object(Bucket="films", Key="a/notes.txt", Body=b"no film")
        client.put_object(Bucket="films", Key="a/private/.nomedia", Body=b"")
        client.put_object(Bucket="films", Key="a/private/film.mp4", Body=b"x")
        client.put_object(Bucket="films", Key="a//odd.mp4", Body=b"x")
        yield client
        remote._connections.clear()
        client.close()
        server.stop()


def test_a_prefix_is_a_folder(bucket):
    found = find_videos([Address("s3://films/a/")], exclude=["drafts/", "odd.mp4"])

    assert [str(video) for video in found.videos] == ["s3://films/a/b/film.mkv", "s3://films/a/film.mp4"]
    assert all(size > BLOCK_BYTES for size in found.sizes_bytes.values())
    assert found.problems == ()


def test_a_prefix_without_videos_and_one_that_is_not_there_say_so(bucket):
    found = find_videos([Address("s3://films/none"), Address("s3://nowhere/a")])

    assert found.videos == ()
    assert [reason for _, reason in found.problems] == ["is not there", "is not there"]


def test_an_s3_object_gives_the_pictures_of_the_file(bucket, folder):
    there, content_hash = sampled(Address("s3://films/a/b/film.mkv"))

    assert is_same(there, sampled(folder / "film.mkv")[0])
    assert content_hash == fingerprint(folder / "film.mkv").content_hash


def test_an_object_that_was_uploaded_again_has_another_version(bucket, folder):
    address = Address("s3://films/versions/film.mp4")
    bucket.upload_file(str(folder / "film.mp4"), "films", "versions/film.mp4")
    before = source_of(address).state()
    bucket.upload_file(str(folder / "film.mkv"), "films", "versions/film.mp4")

    after = source_of(address).state()

    assert before.version is not None
    assert after.version not in (None, before.version)


def test_many_threads_read_at_once(bucket, folder):
    """One backend serves them all, and keeps its connections."""
    wanted = frame_at(folder / "film.mp4", 3.0).image
    got: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: got.append(
                np.array_equal(frame_at(Address("s3://films/a/film.mp4"), 3.0).image, wanted)
            )
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [True] * 6


def test_subtitles_beside_an_s3_object_are_its_tracks(bucket, folder, tmp_path):
    lines = "1\n00:00:01,000 --> 00:00:02,000\nWo ist Bello?\n"
    bucket.upload_file(str(folder / "film.mkv"), "films", "said/film.mkv")
    bucket.put_object(Bucket="films", Key="said/film.de.srt", Body=lines.encode())
    bucket.put_object(Bucket="films", Key="said/other.srt", Body=lines.encode())
    bucket.put_object(Bucket="films", Key="said/film/film.fr.srt", Body=lines.encode())

    with Store.open(tmp_path / "library", create=True) as library:
        report = ingest(library, [Address("s3://films/said")], embedders=[ColourEmbedder()])
        (video,) = library.videos()
        tracks = [track for track in library.tracks(video.id) if track.kind == "subtitle"]
        (match,) = library.match("bello", 9, kinds=(WordKind("subtitle"),))

    assert report.failures == ()
    assert [(track.name, track.language) for track in tracks] == [("film.de.srt", "de")]
    assert (match.text, match.start_seconds) == ("Wo ist Bello?", 1.0)
