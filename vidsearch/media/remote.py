"""Files elsewhere: S3, Google Cloud Storage, HTTP, SMB and whatever else fsspec has a backend for.

The backends find credentials where their own users put them: the environment, `~/.aws`, `~/.netrc`, fsspec's
configuration. What passes (a server that is busy, a cut connection) is tried again, each time after a longer
wait; what was fetched is not fetched again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
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
"""No try begins later than this after the first one: a run gives up a video after 120 s."""
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0

_VERSIONS = ("VersionId", "generation", "ETag", "etag", "Content-MD5", "Digest")
"""What backends call it, the surest first."""
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "Last-Modified")
_PASSING_STATUSES = frozenset({408, 425, 429})
_HTTP = frozenset({"http", "https"})

_BLOCKS = BlockCache()
_backends: dict[tuple[str, str], Any] = {}
"""By kind and server: each keeps its connections."""
_lock = threading.Lock()


class RemoteFile:
    """A file at an address. Safe in any thread; what it opens is for one."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._backend, self._key = _backend_of(address)

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
        """The files below an address that is a folder, with their sizes; None where it is a file.

        Raises MediaError.
        """
        if self._address.scheme in _HTTP or self._info().get("type") != "directory":
            return None
        root = self._key.rstrip("/")
        found = self._persistently(lambda: self._backend.find(root, detail=True))
        return [
            (self._address / name[len(root) + 1 :], int(about.get("size") or 0))
            for name, about in sorted(found.items())
            if not name.endswith("/")
        ]

    def _info(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._persistently(lambda: self._backend.info(self._key))
        return found

    def _range(self, start: int, end: int, *, size_bytes: int) -> bytes:
        def fetch() -> bytes:
            data: bytes = self._backend.cat_file(self._key, start=start, end=end)
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

    def _persistently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer, or a reason why there will be none."""
        began = time.monotonic()
        waits = iter(_waits())
        while True:
            try:
                return ask()
            except Exception as error:
                wait = next(waits, None)
                status = _status(error)
                is_late = time.monotonic() - began > _PATIENCE_SECONDS
                if not _may_pass(error, status) or wait is None or is_late:
                    raise self._problem(error, status) from error
                time.sleep(max(wait, _asked_to_wait(error)))

    def _problem(self, error: Exception, status: int | None) -> MediaError:
        is_missing = isinstance(error, FileNotFoundError) and error.__cause__ is None
        if status in (404, 410) or is_missing:
            return SourceMissing("is not there", path=self._address)
        if status == 416:
            return MediaError("cannot be read: it is shorter than its server says", path=self._address)
        if status in (401, 403) or isinstance(error, PermissionError) or _lacks_credentials(error):
            return SourceUnavailable(
                f"its server does not let it be read{_in_brackets(status)}. Credentials are looked for where "
                f"{self._address.scheme}:// is read by others: in the environment, or in their configuration",
                path=self._address,
            )
        cause = error.__cause__ or error
        said = str(status) if status is not None else (str(cause) or type(cause).__name__)
        return SourceUnavailable(
            f"its server does not answer as it should: {said[:200]}. Try again later", path=self._address
        )


def _backend_of(address: Address) -> tuple[Any, str]:
    """The backend that reads an address, and what it calls the file. Raises MediaError."""
    scheme = address.scheme
    try:
        import fsspec

        kind = fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise MediaError(
            f'is elsewhere, and {scheme}:// cannot be read here: pip install "vidsearch[remote]" ({error})',
            path=address,
        ) from error
    except ValueError as error:
        raise MediaError(f"cannot be read: nothing here knows {scheme}:// addresses", path=address) from error
    server = scheme, str(address).partition("://")[2].partition("/")[0]
    with _lock:
        if server not in _backends:
            options = {**_options(scheme), **kind._get_kwargs_from_urls(str(address))}
            # A listing that is remembered would hide that a file was replaced.
            _backends[server] = kind(use_listings_cache=False, skip_instance_cache=True, **options)
        return _backends[server], kind._strip_protocol(str(address))


def _options(scheme: str) -> dict[str, Any]:
    """How long a backend waits, but where the user's own configuration of fsspec says it."""
    from fsspec.config import conf

    if conf.get(scheme):
        return {}
    if scheme in _HTTP:
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
        return {
            "client_kwargs": {"trust_env": True, "timeout": timeout},
            "headers": {"Accept-Encoding": "identity"},
        }
    if scheme in ("s3", "s3a"):
        tries = {"max_attempts": 0}  # they are counted here
        return {
            "config_kwargs": {
                "connect_timeout": _CONNECT_SECONDS,
                "read_timeout": _READ_SECONDS,
                "retries": tries,
            }
        }
    return {}


def _waits() -> Iterator[float]:
    """Seconds between one try and the next: each about twice the one before."""
    for number in range(NUM_RETRIES):
        yield FIRST_WAIT_SECONDS * 2**number * random.uniform(0.75, 1.25)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status that made an error, by whichever client it was met; None where there was none."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        by_aws = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        status = getattr(cause, "status", None) or by_aws.get("HTTPStatusCode")
        if status is None and type(cause).__module__.startswith("gcsfs"):
            status = getattr(cause, "code", None)  # others' is no status of HTTP
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _may_pass(error: Exception, status: int | None) -> bool:
    """Whether the same question may have another answer soon."""
    if isinstance(error, MediaError) or _lacks_credentials(error):
        return False
    if status is not None:
        return status >= 500 or status in _PASSING_STATUSES
    is_missing = isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
    return not is_missing or error.__cause__ is not None


def _lacks_credentials(error: BaseException) -> bool:
    return "Credential" in type(error).__name__  # botocore's NoCredentialsError and its like


def _asked_to_wait(error: BaseException) -> float:
    """Seconds that a server asks for, within reason."""
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
        if value and value != "null":  # an S3 bucket without versions
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
