"""Access control: the `Host` header, the bearer token, and the size of request bodies."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from vidsearch.addresses import is_answered
from vidsearch.api.problems import MEDIA_TYPE, problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Message: TypeAlias = MutableMapping[str, Any]

MAX_BODY_BYTES = 32 * 2**20
"""Enough for a query with a few pictures."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that only passes requests with the token and with a host name of this server.

    Plain-text errors from the application are converted to problem details.

    Args:
        app: The application.
        token: The secret, ASCII.
        names: The host names that are answered; see `addresses.answered_names`.
        open_paths: Paths that need no token, as they reveal nothing about the library.
        max_body_bytes: The maximum size of a request body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        names: frozenset[str] | None,
        open_paths: frozenset[str] = frozenset(),
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._names = names
        self._open_paths = open_paths
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        sending = _Sending(send, scope)
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        await self._app(scope, _LimitedBody(receive, self._max_body_bytes), sending)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_answered(hosts[0], self._names):
            return problem(421, "This server does not answer to that name. Ask for localhost, or see --host.")
        if scope["path"] not in self._open_paths and not self._holds_token(headers):
            return problem(
                401,
                "The token is missing or wrong. Send it as in `Authorization: Bearer TOKEN`.",
                headers={"WWW-Authenticate": 'Bearer realm="vidsearch"'},
            )
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length[:20]) > self._max_body_bytes:
            return problem(413, _too_large(self._max_body_bytes), headers={"Connection": "close"})
        return None

    def _holds_token(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        is_token = hmac.compare_digest(token.strip().encode(), self._token)
        return scheme.lower() == "bearer" and is_token


def _too_large(max_bytes: int) -> str:
    return f"The body is larger than {max_bytes:,} bytes."


class _LimitedBody:
    """A `receive` that limits bodies whose Content-Length is missing or wrong."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._left = max_bytes

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, _too_large(self._max_bytes))
        return message


class _Sending:
    """A `send` that adds headers, and converts plain-text errors to problem details."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self._is_replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] >= 400 and not headers.get("content-type", "").startswith(MEDIA_TYPE):
                await self._replace(message["status"], headers)
                return
            for name, value in _HEADERS.items():
                headers[name] = value
        if not self._is_replaced:
            await self._send(message)

    async def _replace(self, status: int, headers: MutableHeaders) -> None:
        self._is_replaced = True
        kept = {
            name: headers[name]
            for name in ("allow", "content-range", "retry-after", "www-authenticate")
            if name in headers
        }
        said = {
            400: "The request's headers cannot be understood.",
            416: "The file has no such range: Content-Range says how long it is.",
        }
        answer = problem(
            status, said.get(status, "The request failed."), headers=kept, instance=self._scope["path"]
        )
        await answer(self._scope, _nothing, _headed(self._send))


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _headed(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
