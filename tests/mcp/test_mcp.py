"""The tools as an assistant uses them: the SDK's own client, in process, over stdio and over HTTP."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import av
import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ImageContent, ResourceLink, TextContent
from PIL import Image

from tests.web.test_serve import free_port, wait_until_it_listens
from vidsearch import Library
from vidsearch.mcp.server import PATH, create_app, create_server
from vidsearch.search.query import FrameReference

TOKEN = "a-token-for-tests"


def asked(server, use: Callable[[Client], Awaitable[None]]) -> None:
    """Let a client use a server: an MCPServer, or a transport."""

    async def run() -> None:
        async with Client(server) as client:
            await use(client)

    anyio.run(run)


def words(result) -> str:
    assert not result.is_error, result.content
    return "\n".join(each.text for each in result.content if isinstance(each, TextContent))


def pictures(result) -> list[Image.Image]:
    return [
        Image.open(io.BytesIO(base64.b64decode(each.data)))
        for each in result.content
        if isinstance(each, ImageContent)
    ]


def links(result) -> list[str]:
    return [str(each.uri) for each in result.content if isinstance(each, ResourceLink)]


@pytest.fixture(scope="module")
def library(sample_folder):
    with Library.open(sample_folder) as opened:
        yield opened


def test_search_gives_moments_with_times_reasons_pictures_and_links(library):
    async def use(client):
        found = await client.call_tool("search", {"text": "a cat", "limit": 2})
        lines = words(found).splitlines()
        assert lines[0] == "Found."
        assert re.match(r"1\. cat\.mp4 \(#2\), \d:\d\d.* to \d:\d\d.*, best at [\d.]+ s, \d+%", lines[1])
        assert "why: " in words(found)
        assert [picture.width for picture in pictures(found)] == [320, 320]
        link = links(found)[0]
        assert link.startswith("vidsearch://videos/2/frames/")
        frame = (await client.read_resource(link)).contents[0]
        assert frame.mime_type == "image/jpeg"
        without = await client.call_tool("search", {"text": "a cat", "limit": 2, "pictures": False})
        assert (pictures(without), links(without)) == ([], links(found))

    asked(create_server(library), use)


def test_the_next_moments_come_by_a_cursor(library):
    async def use(client):
        first = words(await client.call_tool("search", {"text": "a person", "limit": 2, "pictures": False}))
        ((left, cursor),) = re.findall(r"(\d+) more: ask the same again with cursor='([^']+)'", first)
        arguments = {"text": "a person", "limit": 2, "pictures": False, "cursor": cursor}
        second = words(await client.call_tool("search", arguments))
        assert int(left) > 0
        assert [line[0] for line in first.splitlines() if line[0].isdigit()][:2] == ["1", "2"]
        assert [line[0] for line in second.splitlines() if re.match(r"\d+\. ", line)] == ["3", "4"]
        wrong = await client.call_tool("search", {**arguments, "text": "a dog"})
        assert wrong.is_error
        assert "not a cursor of this list" in wrong.content[0].text

    asked(create_server(library), use)


def test_a_search_stays_within_the_videos_named(library):
    async def use(client):
        found = words(await client.call_tool("search", {"text": "a person", "video": "space", "limit": 20}))
        assert set(re.findall(r"(\S+\.mp4) \(#", found)) == {"space.mp4"}
        unknown = await client.call_tool("search", {"text": "a person", "video": "holiday.mp4"})
        assert unknown.is_error
        assert "no video 'holiday.mp4'" in unknown.content[0].text

    asked(create_server(library), use)


def test_looking_shows_the_frame_and_likeness_finds_its_like(library):
    async def use(client):
        look = await client.call_tool("look", {"video": "cat.mp4", "time_seconds": 6})
        assert (words(look), [each.width for each in pictures(look)]) == ("cat.mp4 (#2) at 0:06", [640])
        late = await client.call_tool("look", {"video": "#2", "time_seconds": 60})
        assert late.is_error
        similar = await client.call_tool("find_similar", {"video": "cat", "time_seconds": 6, "limit": 1})
        assert "cat.mp4 (#2)" in words(similar)

    asked(create_server(library), use)


def test_a_video_is_described_with_what_is_said_in_it(sample_folder, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "library")
    cues = "".join(
        f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},900\nline {n} {'word ' * 120}\n\n" for n in range(15)
    )
    (tmp_path / "cat.srt").write_text(cues)

    async def use(client):
        arguments: dict[str, object] = {"video": "cat"}
        parts = []
        while True:
            parts.append(words(await client.call_tool("describe_video", arguments)))
            assert len(parts[-1]) < 7000
            more = re.search(r"cursor='([^']+)'", parts[-1])
            if more is None:
                break
            arguments["cursor"] = more[1]
        assert parts[0].startswith("#2 cat.mp4, 0:16, 640x")
        assert len(parts) > 1
        assert re.findall(r"\(subtitle\) line (\d+)", "\n".join(parts)) == [str(n) for n in range(15)]
        part = words(
            await client.call_tool("describe_video", {"video": "cat", "start_seconds": 3, "end_seconds": 5})
        )
        assert re.findall(r"line (\d+)", part) == ["3", "4"]

    with Library.open(tmp_path / "library") as library:
        library.import_subtitles(tmp_path / "cat.srt", "cat.mp4")
        asked(create_server(library), use)


def test_the_library_is_described(library):
    async def use(client):
        lines = words(await client.call_tool("describe_library", {})).splitlines()
        assert lines[0].startswith("4 videos, 1:04 in all: ")
        assert re.match(r"\d+%: .+, as in \w+\.mp4 \(#\d\) at 0:\d\d", lines[2]), lines
        assert "coffee" in lines[-1]

    asked(create_server(library), use)


def test_videos_are_listed(library):
    async def use(client):
        listed = words(await client.call_tool("list_videos", {})).splitlines()
        assert [line.split(",")[0] for line in listed] == [
            "#1 cafe.mp4",
            "#2 cat.mp4",
            "#3 photographer.mp4",
            "#4 space.mp4",
        ]
        assert words(await client.call_tool("list_videos", {"name": "z*"})) == "There are no such videos."

    asked(create_server(library), use)


def test_nothing_can_be_changed_unless_it_was_allowed(library, tmp_path):
    async def reading(client):
        tools = (await client.list_tools()).tools
        assert sorted(tool.name for tool in tools) == [
            "describe_library",
            "describe_video",
            "explain",
            "find_similar",
            "list_concepts",
            "list_labels",
            "list_videos",
            "look",
            "search",
        ]
        assert all(tool.annotations.read_only_hint and not tool.annotations.open_world_hint for tool in tools)
        assert all(tool.title and tool.description for tool in tools)
        refused = {"video": "#2", "time_seconds": 6, "text": "Minka"}
        assert (await client.call_tool("correct_caption", refused)).is_error
        taught = {"name": "Minka", "examples": ["#2@6"]}
        assert (await client.call_tool("teach", taught)).is_error
        assert (await client.call_tool("label", {"labels": ["a cat"]})).is_error

    async def writing(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert not tools["correct_caption"].annotations.read_only_hint
        assert tools["correct_caption"].annotations.destructive_hint
        assert not tools["cut_clip"].annotations.destructive_hint

    asked(create_server(library), reading)
    asked(create_server(library, allow_write=True, clip_folder=tmp_path), writing)


def test_a_correction_is_found_and_a_clip_lies_in_its_folder_alone(sample_folder, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "library")
    clips = tmp_path / "clips"
    clips.mkdir()

    async def use(client):
        said = words(
            await client.call_tool(
                "correct_caption", {"video": "cat", "time_seconds": 6, "text": "Minka asleep"}
            )
        )
        assert said.endswith("now says: Minka asleep")
        assert "Minka asleep" in words(await client.call_tool("search", {"text": "minka", "limit": 1}))
        span = {"video": "cat", "start_seconds": 4, "end_seconds": 6}
        words(await client.call_tool("cut_clip", span))
        assert (await client.call_tool("cut_clip", span)).is_error
        assert (await client.call_tool("cut_clip", {**span, "end_seconds": 4000})).is_error
        assert (await client.call_tool("cut_clip", {**span, "video": "../cat.mp4"})).is_error

    with Library.open(tmp_path / "library") as library:
        asked(create_server(library, allow_write=True, clip_folder=clips), use)
    (clip,) = clips.iterdir()
    with av.open(str(clip), "r") as container:
        assert (container.duration or 0) / 1e6 == pytest.approx(2, abs=0.1)


def test_what_was_taught_is_listed_and_a_file_is_no_example(sample_folder, tmp_path, monkeypatch):
    shutil.copytree(sample_folder, tmp_path / "library")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "secret@5", "png")
    monkeypatch.chdir(tmp_path)

    async def use(client):
        assert words(await client.call_tool("list_concepts", {})) == "Nothing was taught yet."
        for path in ("secret@5", str(tmp_path / "secret@5"), "cat.png"):
            assert (await client.call_tool("teach", {"name": "Red", "examples": [path]})).is_error
        arguments = {"name": "Minka", "examples": ["cat.mp4@2", "#2@6"], "words": "a grey cat"}
        said = words(await client.call_tool("teach", arguments)).splitlines()
        assert said[0] == "Minka, a grey cat: 2 for, version 1"
        assert re.match(
            r"Check with mini: each example .*; \d of 2 rank in the top 1% of all frames\.", said[1]
        )
        assert words(await client.call_tool("list_concepts", {})) == said[0]
        assert "cat.mp4 (#2)" in words(await client.call_tool("search", {"text": "Minka", "limit": 1}))

    with Library.open(tmp_path / "library") as library:
        asked(create_server(library, allow_write=True), use)


def test_a_heat_map_shows_where_words_are_seen(library):
    async def use(client):
        arguments = {"video": "cat", "time_seconds": 6, "text": "a cat"}
        shown = await client.call_tool("explain", arguments)
        assert words(shown) == "Where 'a cat' is seen in cat.mp4 (#2) at 0:06:"
        (picture,) = pictures(shown)
        assert (picture.format, picture.width, picture.height > 360) == ("JPEG", 640, True)
        assert (await client.call_tool("explain", {**arguments, "time_seconds": 600})).is_error
        assert (await client.call_tool("explain", {**arguments, "text": " "})).is_error

    asked(create_server(library), use)


def test_labels_are_looked_for_and_listed(sample_folder, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "library")

    async def use(client):
        assert words(await client.call_tool("list_labels", {})) == "No labels were looked for yet."
        said = words(await client.call_tool("label", {"labels": ["coffee", "a zebra"]})).splitlines()
        assert said[0].endswith("frames of 4 videos.")
        assert said[1:] == ["coffee: once", "a zebra: not seen"]
        listed = words(await client.call_tool("list_labels", {})).splitlines()
        assert re.match(r"coffee: once, 0:0\d in all, \d+% at the surest", listed[0]), listed
        assert listed[1] == "a zebra: not seen"
        where = words(await client.call_tool("list_labels", {"video": "cafe"}))
        assert re.fullmatch(r"0:\d\d to 0:\d\d: coffee, \d+%", where), where
        assert words(await client.call_tool("list_labels", {"video": "cat"})) == "No label was seen in it."
        assert (await client.call_tool("label", {"labels": [" "]})).is_error

    with Library.open(tmp_path / "library") as library:
        asked(create_server(library, allow_write=True), use)


def test_every_answer_is_short_however_long_the_words_are(sample_folder, tmp_path):
    """Of what people write themselves: captions, names, what is said."""
    shutil.copytree(sample_folder, tmp_path / "library")
    long = "a cat " * 320

    async def use(client):
        for tool, arguments in (
            ("search", {"text": "a cat", "limit": 20}),
            ("find_similar", {"video": "cat", "time_seconds": 6, "limit": 20}),
            ("describe_video", {"video": "cat"}),
            ("describe_library", {}),
            ("list_videos", {}),
            ("list_labels", {}),
            ("list_labels", {"video": "cat"}),
            ("list_concepts", {}),
        ):
            answer = await client.call_tool(tool, arguments)
            assert len(words(answer)) < 8000, tool
            assert sum(len(block.model_dump_json()) for block in answer.content) < 1_000_000, tool
            more = re.search(r"cursor='([^']+)'", words(answer))
            if more is not None:
                words(await client.call_tool(tool, {**arguments, "cursor": more[1]}))
        text = (await client.read_resource("vidsearch://videos/2")).contents[0].text
        assert len(text) < 8000

    with Library.open(tmp_path / "library") as library:
        for video in library.videos():
            for frame in library.store.frames(video.id):
                moment = FrameReference(f"#{video.id}", frame.time_seconds)
                library.correct(moment, f"{frame.id} {long}", only_here=True)
        for number in range(30):
            library.concepts.teach(f"name {number}", ["cat.mp4@2"], words=f"{number} {long}")
        library.labels.apply([f"label {number} {'x' * 400}" for number in range(100)], min_confidence=0.001)
        asked(create_server(library), use)


def test_over_stdio_stdout_has_nothing_but_the_protocol(sample_folder):
    """A line of anything else on stdout ends the connection with most clients."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "vidsearch", "mcp", "--library", str(sample_folder)],
        env=dict(os.environ),
    )

    async def use(client):
        assert "cat.mp4" in words(await client.call_tool("search", {"text": "a cat", "limit": 1}))
        assert pictures(await client.call_tool("look", {"video": "cat", "time_seconds": 6}))

    asked(stdio_client(command), use)
    request = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    done = subprocess.run(
        [sys.executable, "-m", "vidsearch", "mcp", "--library", str(sample_folder)],
        input=request,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert all(line.startswith('{"jsonrpc"') for line in done.stdout.splitlines())


def test_over_http_a_token_is_asked_for(library):
    port = free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}{PATH}"
    app = create_app(create_server(library), token=TOKEN, names=frozenset({"127.0.0.1"}))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until_it_listens("127.0.0.1", port)

        async def run() -> None:
            async with httpx2.AsyncClient() as stranger:
                refused = await stranger.post(address, json={})
                assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
                named = {"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}
                assert (await stranger.post(address, json={}, headers=named)).status_code == 421
            async with (
                httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
                Client(streamable_http_client(address, http_client=http)) as client,
            ):
                found = await client.call_tool("search", {"text": "a cat", "limit": 1})
                assert "cat.mp4" in words(found)
                assert len(pictures(found)) == 1

        anyio.run(run)
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.mark.parametrize(
    ("extra", "module", "command"), [("mcp", "mcp", "mcp"), ("serve", "fastapi", "serve")]
)
def test_a_missing_extra_is_one_line(tmp_path, sample_folder, extra, module, command):
    (tmp_path / f"{module}.py").write_text(f"raise ImportError('no {module}')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "VIDSEARCH_TOKEN": TOKEN}
    code = "import sys; from vidsearch.__main__ import main; sys.argv[0] = 'vidsearch'; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--library", str(sample_folder)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if f"pip install 'vidsearch[{extra}]'" in line]
    assert "Traceback" not in done.stderr
