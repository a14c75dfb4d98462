"""Locks between processes, for one writer at a time.

They are file locks of the operating system, which are released when a process dies.
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
"""Locks are held for milliseconds, or for minutes while a large library's vector files are first written.
Waiting longer means that a process hangs."""


class WriteLock:
    """A lock for writing in a folder, between processes and threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: FileLock | None = None
        self._here = threading.RLock()
        """Wakes the next thread of this process at once; a file lock is asked for every 10 ms."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Acquire the lock. Reentrant within a thread. Raises LibraryNotWritable on a timeout."""
        from filelock import Timeout

        if not self._here.acquire(timeout=WRITE_TIMEOUT_SECONDS):
            raise self._held_for_long("Another thread of this program")
        try:
            self._made = lock = self._made or _file_lock(self._path, WRITE_TIMEOUT_SECONDS)
            try:
                lock.acquire()
            except Timeout as error:
                raise self._held_for_long("Another process") from error
            except OSError as error:
                raise LibraryNotWritable(f"Cannot write in {self._path.parent}: {error}.") from error
            try:
                yield
            finally:
                lock.release()
        finally:
            self._here.release()

    def _held_for_long(self, holder: str) -> LibraryNotWritable:
        return LibraryNotWritable(
            f"{holder} has held {self._path} for {WRITE_TIMEOUT_SECONDS:.0f} seconds. "
            "Stop it (or wait for it), then try again."
        )


@contextmanager
def try_lock(path: Path, *, timeout_seconds: float = 0.0) -> Iterator[bool]:
    """Try to acquire the lock at `path`, and yield whether it was acquired within `timeout_seconds`.

    Also yields False if no lock file can be created, as in a read-only folder.
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
    from filelock import FileLock  # only for writing: it takes 20 ms to import

    return FileLock(path, timeout=timeout_seconds, poll_interval=0.01)
