"""A model hub on this machine: serves folders over HTTP as the real one does, as far as its client looks.

The real client talks to it, with its cache, its locks and its resuming, so that fetching is tested without a
network. Answers follow https://huggingface.co/docs/hub/api and what `huggingface_hub` reads of them.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Refusal:
    """An answer that is no content."""

    status: int
    code: str | None = None
    """The hub's own error code, X-Error-Code."""
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "no"


@dataclass
class FakeHub:
    """Models by hub id, and what was asked for."""

    models: dict[str, Path]
    url: str = ""
    downloads: Counter[str] = field(default_factory=Counter)
    """How often the content of each file was sent, whole or in part."""
    ranges: list[str] = field(default_factory=list)
    """The Range headers that came with them."""
    break_after_bytes: int | None = None
    """Close the connection after so many bytes of a large file."""
    num_breaks: int | None = None
    """How often to do that; then give no byte at all."""
    refusals: list[Refusal] = field(default_factory=list)
    """What the next requests are answered with instead."""
    num_requests: int = 0
    num_bytes: int = 0
    """Of content sent."""
    damages: bool = False
    """Send other content than was announced."""


@contextmanager
def serve(models: dict[str, Path]) -> Iterator[FakeHub]:
    """Serve models until the end of the block."""
    hub = FakeHub(models=models)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _answer(self, *, with_body: bool) -> None:
        self.hub.num_requests += 1
        if self.hub.refusals:
            refusal = self.hub.refusals.pop(0)
            self._json(
                {"error": refusal.message}, status=refusal.status, code=refusal.code, headers=refusal.headers
            )
            return None
        path = urlparse(self.path).path.strip("/")
        for hub_id, folder in self.hub.models.items():
            if path in (f"api/models/{hub_id}", f"api/models/{hub_id}/revision/main"):
                files = [{"rfilename": file.name, **_facts(file)} for file in sorted(folder.iterdir())]
                return self._json({"id": hub_id, "modelId": hub_id, "sha": _COMMIT, "siblings": files})
            if path == f"api/models/{hub_id}/tree/{_COMMIT}":
                return self._json([_tree_entry(file) for file in sorted(folder.iterdir())])
            prefix = f"{hub_id}/resolve/"
            if path.startswith(prefix):
                file = folder / path.removeprefix(prefix).partition("/")[2]
                if file.is_file():
                    return self._file(file, with_body=with_body)
        return self._json({"error": "Repository not found"}, status=404, code="RepoNotFound")

    def _json(
        self,
        content: Any,
        *,
        status: int = 200,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code is not None:
            self.send_header("X-Error-Code", code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _file(self, file: Path, *, with_body: bool) -> None:
        content = bytes(len(file.read_bytes())) if self.hub.damages and _is_large(file) else file.read_bytes()
        start = 0
        wanted = self.headers.get("Range")
        if with_body and wanted:
            self.hub.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_etag(file)}"')
        if _is_large(file):
            self.send_header("X-Linked-Etag", f'"{_etag(file)}"')
            self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", _COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not with_body:
            return
        self.hub.downloads[file.name] += 1
        end = len(content)
        if self.hub.break_after_bytes is not None and _is_large(file):
            end = min(end, start + self.hub.break_after_bytes)
            if self.hub.num_breaks is not None:
                end = end if self.hub.num_breaks > 0 else start
                self.hub.num_breaks -= 1
            self.close_connection = True
        self.hub.num_bytes += end - start
        self.wfile.write(content[start:end])


def _is_large(file: Path) -> bool:
    return file.suffix in (".safetensors", ".bin")


def _etag(file: Path) -> str:
    """Large files are named by their SHA-256, small ones by git's hash."""
    content = file.read_bytes()
    if _is_large(file):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _facts(file: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": file.stat().st_size, "blobId": _etag(file)[:40]}
    if _is_large(file):
        facts["lfs"] = {"sha256": _etag(file), "size": facts["size"], "pointerSize": 130}
    return facts


def _tree_entry(file: Path) -> dict[str, Any]:
    size = file.stat().st_size
    entry: dict[str, Any] = {"type": "file", "path": file.name, "size": size, "oid": _etag(file)[:40]}
    if _is_large(file):
        entry["lfs"] = {"oid": _etag(file), "size": size, "pointerSize": 130}
    return entry
