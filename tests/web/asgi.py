"""Asks an ASGI application, as a server would, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(app: ASGIApp, path: str, *, method: str = "GET", query: str = "", **headers: str) -> Reply:
    """Send a request. Header names are written with _ for -."""
    sent = _exchange(app, _scope("http", path, query, headers) | {"method": method})
    start = next(one for one in sent if one["type"] == "http.response.start")
    return Reply(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body"),
    )


def opens_socket(app: ASGIApp, path: str, **headers: str) -> bool:
    """Whether a WebSocket is accepted."""
    sent = _exchange(app, _scope("websocket", path, "", headers))
    return bool(sent[0]["type"] == "websocket.accept")


def _scope(kind: str, path: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": [],
    }


def _exchange(app: ASGIApp, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    body = {"type": "http.request", "body": b"", "more_body": False}
    asked = [body if scope["type"] == "http" else {"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        if not asked:
            await asyncio.Event().wait()  # a browser that stays until it has its answer
        return asked.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def exchange() -> None:
        await app(scope, receive, send)

    asyncio.run(exchange())
    return sent
