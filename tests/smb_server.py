"""Samba's own server, as a process of this test run on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from vidsearch.paths import Address

USER, PASSWORD = "root", "secret"
_CONFIGURATION = """
[global]
server role = standalone server
smb ports = {port}
interfaces = lo
bind interfaces only = yes
private dir = {folder}/private
lock directory = {folder}/lock
state directory = {folder}/state
cache directory = {folder}/cache
pid directory = {folder}/pid
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/log
passdb backend = smbpasswd:{folder}/private/smbpasswd
disable netbios = yes
load printers = no
printing = bsd
printcap name = /dev/null
[films]
path = {films}
read only = yes
"""


class SmbServer:
    """Serves a folder as the share "films", to `USER` with `PASSWORD`."""

    def __init__(self, films: Path, folder: Path) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
            (folder / name).mkdir(parents=True)
        self._configuration = folder / "smb.conf"
        self._configuration.write_text(_CONFIGURATION.format(port=self.port, folder=folder, films=films))
        subprocess.run(
            ["pdbedit", "-s", self._configuration, "-t", "-a", "-u", USER],
            input=f"{PASSWORD}\n{PASSWORD}\n",
            text=True,
            check=True,
            capture_output=True,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, name: str) -> Address:
        return Address(f"smb://127.0.0.1:{self.port}/films/{name}".rstrip("/"))

    def start(self) -> None:
        # It ends with its standard input, and so with these tests, however they end.
        self._process = subprocess.Popen(
            ["smbd", "-F", "--no-process-group", "-s", self._configuration],
            start_new_session=True,
            stdin=subprocess.PIPE,
        )
        for _ in range(300):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("smbd does not answer")

    def stop(self) -> None:
        """End it with all of its connections."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


@contextmanager
def smb_serving(films: Path, folder: Path) -> Iterator[SmbServer]:
    """Serve a folder until the block ends; a test skips where there is no Samba, or no right to run it."""
    pytest.importorskip("smbprotocol")
    if shutil.which("smbd") is None or shutil.which("pdbedit") is None:
        pytest.skip("Samba (smbd, pdbedit) is not installed")
    if os.geteuid() != 0:
        pytest.skip("smbd runs as root alone")
    server = SmbServer(films, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
