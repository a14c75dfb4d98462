"""What a file's content is, by digest, and whether a path still holds the video that it held.

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

from vidsearch.errors import MediaError, VideoReplaced
from vidsearch.types import Fingerprint, Video

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
        raise MediaError("changed while it was being read. Try again when it has stopped growing", path=path)
    return Fingerprint(
        content_hash=digest.hexdigest(),
        quick_key=key,
        size_bytes=before.st_size,
        mtime_ns=before.st_mtime_ns,
    )


def check_is_video(path: Path, video: Video) -> None:
    """Check that a file still holds a video of the library, before pixels are read from it.

    Compares the size and the quick key, which takes well under a millisecond; see the top of this module for
    the edits that this does not notice.

    Raises:
        VideoReplaced: The file holds other content.
        MediaError: The file is gone or cannot be read.
    """
    if quick_key(path) != video.quick_key:
        raise VideoReplaced(
            "does not hold the video that was indexed under this name: the file was replaced or edited. "
            "Index it again, or put the earlier file back",
            path=path,
        )


def path_of(video: Video) -> Path:
    """The first of a video's paths that still holds it.

    Raises:
        VideoReplaced: No path holds it, and a file at one of them holds other content.
        MediaError: None of its files is there or can be read.
    """
    problem: MediaError | None = None
    for path in video.paths:
        try:
            check_is_video(path, video)
        except MediaError as error:
            if problem is None or isinstance(error, VideoReplaced):
                problem = error
        else:
            return path
    assert problem is not None, "a video has at least one path"
    raise problem


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
            raise MediaError("is not a file", path=path)
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", path=path) from error
