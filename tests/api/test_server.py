"""`vidsearch serve` as a process: its token, its end, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.web.test_serve import free_port, wait_until_it_listens
from vidsearch import Library
from vidsearch.api.tokens import own_token
from vidsearch.errors import VidsearchError


def test_a_token_is_made_once_and_readable_by_nobody_else(tmp_path):
    path = tmp_path / "config" / "token"

    token, is_new = own_token(None, path=path)
    assert is_new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_token(None, path=path) == (token, False)
    assert own_token("another token"[:7] + "x" * 20, path=path)[1] is False
    path.write_text("short")
    for given in (None, "short", "with spaces in its middle", "ä" * 30):
        with pytest.raises(VidsearchError, match="is not valid: a token has"):
            own_token(given, path=path)


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"]])
def test_nothing_is_said_to_be_served_where_there_is_no_library(tmp_path, command):
    done = subprocess.run(
        [sys.executable, "-m", "vidsearch", *command, "--library", str(tmp_path / "none")],
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: There is no library in")


def test_stopping_finishes_the_commit_and_leaves_a_sound_library(sample_folder, sample_videos, tmp_path):
    """Ctrl-C while a client's index run is at work and another client follows it."""
    library, videos = tmp_path / "library", tmp_path / "videos"
    shutil.copytree(sample_folder, library)
    with Library.open(library) as opened:
        opened.remove("all")
    videos.mkdir()
    for number in range(12):
        copy = videos / f"{number}.mp4"
        shutil.copy(sample_videos / "space.mp4", copy)
        with copy.open("ab") as file:  # an empty box of MP4's, so that each is another video
            file.write((16).to_bytes(4) + b"free" + number.to_bytes(8))
    port = free_port("127.0.0.1")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "vidsearch", "serve", "--library", str(library)),
            *("--port", str(port), "--allow-index", str(videos)),
        ],
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_it_listens("127.0.0.1", port)
        token = Path(tmp_path / "config" / "vidsearch" / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            job = client.post("/v1/jobs", json={"paths": [str(videos)]}).headers["location"]
            is_stopped = False
            with client.stream("GET", f"{job}/events") as events:
                for line in events.iter_lines():
                    assert not line.startswith("event: failed")
                    if '"files_done":' in line and not is_stopped:
                        server.send_signal(signal.SIGINT)
                        is_stopped = True
        said, told = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert server.returncode == 130
    assert f"Token: {token}" in said
    assert "Only this machine can reach it" in told
    assert "Traceback" not in told
    with Library.open(library) as opened:
        assert 0 < len(opened.videos()) < 12
        assert opened.verify() == []
