"""Where the bytes of a video come from: a file of this machine, or one elsewhere.

A file of this machine is read by its path, and nothing stands between it and FFmpeg. One elsewhere is a file
object that fetches ranges (`vidsearch.media.remote`).
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
"""A network folder that is gone may keep whoever asks waiting for ever."""


class Source(Protocol):
    """A file that can be read from any place in it."""

    def state(self) -> SourceState:
        """What it looks like now. Raises MediaError."""
        ...

    def open(self) -> BinaryIO | RangeReader:
        """Open it for reading and seeking. Raises MediaError, also while it is read."""
        ...


class LocalFile:
    """A file of this machine."""

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
    """A file's state; None where it is gone, or where its disk or server does not answer within 10 seconds.

    A file of this machine is not opened for it, so that it has no version.
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
    """Whether there is surely nothing at a path or an address any more. A server is asked."""
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
    """The file at a path or an address; nothing is asked of it yet.

    Raises:
        MediaError: An address of a kind that nothing installed here can read.
    """
    if isinstance(path, Address):
        from vidsearch.media.remote import RemoteFile

        return RemoteFile(path)
    return LocalFile(path)
