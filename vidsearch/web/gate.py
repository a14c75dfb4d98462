"""Who may talk to the page: holders of its start token, from its own origin, under its own name.

The address that `vidsearch ui` prints ends in `?token=...`. Opening it stores the token in a cookie that
scripts cannot read and that other sites' requests do not carry; every request after that needs the cookie,
but for the page's static assets, which are the same on every machine.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vidsearch.addresses import is_answered

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Message: TypeAlias = MutableMapping[str, Any]

_TOKEN = "token"
_ASSETS = ("/static/", "/favicon.png", "/manifest.json")
_POLICY_VIOLATION = 1008
_HEADERS = {
    # Streamlit's front end styles inline, imports components from blobs and compiles charts.
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REFUSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>vidsearch</title>
<meta name="viewport" content="width=device-width">
<body style="font:1rem/1.5 system-ui;max-width:36rem;margin:15vh auto;padding:0 1rem">
<h1>This page needs its start token</h1>
<p>Open the address that <code>vidsearch ui</code> printed when it started: it ends in
<code>?token=</code> and a long word.</p>
<p>If you came here by a link and have opened that address in this browser before,
<a href="{here}">continue to the page</a>.</p></body></html>"""


class Gate:
    """ASGI middleware that lets through only requests of this page's own visitors.

    A request must name this server in `Host`; carry the token, in the cookie or, once, in the address; and,
    where it has an `Origin`, have this server's. A WebSocket must have one. What passes goes on without its
    `Origin`: Streamlit asks an address service on the Internet about origins that it does not recognise.
    """

    def __init__(self, app: ASGIApp, *, token: str, names: frozenset[str] | None, port: int) -> None:
        """Guard `app`.

        Args:
            app: The ASGI application behind the gate.
            token: The secret, ASCII.
            names: The host names that are answered; see `addresses.answered_names`.
            port: The port, which is part of the cookie's name: browsers share cookies between ports.
        """
        self._app = app
        self._token = token.encode()
        self._names = names
        self._cookie = f"vidsearch-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            scope = dict(scope, headers=[pair for pair in scope["headers"] if pair[0].lower() != b"origin"])
            await self._app(scope, receive, send if scope["type"] == "websocket" else _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request that does not pass; None where it does.

        A token in the address is exchanged for the cookie, and taken out of the address.
        """
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not is_answered(hosts[0], self._names):
            return Response("This server does not answer to that name.", 421)
        is_socket = scope["type"] == "websocket"
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        own = f"{scheme}://{hosts[0]}".lower()
        if any(origin.lower() != own for origin in origins) or (is_socket and len(origins) != 1):
            return Response("Requests from other origins are refused.", 403)
        if not is_socket and scope["path"].startswith(_ASSETS):
            return None
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in parameters if name == _TOKEN]
        cookies = cookie_parser("; ".join(headers.getlist("cookie")))
        has_cookie = self._is_token(cookies.get(self._cookie, ""))
        if has_cookie and not tokens:
            return None
        if is_socket or scope["method"] not in ("GET", "HEAD"):
            return Response("The start token is missing.", 403)
        rest = urlencode([pair for pair in parameters if pair[0] != _TOKEN])
        # One leading slash: two would name another server.
        here = quote("/" + scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        if has_cookie or any(map(self._is_token, tokens)):
            reply: Response = RedirectResponse(here, 303)
            reply.set_cookie(self._cookie, self._token.decode(), httponly=True, samesite="strict", path="/")
        else:
            reply = HTMLResponse(_REFUSED.format(here=escape(here, quote=True)), 403)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self._token)


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    """A `send` that adds the security headers; a response's own Content-Security-Policy holds as well."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                if name == "Content-Security-Policy":
                    headers.append(name, value)
                else:
                    headers[name] = value
        await send(message)

    return sending
