"""What lies at a path that may be no path at all.

For a name that is too long, `pathlib` raises the error of the system; the answer is that nothing is there.
"""

from __future__ import annotations

from pathlib import Path


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
