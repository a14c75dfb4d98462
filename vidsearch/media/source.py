"""Where a video's bytes come from: a local file or a remote one.

FFmpeg reads a local file by its path. A remote one is a file object that fetches ranges
(`vidsearch.media.remote`).
"""

from __future__ import annotations

import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from vidsearch.errors import MediaError, NotAVideo, SourceMissing
from vidsearch.paths import Address, exists, is_elsewhere
from vidsearch.types import SourceState

if TYPE_CHECKING:
    from vidsearch.media.ranges import RangeReader


_ANSWER_SECONDS = 10.0
"""A disconnected network folder may block for ever."""


class Source(Protocol):
    """A file that can be read from any position."""

    def state(self) -> SourceState:
        """The file's current state. Raises MediaError."""
        ...

    def open(self) -> BinaryIO | RangeReader:
        """Open it for reading and seeking. Opening and reading raise MediaError."""
        ...


class LocalFile:
    """A local file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def state(self) -> SourceState:
        try:
            status = self._path.stat()
            if stat.S_ISREG(status.st_mode):
                with self._path.open("rb"):
                    return SourceState(status.st_size, status.st_mtime_ns, str(status.st_ino))
        except OSError as error:
            raise MediaError(f"cannot be read: {error.strerror or error}", path=self._path) from error
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise NotAVideo(f"is {kind}", path=self._path)

    def open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise MediaError(f"cannot be read: {error.strerror or error}", path=self._path) from error


def state_in_time(path: Path) -> SourceState | None:
    """A file's state; None if it is gone, or if its disk or server does not answer within 10 seconds.

    A local file is not opened, so that its state has no version.
    """
    found: list[SourceState] = []

    def look() -> None:
        with suppress(OSError, MediaError):
            if is_elsewhere(path):
                found.append(source_of(path).state())
            else:
                status = path.stat()
                found.append(SourceState(status.st_size, status.st_mtime_ns, None))

    thread = threading.Thread(target=look, name="vidsearch-stat", daemon=True)
    thread.start()
    thread.join(_ANSWER_SECONDS)
    return found[0] if found else None


def is_gone(path: Path) -> bool:
    """Whether a file definitely no longer exists. Asks the server of a remote one."""
    if not is_elsewhere(path):
        return not exists(path)
    try:
        source_of(path).state()
    except SourceMissing:
        return True
    except MediaError:
        pass
    return False


def source_of(path: Path) -> Source:
    """The file at a path or an address; does no I/O.

    Raises:
        MediaError: No installed backend reads such addresses.
    """
    if isinstance(path, Address):
        from vidsearch.media.remote import RemoteFile

        return RemoteFile(path)
    return LocalFile(path)
