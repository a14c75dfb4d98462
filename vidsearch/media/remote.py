"""Remote files: S3, Google Cloud Storage, HTTP, SMB and whatever else fsspec has a backend for.

The backends find credentials in their usual places: the environment, `~/.aws`, `~/.netrc`, fsspec's
configuration. Transient errors (a busy server, a lost connection) are retried with increasing waits; nothing
is fetched twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from errno import EACCES, ENOENT, ENOTDIR
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from vidsearch.errors import MediaError, SourceMissing, SourceUnavailable
from vidsearch.media.ranges import BlockCache, RangeReader
from vidsearch.paths import Address
from vidsearch.types import SourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = TypeVar("Answer")

NUM_RETRIES = 6
FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0
"""No retry begins later than this after the first try: a run gives up a video after 120 s."""
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0

_VERSIONS = ("VersionId", "generation", "ETag", "etag", "Content-MD5", "Digest")
"""The metadata keys that backends use for a file's version, most reliable first."""
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "Last-Modified")
_REFUSALS = frozenset(
    {"SMBAuthenticationError", "LogonFailure", "AccessDenied", "WrongPassword", "PasswordExpired"}
)
_PASSING_STATUSES = frozenset({408, 425, 429})
_HTTP = frozenset({"http", "https"})
_LOGS_IN = frozenset({"smb"})
"""Protocols whose backends log in once; a lost connection ends the session."""

_BLOCKS = BlockCache()
_connections: dict[tuple[str, str], _Connection] = {}
"""By protocol and server."""
_lock = threading.Lock()


class RemoteFile:
    """A file at an address. Thread-safe, but the files it opens are not."""

    def __init__(self, address: Address) -> None:
        """Raises MediaError if no backend reads such addresses; does not contact the server."""
        self._address = address
        self._kind = _kind_of(address)
        self._key = self._kind._strip_protocol(str(address))

    def state(self) -> SourceState:
        found = self._info()
        if found.get("type") == "directory":
            raise MediaError("is a folder", path=self._address)
        size = found.get("size")
        if size is None:
            raise MediaError("cannot be read: its server does not say how long it is", path=self._address)
        return SourceState(int(size), _mtime_ns(found), _version(found))

    def open(self) -> RangeReader:
        state = self.state()
        fetch = partial(self._range, size_bytes=state.size_bytes)
        return RangeReader(
            fetch, size_bytes=state.size_bytes, file=(str(self._address), state), cache=_BLOCKS
        )

    def files_below(self) -> list[tuple[Address, int]] | None:
        """The files below an address that is a folder, with their sizes; None if it is a file.

        Raises MediaError.
        """
        if self._address.scheme in _HTTP or self._info().get("type") != "directory":
            return None
        root = self._key.rstrip("/")
        found = self._persistently(lambda backend: backend.find(root, detail=True))
        return [
            (self._address / name[len(root) + 1 :], int(about.get("size") or 0))
            for name, about in sorted(found.items())
            if not name.endswith("/")
        ]

    def names_in(self) -> list[str]:
        """The names of the files in the folder at this address; empty for HTTP. Raises MediaError."""
        if self._address.scheme in _HTTP:
            return []
        found = self._persistently(lambda backend: backend.ls(self._key, detail=True))
        return [str(about["name"]).rpartition("/")[2] for about in found if about.get("type") != "directory"]

    def _info(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._persistently(lambda backend: backend.info(self._key))
        return found

    def _range(self, start: int, end: int, *, size_bytes: int) -> bytes:
        def fetch(backend: Any) -> bytes:
            data: bytes = backend.cat_file(self._key, start=start, end=end)
            if len(data) < end - start:
                raise ConnectionError(f"{len(data):,} bytes came where {end - start:,} were to come")
            return data

        data = self._persistently(fetch)
        if len(data) > end - start:
            raise MediaError(
                "cannot be read in parts: its server does not serve ranges. Download it, and index that",
                path=self._address,
            )
        return data

    def _persistently(self, ask: Callable[[Any], Answer]) -> Answer:
        """Ask the backend, retrying until it answers or fails for good."""
        began = time.monotonic()
        waits = iter(_waits())
        while True:
            connection = _connection_to(self._address)
            was_open = connection.is_open
            try:
                return ask(connection.backend(self._kind, self._address))
            except Exception as error:
                if self._address.scheme in _LOGS_IN:
                    connection.close()
                    if was_open and _lacks_credentials(error):
                        continue  # the connection was cut and must be made again
                wait = next(waits, None)
                status = _status(error)
                is_late = time.monotonic() - began > _PATIENCE_SECONDS
                if not _may_pass(error, status) or wait is None or is_late:
                    raise self._problem(error, status) from error
                time.sleep(max(wait, _asked_to_wait(error)))

    def _problem(self, error: Exception, status: int | None) -> MediaError:
        if status in (404, 410) or _is_missing(error):
            return SourceMissing("is not there", path=self._address)
        if status == 416:
            return MediaError("cannot be read: it is shorter than its server says", path=self._address)
        if status in (401, 403) or _is_forbidden(error) or _lacks_credentials(error):
            return SourceUnavailable(
                f"its server denies access{_in_brackets(status)}. Credentials are looked for where "
                f"{self._address.scheme}:// is read by others: in the environment, or in their configuration",
                path=self._address,
            )
        cause = error.__cause__ or error
        said = str(status) if status is not None else (str(cause) or type(cause).__name__)
        return SourceUnavailable(
            f"its server does not answer properly: {said[:200]}. Try again later", path=self._address
        )


class _Connection:
    """A backend for one server, created on first use: for some, creation is the login."""

    def __init__(self) -> None:
        self._backend: Any = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._backend is not None

    def backend(self, kind: Any, address: Address) -> Any:
        """The backend. Raises the backend's own error if it cannot log in."""
        with self._lock:
            if self._backend is None:
                options = {**_options(address.scheme), **kind._get_kwargs_from_urls(str(address))}
                # A cached listing would hide that a file was replaced.
                self._backend = kind(use_listings_cache=False, skip_instance_cache=True, **options)
            return self._backend

    def close(self) -> None:
        """Make the next request log in again."""
        self._backend = None


def _connection_to(address: Address) -> _Connection:
    server = address.scheme, str(address).partition("://")[2].partition("/")[0]
    with _lock:
        return _connections.setdefault(server, _Connection())


def _kind_of(address: Address) -> Any:
    """The backend class that reads an address. Raises MediaError."""
    scheme = address.scheme
    try:
        import fsspec

        return fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise MediaError(
            f'is elsewhere, and {scheme}:// cannot be read here: pip install "vidsearch[remote]" ({error})',
            path=address,
        ) from error
    except ValueError as error:
        raise MediaError(f"cannot be read: nothing here knows {scheme}:// addresses", path=address) from error


def _options(scheme: str) -> dict[str, Any]:
    """Timeouts and caching options for a backend; the user's own fsspec configuration takes precedence."""
    from fsspec.config import conf

    said = conf.get(scheme, {})
    return {name: value for name, value in _own_options(scheme).items() if name not in said}


def _own_options(scheme: str) -> dict[str, Any]:
    if scheme in _HTTP:
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
        return {
            "client_kwargs": {"trust_env": True, "timeout": timeout},
            "headers": {"Accept-Encoding": "identity"},
        }
    # Retries are done here, not in the backends as well.
    if scheme in ("s3", "s3a"):
        return {
            "config_kwargs": {
                "connect_timeout": _CONNECT_SECONDS,
                "read_timeout": _READ_SECONDS,
                "retries": {"max_attempts": 0},
            }
        }
    if scheme in ("gs", "gcs"):
        return {"requests_timeout": 2 * _READ_SECONDS}  # the default is to wait for ever
    if scheme == "smb":
        # The default locks the file for all others, this process's other threads included.
        return {"timeout": _CONNECT_SECONDS, "register_session_retries": 0, "share_access": "rwd"}
    return {}


def _waits() -> Iterator[float]:
    """Seconds between tries: each about twice the one before."""
    for number in range(NUM_RETRIES):
        yield FIRST_WAIT_SECONDS * 2**number * random.uniform(0.75, 1.25)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error of any of the clients; None if there was none."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        by_aws = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        status = getattr(cause, "status", None) or by_aws.get("HTTPStatusCode")
        if status is None and type(cause).__module__.startswith("gcsfs"):
            status = getattr(cause, "code", None)  # other clients' is not an HTTP status
        if isinstance(status, int) and 400 <= status < 600:  # others are SMB's
            return status
    return None


def _may_pass(error: Exception, status: int | None) -> bool:
    """Whether a retry may succeed."""
    if isinstance(error, MediaError) or _lacks_credentials(error):
        return False
    if status is not None:
        return status >= 500 or status in _PASSING_STATUSES
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        return True  # HTTP: the server could not be reached
    return not (_is_missing(error) or _is_forbidden(error) or isinstance(error, IsADirectoryError))


def _is_missing(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError):
        return error.__cause__ is None
    return isinstance(error, OSError) and error.errno in (
        ENOENT,
        ENOTDIR,
    )  # SMB's have no class of their own


def _is_forbidden(error: Exception) -> bool:
    return isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == EACCES)


def _lacks_credentials(error: BaseException) -> bool:
    """Compares class names, as botocore and smbprotocol are not imported to read other addresses."""
    name = type(error).__name__
    return "Credential" in name or name in _REFUSALS


def _asked_to_wait(error: BaseException) -> float:
    """Seconds that the server asks to wait, capped."""
    for cause in _causes(error):
        asked = (getattr(cause, "headers", None) or {}).get("Retry-After", "")
        if str(asked).isdecimal():
            return min(float(asked), _LONGEST_WAIT_SECONDS)
    return 0.0


def _in_brackets(status: int | None) -> str:
    return "" if status is None else f" ({status})"


def _version(found: Mapping[str, Any]) -> str | None:
    for name in _VERSIONS:
        value = found.get(name)
        if value and value != "null":  # an S3 bucket without versioning
            return f"{name} {value}"
    return None


def _mtime_ns(found: Mapping[str, Any]) -> int:
    for name in _TIMES:
        match found.get(name):
            case datetime() as time_of_change:
                return int(time_of_change.timestamp() * 1e9)
            case int() | float() as seconds:
                return int(seconds * 1e9)
            case str(text) if text:
                with suppress(ValueError):
                    return int(parsedate_to_datetime(text).timestamp() * 1e9)
    return 0
