"""Only the page's own visitors get through: with its token, under its name, from its origin."""

from __future__ import annotations

import pytest

from tests.web.asgi import ask, opens_socket
from vidsearch.web.gate import Gate

TOKEN = "a-long-word"
HOST = "127.0.0.1:8501"
OWN = {"host": HOST, "cookie": f"other=1; vidsearch-8501={TOKEN}"}
NAMES = frozenset({"localhost", "127.0.0.1", "::1", "127.0.0.2"})


async def inside(scope, receive, send):
    """Stands for the page: answers with what it sees of the request."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    seen = str(scope["headers"]).encode()
    headers = [(b"content-security-policy", b"sandbox")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": seen})


@pytest.fixture
def gate():
    return Gate(inside, token=TOKEN, names=NAMES, port=8501)


PATHS = ["/", "/library", "/files/frames/1", "/files/videos/1", "/_stcore/health", "/_stcore/host-config"]


@pytest.mark.parametrize("path", [*PATHS, "/media/x.jpg", "/_stcore/upload_file/a/b", "/_stcore/metrics"])
def test_nothing_but_assets_is_given_without_the_token(gate, path):
    assert ask(gate, path, host=HOST).status == 403
    assert ask(gate, path, host=HOST, cookie="vidsearch-8501=another").status == 403
    assert ask(gate, path, host=HOST, cookie=f"vidsearch-8502={TOKEN}").status == 403
    assert ask(gate, path, host=HOST, query="token=another").status == 403
    assert ask(gate, path, host=HOST, query="token=").status == 403
    assert ask(gate, path, **OWN).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_no_method_goes_around_the_token(gate, method):
    assert ask(gate, "/_stcore/upload_file/a/b", method=method, host=HOST).status == 403
    query = f"token={TOKEN}"
    assert ask(gate, "/_stcore/upload_file/a/b", method=method, query=query, host=HOST).status == 403
    assert ask(gate, "/_stcore/upload_file/a/b", method=method, **OWN).status == 200


def test_static_assets_are_the_same_for_everyone(gate):
    assert ask(gate, "/static/js/index.js", host=HOST).status == 200
    assert ask(gate, "/statistics", host=HOST).status == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(gate):
    reply = ask(gate, "/library", query=f"q=a+b%26c&token={TOKEN}&x=", host=HOST)
    assert reply.status == 303
    assert reply.headers["location"] == "/library?q=a+b%26c&x="
    assert reply.headers["cache-control"] == "no-store"
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"vidsearch-8501={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Max-Age" not in cookie


def test_an_old_token_in_a_bookmark_does_no_harm_to_a_visitor(gate):
    reply = ask(gate, "/", query="token=old&q=cat", **OWN)
    assert (reply.status, reply.headers["location"]) == (303, "/?q=cat")


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example", "/a\r\nX: b"])
def test_the_way_in_leads_nowhere_else(gate, path):
    location = ask(gate, path, query=f"token={TOKEN}", host=HOST).headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "\n" not in location


def test_the_refusal_escapes_what_was_asked_for(gate):
    body = ask(gate, '/"><script>', query="a=<script>", host=HOST).body
    assert b"<script" not in body


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:8501", True),
        ("localhost:8501", True),
        ("LOCALHOST:8501", True),
        ("[::1]:8501", True),
        ("127.0.0.2:8501", True),
        ("evil.example:8501", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_a_local_page_answers_only_to_local_names(gate, host, answered):
    assert ask(gate, "/", **{**OWN, "host": host}).status == (200 if answered else 421)
    assert opens_socket(gate, "/s", **{**OWN, "host": host, "origin": f"http://{host}"}) == answered


def test_a_request_without_a_host_is_refused(gate):
    assert ask(gate, "/", cookie=OWN["cookie"]).status == 421


def test_bound_to_a_network_it_answers_to_any_name_with_the_token():
    gate = Gate(inside, token=TOKEN, names=None, port=8501)
    assert ask(gate, "/", **{**OWN, "host": "my-machine:8501"}).status == 200
    assert ask(gate, "/", host="my-machine:8501").status == 403


FOREIGN = [
    "http://localhost:3000",
    "http://127.0.0.1:8502",
    "http://127.0.0.1",
    "https://127.0.0.1:8501",
    "http://evil.example",
    "null",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_other_origins_are_refused(gate, origin):
    assert ask(gate, "/", **OWN, origin=origin).status == 403
    assert ask(gate, "/static/js/index.js", **OWN, origin=origin).status == 403
    assert not opens_socket(gate, "/_stcore/stream", **OWN, origin=origin)


def test_a_socket_needs_its_own_origin_and_the_cookie(gate):
    own = f"http://{HOST}"
    assert opens_socket(gate, "/_stcore/stream", **OWN, origin=own)
    assert not opens_socket(gate, "/_stcore/stream", **OWN)
    assert not opens_socket(gate, "/_stcore/stream", host=HOST, origin=own)
    assert not opens_socket(gate, "/static/x", host=HOST, origin=own)


def test_the_page_behind_sees_no_origin(gate):
    body = ask(gate, "/", **OWN, origin=f"http://{HOST}").body
    assert b"cookie" in body
    assert b"origin" not in body


@pytest.mark.parametrize("query", ["", "token=bad"])
def test_every_reply_has_the_security_headers(gate, query):
    for reply in (ask(gate, "/", query=query, host=HOST), ask(gate, "/", **OWN)):
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
