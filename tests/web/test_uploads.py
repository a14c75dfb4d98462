"""Dropped videos: whole files in the folder that was chosen, under safe names, and nothing in their place."""

from __future__ import annotations

import json
import os
import shutil
import stat
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from starlette.applications import Starlette

from tests.web.asgi import ask, post
from vidsearch.errors import QueryError
from vidsearch.store.store import Store
from vidsearch.web import uploads as module
from vidsearch.web.page_library import PageLibrary
from vidsearch.web.uploads import Refused, Uploads, chosen_folder, video_name


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "videos"
    made.mkdir()
    return made


@pytest.fixture
def page(tmp_path, folder):
    """The uploads of a page, an application that takes them, and a way to send one."""
    Store.open(tmp_path / "library", create=True).close()
    library = PageLibrary(tmp_path / "library")
    uploads = Uploads()
    app = Starlette(routes=uploads.routes(lambda: library))
    ticket = uploads.ticket(folder)

    def send(name, body=b"moving pictures", *more, to=ticket, length=None):
        length = str(len(body) if length is None else length)
        query = f"name={quote(name)}"
        reply = post(app, f"/files/uploads/{to}", body, *more, query=query, content_length=length)
        answer = json.loads(reply.body or b"{}")
        return reply.status, answer.get("name") or answer.get("detail")

    return SimpleNamespace(uploads=uploads, app=app, ticket=ticket, send=send)


def test_a_video_arrives_whole_under_its_name(page, folder):
    assert page.send("cat.MP4", b"meow" * 100_000) == (200, "cat.mp4")
    assert (folder / "cat.mp4").read_bytes() == b"meow" * 100_000
    assert page.uploads.kept(page.ticket) == [folder / "cat.mp4"]


def test_another_video_of_the_same_name_gets_another_and_the_same_one_stays_alone(page, folder):
    (folder / "cat.mp4").write_bytes(b"mine")
    assert page.send("cat.mp4", b"another") == (200, "cat (2).mp4")
    assert page.send("cat.mp4", b"mine") == (200, "cat.mp4")
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == {
        "cat.mp4": b"mine",
        "cat (2).mp4": b"another",
    }
    assert page.uploads.kept(page.ticket) == [folder / "cat (2).mp4", folder / "cat.mp4"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../cat.mp4", "cat.mp4"),
        ("/etc/cat.mp4", "cat.mp4"),
        ("C:\\videos\\cat.mp4", "cat.mp4"),
        ("..mp4.mp4", "mp4.mp4"),
        (".hidden.mp4", "hidden.mp4"),
        ("-rf.mp4", "_rf.mp4"),
        ("con.mp4", "con_.mp4"),
        ("a\x00b\nc\u202e.mp4", "a_b_c_.mp4"),
        ("日本.webm", "日本.webm"),
    ],
)
def test_no_name_leads_out_of_the_folder_or_hides_a_file(page, folder, sent, kept):
    assert page.send(sent) == (200, kept)
    assert [one.name for one in folder.iterdir()] == [kept]


@pytest.mark.parametrize("name", ["", "cat", ".mp4", "cat.mp4.exe", "catalog.sqlite3", "x.py"])
def test_what_is_no_video_is_refused(page, folder, name):
    status, why = page.send(name)
    assert (status, why) == (415, "This is not a video: its name has no video suffix.")
    assert list(folder.iterdir()) == []


def test_a_long_name_is_cut_and_keeps_its_suffix():
    assert video_name("ä" * 300 + ".mp4").endswith(".mp4")
    assert len(video_name("ä" * 300 + ".mp4").encode()) <= 255


def test_only_a_ticket_says_where_a_file_goes(page, folder, tmp_path):
    assert page.send("cat.mp4", to="not-a-ticket")[0] == 404
    assert ask(page.app, f"/files/uploads/{page.ticket}", query="name=cat.mp4").status == 405
    for _ in range(module._MAX_TICKETS):
        page.uploads.ticket(tmp_path)
    assert page.send("cat.mp4")[0] == 404
    assert list(folder.iterdir()) == []


def test_a_file_that_does_not_come_whole_leaves_nothing(page, folder):
    assert page.send("cat.mp4", b"half", length=8)[0] == 400
    assert page.send("cat.mp4", b"too much", length=3)[0] == 400
    assert page.send("cat.mp4", b"half", "and breaks off", length=8)[0] == 400
    assert list(folder.iterdir()) == []
    assert page.uploads.kept(page.ticket) == []


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "¹".encode().decode("latin-1")])
def test_a_file_of_unknown_length_is_refused(page, length):
    assert page.send("cat.mp4", length=length)[0] == 411


def test_a_disk_without_room_is_said_before_anything_is_written(page, folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**30 + 10))
    status, why = page.send("cat.mp4", b"eleven byte")
    assert status == 507
    assert why == f"It has 0.0 MB, and {folder} has room for 0.0 MB."
    assert list(folder.iterdir()) == []


def test_nothing_is_written_into_a_library(page, tmp_path):
    ticket = page.uploads.ticket(tmp_path / "library")
    status, why = page.send("cat.mp4", to=ticket)
    assert status == 409
    assert "inside the library" in why


def test_a_folder_that_is_gone_is_said(page, folder):
    folder.rmdir()
    assert page.send("cat.mp4") == (409, f"The folder {folder} is gone.")


def test_a_folder_must_be_there_and_writable(folder):
    assert chosen_folder(f" {folder} ") == folder
    with pytest.raises(QueryError, match="Say which folder"):
        chosen_folder(" ")
    with pytest.raises(QueryError, match="There is no folder"):
        chosen_folder(str(folder / "none"))
    with pytest.raises(QueryError, match="There is no folder"):
        chosen_folder("x" * 5000)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if not os.access(folder, os.W_OK):  # root may write everywhere
        with pytest.raises(QueryError, match="cannot be written to"):
            chosen_folder(str(folder))


def test_a_refusal_has_a_status():
    with pytest.raises(Refused) as refused:
        video_name("notes.txt")
    assert refused.value.status == 415
