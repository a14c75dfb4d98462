"""Addresses of libraries on a server: `postgresql://user@host:5432/database?schema=name&replica=host2`.

`schema` is the library's schema in the database, by default `vidsearch`; `replica` the host and port of a
read-only replica. All other parts are libpq's. Passwords are best kept in PGPASSWORD or ~/.pgpass.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

DEFAULT_SCHEMA = "vidsearch"
_URL = re.compile(r"postgres(?:ql)?:(/+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A library on a server."""

    conninfo: str
    """The connection string for libpq, which may contain a password."""
    replica_conninfo: str | None
    schema: str
    shown: str
    """The address without the password."""


def server_url(path: str | os.PathLike[str]) -> str | None:
    """Return a library's path as a server's URL; None if it is a folder.

    Also accepts a `pathlib.Path`, which collapses the two slashes to one.
    """
    text = os.fspath(path)
    match = _URL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    slashes = match[1] if len(match[1]) > 1 else "//"
    return f"postgresql:{slashes}{match[2]}"


def fit_for_a_path(text: str) -> str:
    """Return a library's path or address in a form that `pathlib.Path` preserves."""
    url = server_url(text)
    return text if url is None else url.replace(":///", "://@/", 1)


def server_address(url: str) -> ServerAddress:
    """Parse an address. Raises ValueError if it is invalid."""
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    own = {name: value for name, value in options if name in ("schema", "replica")}
    rest = urlencode([(name, value) for name, value in options if name not in own], safe="/,:")
    schema = own.get("schema", DEFAULT_SCHEMA)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
        raise ValueError(f"{schema!r} is not a schema name, which consists of letters, digits and _")
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, _ = user.partition(":")
    shown_user = f"{name}@" if name else ""
    shown_schema = f"?schema={schema}" if schema != DEFAULT_SCHEMA else ""
    replica = own.get("replica")
    return ServerAddress(
        conninfo=urlunsplit(("postgresql", parts.netloc, parts.path, rest, "")),
        replica_conninfo=None
        if replica is None
        else urlunsplit(("postgresql", f"{user}@{replica}" if user else replica, parts.path, rest, "")),
        schema=schema,
        shown=f"postgresql://{shown_user}{hosts}{parts.path}{shown_schema}",
    )
