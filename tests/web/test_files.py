"""Pictures and videos over HTTP: what is in the library, in ranges, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import av
import pytest
from starlette.applications import Starlette

from tests.captions.examples import video as example_video
from tests.fakes import ColourEmbedder
from tests.file_server import serving
from tests.synthetic import numbered, write_video
from tests.web.asgi import ask
from vidsearch.ingest import ingest
from vidsearch.store.store import Store
from vidsearch.web.files import plays_in_browser, preview_start, preview_url, routes, video_url
from vidsearch.web.page_library import PageLibrary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library of one clip, with a file beside it that is nobody's business."""
    tmp_path = tmp_path_factory.mktemp("files")
    clip = write_video(tmp_path / "clip #1.mp4", numbered, num_frames=30, frame_rate=10)
    (tmp_path / "secret.mp4").write_text("secret")
    with Store.open(tmp_path / "library", create=True) as library:
        ingest(library, [clip], embedders=[ColourEmbedder()])
    return tmp_path


@pytest.fixture(scope="module")
def app(folder):
    library = PageLibrary(folder / "library")
    return Starlette(routes=routes(lambda: library))


def test_a_frame_is_a_jpeg_that_may_be_kept(app):
    reply = ask(app, "/files/frames/1")
    assert reply.status == 200
    assert reply.body.startswith(b"\xff\xd8")
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.headers["cache-control"] == "private, max-age=86400"


def test_a_video_is_given_in_ranges(app, folder):
    whole = (folder / "clip #1.mp4").read_bytes()
    reply = ask(app, "/files/videos/1", range="bytes=10-19")
    assert (reply.status, reply.body) == (206, whole[10:20])
    assert reply.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert reply.headers["content-type"] == "video/mp4"
    assert ask(app, "/files/videos/1").body == whole


def test_a_video_elsewhere_is_played_through_the_page(tmp_path):
    """Its server may want credentials, which no browser has."""
    served = tmp_path / "served"
    served.mkdir()
    whole = write_video(served / "clip.mp4", numbered, num_frames=30, frame_rate=10).read_bytes()
    with serving(served) as server:
        with Store.open(tmp_path / "library", create=True) as library:
            ingest(library, [server.address("clip.mp4")], embedders=[ColourEmbedder()])
        page = PageLibrary(tmp_path / "library")
        app = Starlette(routes=routes(lambda: page))

        part = ask(app, "/files/videos/1", range="bytes=10-19")
        assert (part.status, part.body) == (206, whole[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
        assert ask(app, "/files/videos/1", range="bytes=0-").body == whole
        assert ask(app, "/files/videos/1").body == whole
        assert ask(app, "/files/videos/1", range=f"bytes={len(whole)}-").status == 416


def test_a_preview_is_h264_that_browsers_play(app, tmp_path):
    reply = ask(app, "/files/previews/1/0")
    assert reply.status == 200
    (tmp_path / "preview.mp4").write_bytes(reply.body)
    with av.open(str(tmp_path / "preview.mp4")) as preview:
        assert preview.streams.video[0].codec_context.name == "h264"


@pytest.mark.parametrize(
    "path",
    [
        "/files/videos/2",
        "/files/videos/9223372036854775808",
        "/files/videos/999999999999999999999",
        "/files/frames/9223372036854775808",
        "/files/frames/0",
        "/files/frames/x",
        "/files/frames/¹",
        "/files/previews/9223372036854775808/0",
        "/files/previews/1/99999999999999999999999",
        "/files/videos/-1",
        "/files/videos/../secret.mp4",
        "/files/videos/%2e%2e%2fsecret.mp4",
        "/files/videos/clip #1.mp4",
        "/files/frames/999",
        "/files/previews/2/0",
        "/files/previews/1/99999",
        "/files/heatmaps/1",
        "/files/heatmaps/9223372036854775808",
        "/files/",
    ],
)
def test_nothing_else_is_given(app, path):
    assert ask(app, path).status == 404


def test_a_video_that_is_gone_is_not_found(app, folder):
    clip = folder / "clip #1.mp4"
    clip.rename(folder / "elsewhere.mp4")
    try:
        assert ask(app, "/files/videos/1").status == 404
    finally:
        (folder / "elsewhere.mp4").rename(clip)


def test_another_file_under_the_name_is_not_given(app, folder):
    clip = folder / "clip #1.mp4"
    hidden = clip.rename(folder / "clip.away")
    clip.write_bytes(b"private".ljust(hidden.stat().st_size, b"!"))
    try:
        assert ask(app, "/files/videos/1").status == 404
        assert ask(app, "/files/previews/1/30").status == 404
    finally:
        hidden.rename(clip)


def test_a_file_of_a_type_that_browsers_do_not_play_is_not_given(app, folder):
    clip = folder / "clip #1.mp4"
    hidden = clip.rename(folder / "clip.away")
    copy = folder / "clip.mkv"
    copy.write_bytes(hidden.read_bytes())
    try:
        with Store.open(folder / "library") as library:
            library.add_path(1, copy)
        assert ask(app, "/files/videos/1").status == 404
        assert ask(app, "/files/previews/1/0").headers["content-type"] == "video/mp4"
    finally:
        hidden.rename(clip)


@pytest.mark.parametrize(
    ("name", "codec", "plays"),
    [
        ("a.mp4", "h264", True),
        ("a.WEBM", "vp9", True),
        ("a.mov", "h264", True),
        ("a.mp4", "hevc", False),
        ("a.mp4", "mpeg4", False),
        ("a.mkv", "h264", False),
        ("a.gif", "gif", False),
    ],
)
def test_what_browsers_do_not_play_is_converted(name, codec, plays):
    video = example_video(name)
    video = replace(video, info=replace(video.info, codec=codec))
    assert plays_in_browser(video) == plays
    assert video_url(video) == "/files/videos/1"
    assert preview_url(video) == "/files/previews/1/"


@pytest.mark.parametrize(
    ("time_seconds", "start"), [(0.0, 0), (0.5, 0), (30.0, 0), (31.0, 30), (59.0, 30), (100.0, 90)]
)
def test_previews_begin_a_little_before_what_is_wanted(time_seconds, start):
    assert preview_start(time_seconds) == start
    assert preview_start(start + 1) == start
