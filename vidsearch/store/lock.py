"""Turns between processes: one writer at a time.

File locks of the operating system, so that a process that dies gives back what it held.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import LibraryNotWritable

if TYPE_CHECKING:
    from filelock import FileLock

WRITE_TIMEOUT_SECONDS = 600.0
"""A turn takes milliseconds, a first pass over a large library's vectors minutes; who waits for longer waits
for a process that hangs."""


class WriteLock:
    """The right to write in a folder; other processes and threads wait for their turn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: FileLock | None = None
        self._making = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn and hold it. Nests within a thread. Raises LibraryNotWritable."""
        from filelock import Timeout

        with self._making:
            self._made = lock = self._made or _file_lock(self._path, WRITE_TIMEOUT_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            message = (
                f"Another process has held {self._path} for {WRITE_TIMEOUT_SECONDS:.0f} seconds. "
                "Stop it (or wait for it), then try again."
            )
            raise LibraryNotWritable(message) from error
        except OSError as error:
            raise LibraryNotWritable(f"Cannot write in {self._path.parent}: {error}.") from error
        try:
            yield
        finally:
            lock.release()


@contextmanager
def try_lock(path: Path, *, timeout_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the lock at `path` if nobody else does: yields whether it is, `timeout_seconds` later at most.

    Yields False where no lock can be made, too (a read-only folder).
    """
    from filelock import Timeout

    lock = _file_lock(path, timeout_seconds)
    try:
        lock.acquire()
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _file_lock(path: Path, timeout_seconds: float) -> FileLock:
    from filelock import FileLock  # not needed to read: it takes 20 ms to import

    return FileLock(path, timeout=timeout_seconds, poll_interval=0.01)
