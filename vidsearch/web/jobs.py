"""Index runs in a process of their own: they go on when the page is reloaded, closed, or its server stops.

The library itself records what a run has done. Its folder, or one of this machine for a library on a server,
also holds the latest run's log and a note that identifies its process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
import psutil

from vidsearch.store.postgres.address import server_address, server_url

_NOTE = "index-run.json"
_LOG = "index-run.log"
_LOG_TAIL_BYTES = 20_000
_ERROR = "Error: "
"""How the command line begins to say why it gives up."""
# Isolated from the working folder (-P), where a file beside the videos may have the name of a module. The
# package is found where this one was, after everything that is installed.
_RUN = """\
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module("vidsearch", run_name="__main__", alter_sys=True)
"""

_children: list[subprocess.Popen[bytes]] = []
"""What this process has started, held until it ends: nobody else reaps it."""


@dataclass(frozen=True, slots=True)
class Job:
    """An index run that was started from the page."""

    pid: int
    created_at: float
    """The process's own start time, which tells it from a later one of the same number."""
    paths: tuple[str, ...]

    def process(self) -> psutil.Process | None:
        """Return the process while it runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created_at) < 1.0
            runs = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same and runs else None

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.process() is not None


def start(library: Path, paths: Sequence[Path], options: Sequence[str] = ()) -> Job:
    """Start `vidsearch index` on paths, with its options as the command line takes them. Returns the run."""
    package_parent = str(Path(__file__).parents[2])
    command = [sys.executable, "-P", "-c", _RUN, package_parent]
    command += ["index", *options, "--"]
    _children[:] = [child for child in _children if child.poll() is None]
    notes = _notes(library)
    notes.mkdir(parents=True, exist_ok=True)
    with (notes / _LOG).open("wb") as log:
        process = subprocess.Popen(
            [*command, *map(str, paths)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Not among the arguments, which all users see: a server's address may hold a password.
            env={**os.environ, "VIDSEARCH_LIBRARY": str(library)},
        )
    _children.append(process)
    job = Job(process.pid, psutil.Process(process.pid).create_time(), tuple(map(str, paths)))
    (notes / _NOTE).write_text(json.dumps(asdict(job)))
    return job


def latest(library: Path) -> Job | None:
    """Return the run that was started last, at work or not; None where there was none."""
    try:
        kept = json.loads((_notes(library) / _NOTE).read_text())
        return Job(int(kept["pid"]), float(kept["created_at"]), tuple(kept["paths"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def stop(job: Job) -> None:
    """Ask a run to stop: what it has committed stays. Unlike Ctrl-C's, the signal is not lost at start-up."""
    process = job.process()
    if process is not None:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)


def log(library: Path) -> str:
    """Return the end of the latest run's log."""
    try:
        with (_notes(library) / _LOG).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace").replace("\r", "\n").strip()
    except OSError:
        return ""


def problem(library: Path) -> str | None:
    """Return why the latest run ended early, by its log; None where it did not."""
    for line in log(library).splitlines():
        if line.startswith(_ERROR):
            return line.removeprefix(_ERROR)
    return None


def _notes(library: Path) -> Path:
    """Return the folder of what is noted of runs: the library's own, or one of this machine."""
    url = server_url(library)
    if url is None:
        return library
    name = hashlib.blake2b(server_address(url).shown.encode(), digest_size=8).hexdigest()
    return Path(platformdirs.user_cache_path("vidsearch")) / "runs" / name
