"""Asks an ASGI application, as a server would, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    app: ASGIApp,
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    **headers: str,
) -> Reply:
    """Send a request without a body. Header names are written with _ for -."""
    return post(app, path, b"", method=method, query=query, **headers)


def post(
    app: ASGIApp,
    path: str,
    body: bytes,
    *more: Literal["and breaks off"],
    method: str = "POST",
    query: str = "",
    **headers: str,
) -> Reply:
    """Send a request with a body; with "and breaks off", the connection ends though more was to follow."""
    parts: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": bool(more)}]
    if more:
        parts.append({"type": "http.disconnect"})
    sent = _exchange(app, _scope("http", path, query, headers) | {"method": method}, parts)
    start = next(one for one in sent if one["type"] == "http.response.start")
    return Reply(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body"),
    )


def opens_socket(app: ASGIApp, path: str, **headers: str) -> bool:
    """Whether a WebSocket is accepted."""
    sent = _exchange(app, _scope("websocket", path, "", headers), [{"type": "websocket.connect"}])
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


def _exchange(app: ASGIApp, scope: dict[str, Any], asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not asked:
            await asyncio.Event().wait()  # a browser that stays until it has its answer
        return asked.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def exchange() -> None:
        await app(scope, receive, send)

    asyncio.run(exchange())
    return sent
