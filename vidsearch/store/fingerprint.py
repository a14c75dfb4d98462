"""What a file's content is, by digest. Knows no library and no video.

Two digests. The *content hash* reads the whole file and is what a video is known by. The *quick key* reads
the size and three blocks, so that thousands of files can be looked through in a second. Its price: an edit
that keeps the size, the first, middle and last 64 KiB *and* the modification time goes unnoticed. It never
merges two videos: equal quick keys only say that the content hash is worth taking.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vidsearch.errors import MediaError
from vidsearch.types import Fingerprint

BLOCK_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024
_DIGEST_BYTES = 20


@dataclass(frozen=True, slots=True)
class Glance:
    """What a file looks like without reading all of it."""

    size_bytes: int
    mtime_ns: int
    quick_key: str


def glance(path: Path) -> Glance:
    """Look at a file's size, modification time and quick key. Raises MediaError."""
    with _open(path) as file:
        status = os.fstat(file.fileno())
        return Glance(status.st_size, status.st_mtime_ns, _quick_key(file, status.st_size))


def quick_key(path: Path) -> str:
    """Digest of a file's size and its first, middle and last 64 KiB. Raises MediaError."""
    return glance(path).quick_key


def fingerprint(path: Path) -> Fingerprint:
    """Read a whole file and say what it holds. Raises MediaError, also where it changes while being read."""
    with _open(path) as file:
        before = os.fstat(file.fileno())
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        while block := file.read(_READ_BYTES):
            digest.update(block)
        key = _quick_key(file, before.st_size)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise MediaError(f"{path} changed while it was being read. Try again when it has stopped growing.")
    return Fingerprint(
        content_hash=digest.hexdigest(),
        quick_key=key,
        size_bytes=before.st_size,
        mtime_ns=before.st_mtime_ns,
    )


def _quick_key(file: BinaryIO, size_bytes: int) -> str:
    digest = hashlib.blake2b(size_bytes.to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    last = max(0, size_bytes - BLOCK_BYTES)
    for offset in (0, last // 2, last):
        file.seek(offset)
        digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        # Opening a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise MediaError(f"{path} is not a file.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise MediaError(f"Cannot read {path}: {error.strerror or error}.") from error
