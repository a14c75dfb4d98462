"""`vidsearch index --on ray`, as people type it: with the models that ship, on clusters of this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.conftest import REPOSITORY
from vidsearch.errors import LibraryError
from vidsearch.store.store import Store

pytestmark = pytest.mark.slow

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
ENVIRONMENT.pop("RAY_AUTH_MODE", None)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Head:
    """A cluster that `ray start --head` has started, as on a machine of its own."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process = process
        self.address = address
        """For clients."""

    def kill(self) -> None:
        """Kill all of it."""
        with suppress(psutil.Error):
            for each in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    each.kill()
        self.process.kill()
        self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    port, client_port = free_port(), free_port()
    folder = tempfile.mkdtemp(prefix="vs-ray-", dir="/tmp")  # sockets' names must be short
    options = ["--num-cpus", "2", "--include-dashboard", "false", "--disable-usage-stats", "--block"]
    options += ["--port", str(port), "--ray-client-server-port", str(client_port), "--temp-dir", folder]
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", *options],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", client_port), timeout=1):
            break
        time.sleep(0.5)
    started = Head(process, f"ray://127.0.0.1:{client_port}")
    yield started
    started.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(tmp_path: Path, sample_videos: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for video in sample_videos.glob("*.mp4"):
        shutil.copy(video, folder)
    return folder


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "vidsearch", *map(str, words)]


def index(folder: Path, library: Path, *words: object) -> dict[str, Any]:
    """Run `vidsearch index`. Returns its report."""
    options = ["--models", "mini", "--fps", 2, "--json", "--library", library]
    done = subprocess.run(
        command("index", folder, *options, *words),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["failures"] == []
    return report


def start_until_frames_are_kept(library: Path, folder: Path, *words: object) -> subprocess.Popen[str]:
    """Start `vidsearch index`, in a session of its own as a terminal would."""
    process = subprocess.Popen(
        command("index", folder, "--models", "mini", "--fps", 2, "--library", library, *words),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240.0
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(LibraryError), Store.open(library, read_only=True) as opened:
            if sum(video.num_frames for video in opened.videos()) > 0:
                break
        time.sleep(0.05)
    return process


def contents(library: Path) -> dict[str, list[tuple[float, str | None]]]:
    with Store.open(library, read_only=True) as opened:
        return {
            video.path.name: [
                (frame.time_seconds, frame.caption.text if frame.caption else None)
                for frame in opened.frames(video.id)
            ]
            for video in opened.videos()
            if video.is_complete
        }


def vectors(library: Path) -> Any:
    """Of all frames, by file and time."""
    with Store.open(library, read_only=True) as opened:
        (space,) = opened.spaces()
        rows = []
        for video in sorted(opened.videos(), key=lambda each: each.path.name):
            ids = [frame.id for frame in opened.frames(video.id)]
            found, matrix = opened.vectors(space, ids)
            by_id = dict(zip(found.tolist(), matrix, strict=True))
            rows += [by_id[number] for number in ids if number in by_id]
        return np.array(rows)


def test_a_cluster_elsewhere_makes_the_same_library(head, folder, tmp_path):
    """Over Ray Client, with a head that asks for a token where this machine has one, and files elsewhere."""
    seen = tmp_path / "seen"
    seen.symlink_to(folder)
    index(folder, tmp_path / "here")

    report = index(
        seen, tmp_path / "there", "--on", head.address, "--workers", 2, "--path-map", f"{seen}={folder}"
    )

    assert report["num_indexed"] == 4
    assert sum(worker["num_frames"] for worker in report["workers"]) == report["num_frames"]
    assert len(report["workers"]) == 2
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert np.allclose(vectors(tmp_path / "there"), vectors(tmp_path / "here"), atol=1e-5)


def test_no_cluster_is_a_clear_error(folder, tmp_path):
    address = f"ray://127.0.0.1:{free_port()}"
    words = ["--models", "mini", "--library", tmp_path / "library", "--on", address]
    done = subprocess.run(
        command("index", folder, *words), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert f"No cluster answers at {address}" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_in_order_and_a_plain_run_goes_on(folder, tmp_path):
    """The terminal sends it to all processes of the command, Ray's too."""
    library = tmp_path / "library"
    process = start_until_frames_are_kept(library, folder, "--on", "ray")
    others = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 130, output + errors
    assert "run the same command again to go on" in output + errors
    assert "Traceback" not in output + errors
    assert psutil.wait_procs(others, timeout=60)[1] == []
    with Store.open(library) as opened, opened._catalog.read() as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone()[0] == 0
    index(folder, library)
    index(folder, tmp_path / "here")
    assert contents(library) == contents(tmp_path / "here")
    assert np.allclose(vectors(library), vectors(tmp_path / "here"), atol=1e-5)


def test_a_cluster_that_goes_away_is_a_clear_error_and_a_plain_run_goes_on(head, folder, tmp_path):
    library = tmp_path / "library"
    process = start_until_frames_are_kept(library, folder, "--on", head.address)
    head.kill()
    output, errors = process.communicate(timeout=240)

    assert process.returncode == 1, output + errors
    assert "The cluster no longer answers" in errors
    assert "Traceback" not in errors
    index(folder, library)
    index(folder, tmp_path / "here")
    assert contents(library) == contents(tmp_path / "here")
