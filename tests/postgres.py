"""A PostgreSQL server of the tests' own: in a temporary folder, gone when they are."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

_USERS = ("postgres", "nobody")
"""The server refuses to be run by root."""
_SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


def programs() -> Path | None:
    """The folder of the newest server's programs, if there is any."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debians = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return debians[-1].parent if debians else None


@contextmanager
def server(programs: Path, settings: Mapping[str, str] = {}) -> Iterator[str]:
    """Run a server with these settings beside the usual ones, and yield the address of its only database."""
    folder = Path(tempfile.mkdtemp(prefix="vidsearch-postgres-"))
    try:
        user = _user()
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        _run(user, programs / "initdb", "-D", data, "-A", "trust", "-U", "tests", "-E", "UTF8", "--no-sync")
        port = _free_port()
        lines = "".join(f"{name} = '{value}'\n" for name, value in {**_SETTINGS, **settings}.items())
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{lines}port = {port}\nunix_socket_directories = '{folder}'\n")
        control = programs / "pg_ctl"
        _run(user, control, "-D", data, "-w", "-l", folder / "log", "start")
        try:
            yield f"postgresql://tests@127.0.0.1:{port}/postgres"
        finally:
            _run(user, control, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def crash(address: str) -> Callable[[], None]:
    """Stop the server at an address as a crash does. Returns what starts it again: all that was committed is
    there."""
    found = programs()
    assert found is not None
    with psycopg.connect(address) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    control = (found / "pg_ctl", "-D", row[0], "-w", "-l", f"{row[0]}/log")
    _run(_user(), *control, "-m", "immediate", "stop")
    return lambda: _run(_user(), *control, "start")


def _run(user: str | None, *command: str | Path) -> None:
    subprocess.run(
        command,
        check=True,
        user=user,
        env={**os.environ, "LC_ALL": "C"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
    )


def _user() -> str | None:
    """Who is to run the server; None for whoever runs the tests."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(user for user in _USERS if user in known)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
