"""What lies at a path that may be no path at all.

For a name that is too long, `pathlib` raises the error of the system; the answer is that nothing is there.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

_ANSWER_SECONDS = 10.0
"""A network folder that is gone may keep whoever asks waiting for ever."""


def exists(path: Path) -> bool:
    """Whether anything can be found at `path`."""
    try:
        return path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a regular file can be found at `path`."""
    return exists(path) and path.is_file()


def is_folder(path: Path) -> bool:
    """Whether a folder can be found at `path`."""
    return exists(path) and path.is_dir()


def stat_in_time(path: Path) -> os.stat_result | None:
    """A file's state; None where it is gone, or where its disk does not answer within 10 seconds."""
    found: list[os.stat_result] = []

    def look() -> None:
        with suppress(OSError):
            found.append(path.stat())

    thread = threading.Thread(target=look, name="vidsearch-stat", daemon=True)
    thread.start()
    thread.join(_ANSWER_SECONDS)
    return found[0] if found else None
