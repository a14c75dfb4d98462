"""Where the page can be reached from, and that it reaches out to nobody."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import urllib.parse

import pytest

from vidsearch.addresses import is_local
from vidsearch.errors import VidsearchError
from vidsearch.web.serve import page_address, serve


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("my-machine", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine(host, local):
    assert is_local(host) == local


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.2", "http://127.0.0.2:8501/?token=t"),
        ("::1", "http://[::1]:8501/?token=t"),
        ("0.0.0.0", "http://localhost:8501/?token=t"),
        ("::", "http://localhost:8501/?token=t"),
    ],
)
def test_the_address_is_one_that_browsers_open(host, address):
    assert page_address(host, 8501, "t") == address


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "127.0.0.1/x"])
def test_an_address_of_another_machine_is_refused_clearly(tmp_path, host):
    with pytest.raises(VidsearchError, match=r"Cannot listen on .*--host"):
        serve(tmp_path / "library", announce=print, host=host, port=free_port("127.0.0.1"))


def free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Recorder:
    """Stands for the way to the Internet: a proxy that counts who asks for it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.num_asked = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.num_asked += 1
            connection.close()


def has_ipv6() -> bool:
    try:
        free_port("::1")
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    ["127.0.0.2", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))],
)
def test_the_page_is_served_to_its_visitor_and_asks_nobody_outside(tmp_path, host):
    outside = Recorder()
    proxy = f"http://127.0.0.1:{outside.listener.getsockname()[1]}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
    port = free_port(host)
    command = [sys.executable, "-m", "vidsearch", "ui", "--library", str(tmp_path / "library")]
    server = subprocess.Popen(
        [*command, "--host", host, "--port", str(port), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **proxies, "no_proxy": "", "NO_PROXY": ""},
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        name = f"[{host}]" if ":" in host else host
        assert address.startswith(f"http://{name}:{port}/?token=")
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["token"][0]
        cookie = {"Cookie": f"vidsearch-{port}={token}"}

        def status(path: str, **headers: str) -> int:
            connection = http.client.HTTPConnection(host, port, timeout=30)
            try:
                connection.request("GET", path, headers=headers)
                return connection.getresponse().status
            finally:
                connection.close()

        wait_until_it_listens(host, port)
        for path in ("/", "/_stcore/health", "/_stcore/host-config"):
            assert status(path) == 403
            assert status(path, **cookie) == 200
            assert status(path, **cookie, Origin=f"http://{name}:{port}") == 200
        socket_headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        for origin in ("http://203.0.113.9:8501", "http://localhost:1", "null"):
            assert status("/", **cookie, Origin=origin) == 403
            assert status("/_stcore/stream", **cookie, **socket_headers, Origin=origin) == 403
        assert status("/_stcore/stream", **cookie, **socket_headers) == 403
        own = f"http://{name}:{port}"
        assert status("/_stcore/stream", **socket_headers, Origin=own) == 403
        assert status("/_stcore/stream", **cookie, **socket_headers, Origin=own) == 101
    finally:
        server.terminate()
        server.communicate(timeout=30)
        outside.listener.close()
    assert outside.num_asked == 0


def wait_until_it_listens(host: str, port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return
    pytest.fail("the page did not start within 30 s")
