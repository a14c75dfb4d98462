"""Addresses that a server listens on, and the names that it answers to."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from vidsearch.errors import VidsearchError

DEFAULT_HOST = "127.0.0.1"

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def answered_names(host: str) -> frozenset[str] | None:
    """Return the host names, in lower case, that a server bound to `host` answers to; None for all.

    A server that only this machine reaches answers to no other name, so that no page elsewhere reaches it
    through a name of its own (DNS rebinding).
    """
    return _LOCAL_NAMES | {host.lower()} if is_local(host) else None


def is_answered(host_header: str, names: frozenset[str] | None) -> bool:
    """Whether a request's `Host` is one of the names that `answered_names` gave."""
    try:
        name = urlsplit(f"//{host_header}").hostname
    except ValueError:
        return False
    return name is not None and (names is None or name in names)


def url_of(host: str, port: int) -> str:
    """Return the address at which a browser of this machine finds a server that is bound to `host`."""
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}"


def check_address(host: str, port: int) -> None:
    """Raise VidsearchError where nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or error
        raise VidsearchError(
            f"Cannot listen on {host}, port {port}: {reason}. Choose another with --host or --port."
        ) from error
