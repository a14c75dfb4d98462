"""A web server of files with ranges, which fails on purpose where a test asks it to."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, TypeAlias

from vidsearch.paths import Address

Fault: TypeAlias = Literal["503", "429", "cut", "slow"]


class FileServer:
    """Serves the files of a folder at `address(name)`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: deque[Fault] = deque()
        """What happens to the next requests for a range, one each."""
        self.always: Fault | None = None
        """What happens to every request for a range once there are no `faults` left."""
        self.has_ranges = True
        self.extra_length = 0
        """How much longer a file is said to be than it is."""
        self.ranges: list[tuple[int, int]] = []
        """The ranges [start, end) that were sent whole."""
        self.num_requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def num_bytes(self) -> int:
        """How much was sent in ranges."""
        return sum(end - start for start, end in self.ranges)

    def address(self, name: str) -> Address:
        return Address(f"http://127.0.0.1:{self._server.server_port}/{name}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *values: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self._answer(sends_body=False)

            def do_GET(self) -> None:
                self._answer(sends_body=True)

            def _answer(self, *, sends_body: bool) -> None:
                server.num_requests += 1
                path = server.folder / self.path.lstrip("/").partition("?")[0]
                if not path.is_file():
                    self._fail(404)
                    return
                data = path.read_bytes()
                asked = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                is_range = asked is not None and server.has_ranges and sends_body
                start, end = (int(asked[1]), int(asked[2]) + 1) if asked and is_range else (0, len(data))
                if is_range and start >= len(data):
                    self._fail(416)
                    return
                fault = (server.faults.popleft() if server.faults else server.always) if is_range else None
                if fault in ("503", "429"):
                    self._fail(int(fault))
                    return
                end = min(end, len(data))
                self.send_response(206 if is_range else 200)
                self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
                self.send_header("Last-Modified", "Wed, 01 Jan 2025 12:00:00 GMT")
                extra = 0 if is_range else server.extra_length
                self.send_header("Content-Length", str(end - start + extra))
                if is_range:
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
                self.end_headers()
                if not sends_body:
                    return
                if fault == "cut":
                    self.wfile.write(data[start : start + (end - start) // 2])
                    self.close_connection = True
                    return
                if fault == "slow":
                    time.sleep(0.3)
                self.wfile.write(data[start:end])
                if is_range:
                    server.ranges.append((start, end))

            def _fail(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler


@contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """Serve a folder until the block ends."""
    server = FileServer(folder)
    try:
        yield server
    finally:
        server.close()
