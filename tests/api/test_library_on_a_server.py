"""`vidsearch serve` and `vidsearch mcp` as processes, with a library that lies on a PostgreSQL server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters, stdio_client

from tests.api.conftest import TOKEN
from tests.api.test_jobs import events
from tests.mcp.test_mcp import words
from tests.web.test_serve import free_port, wait_until_it_listens
from vidsearch import Library
from vidsearch.store.postgres.address import fit_for_a_path


@pytest.fixture
def address(sample_folder: Path, postgres_library: str) -> str:
    """The address of a copy of the sample library, without space.mp4."""
    with Library.open(sample_folder) as library:
        library.copy_to(fit_for_a_path(postgres_library))
    with Library.open(fit_for_a_path(postgres_library)) as copy:
        copy.remove("space.mp4")
    return postgres_library


def test_a_library_on_a_server_is_served_read_and_changed(address, videos_folder, tmp_path):
    port = free_port("127.0.0.1")
    library = address.replace("tests@", "tests:secret@")  # which this server does not ask for
    command = ["serve", "--library", library, "--port", str(port), "--allow-index", str(videos_folder)]
    server = subprocess.Popen(
        [sys.executable, "-m", "vidsearch", *command],
        env={**os.environ, "VIDSEARCH_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_it_listens("127.0.0.1", port)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            before = client.get("/v1/videos")
            assert len(before.json()["videos"]) == 3
            (hit,) = client.get("/v1/search?text=a+cup+of+coffee&num_hits=1").json()["hits"]
            assert hit["path"].endswith("cafe.mp4")
            assert client.get(f"/v1/frames/{hit['frame_id']}/thumbnail").content[:2] == b"\xff\xd8"
            known = {"If-None-Match": before.headers["etag"]}
            assert client.get("/v1/videos", headers=known).status_code == 304

            job = client.post("/v1/jobs", json={"paths": [str(videos_folder)]})
            assert events(client.get(f"{job.headers['location']}/events").text)[-1][1] == "done"
            assert len(client.get("/v1/videos", headers=known).json()["videos"]) == 4
            taught = {"name": "Minka", "examples": ["cat.mp4@2", "cat.mp4@6"]}
            assert client.post("/v1/concepts", json=taught).status_code == 201
            job = client.post("/v1/labels", json={"labels": "concepts"})
            told = events(client.get(f"{job.headers['location']}/events").text)[-1]
            assert (told[1], told[2]["labelled"]["seen"]) == ("done", [{"label": "Minka", "count": 1}])
            correction = {"time_seconds": 6, "text": "Minka asleep"}
            assert client.post("/v1/videos/2/corrections", json=correction).status_code == 201
            assert client.get("/v1/words?text=asleep").json()["matches"][0]["video_id"] == 2
            assert client.delete("/v1/videos/1").status_code == 200
            job = client.post("/v1/verify", json={})
            told = events(client.get(f"{job.headers['location']}/events").text)[-1]
            assert (told[1], told[2]["problems"]) == ("done", [])
        server.send_signal(signal.SIGINT)
        said, told_to_people = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert (server.returncode, "Traceback" in told_to_people) == (130, False)
    assert f"Serving {address} at http://127.0.0.1:{port}" in said
    assert "secret" not in said + told_to_people


def test_an_assistant_searches_a_library_on_a_server(address):
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "vidsearch", "mcp", "--library", address, "--allow-write"],
        env=dict(os.environ),
    )

    async def use() -> None:
        async with Client(stdio_client(command)) as client:
            found = await client.call_tool("search", {"text": "a cat", "limit": 1})
            assert "cat.mp4" in words(found)
            said = await client.call_tool(
                "correct_caption", {"video": "cat", "time_seconds": 6, "text": "Minka asleep"}
            )
            assert words(said).endswith("now says: Minka asleep")
            labelled = await client.call_tool("label", {"labels": ["coffee"]})
            assert re.search(r"^coffee: once$", words(labelled), re.MULTILINE)

    anyio.run(use)
