"""Digests of a file's content, and checks whether a path still holds the video that was indexed.

There are two digests. The *content hash* covers the whole file and identifies a video. The *quick key* covers
the size and three blocks, so that thousands of files can be checked in a second. Its price: an edit that
keeps the size, the first, middle and last 64 KiB *and* the modification time goes unnoticed. Two videos are
never merged because of it: equal quick keys only cause the content hashes to be compared.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vidsearch.errors import MediaError, VideoReplaced
from vidsearch.media.source import source_of
from vidsearch.paths import is_elsewhere
from vidsearch.types import Fingerprint, SourceState, Video

if TYPE_CHECKING:
    from vidsearch.media.ranges import RangeReader

BLOCK_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024
_DIGEST_BYTES = 20
_BY_VERSION = "version:"
"""Prefix of the content hash of a remote file that was not read completely yet."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A file's properties, as far as they are known without reading all of it."""

    size_bytes: int
    mtime_ns: int
    quick_key: str
    version: str | None = None
    """The version that a remote file's server reports."""


def glance(path: Path) -> Glance:
    """Return a file's size, modification time and quick key. Raises MediaError if it cannot be read."""
    with _open(path) as (file, state):
        seen = state()
        return Glance(seen.size_bytes, seen.mtime_ns, _quick_key(file, seen.size_bytes), seen.version)


def quick_key(path: Path) -> str:
    """Return a file's quick key. Raises MediaError if it cannot be read."""
    return glance(path).quick_key


def fingerprint(path: Path) -> Fingerprint:
    """Read a whole file, and return its digests.

    Raises:
        MediaError: The file cannot be read, or changes while it is read.
    """
    with _open(path) as (file, state):
        before = state()
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        while block := file.read(_READ_BYTES):
            digest.update(block)
        key = _quick_key(file, before.size_bytes)
        if state() != before:
            raise MediaError(
                "changed while it was being read. Try again when it has stopped growing", path=path
            )
    return Fingerprint(
        content_hash=digest.hexdigest(),
        quick_key=key,
        size_bytes=before.size_bytes,
        mtime_ns=before.mtime_ns,
        version=before.version,
    )


def identify(path: Path, seen: Glance | None = None) -> Fingerprint:
    """Return the fingerprint that identifies the video at `path` before it is decoded.

    A local file is read completely. A remote file would have to be fetched twice, so it is identified by its
    size, its quick key and its server's version until it was read completely. The version is no digest of the
    content: the ETag of an S3 object that was uploaded in parts depends on the parts.

    Args:
        path: The file.
        seen: Its properties, if they are known already.

    Raises:
        MediaError: It cannot be read.
    """
    if not is_elsewhere(path):
        return fingerprint(path)
    seen = seen or glance(path)
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    # If there is no version, the modification time takes its role.
    digest.update(f"{seen.size_bytes} {seen.quick_key} {seen.version or seen.mtime_ns}".encode())
    return Fingerprint(
        content_hash=_BY_VERSION + digest.hexdigest(),
        quick_key=seen.quick_key,
        size_bytes=seen.size_bytes,
        mtime_ns=seen.mtime_ns,
        version=seen.version,
    )


def is_read_whole(content_hash: str) -> bool:
    """Whether a content hash is a digest of the content, not of a server's version."""
    return not content_hash.startswith(_BY_VERSION)


def check_is_video(path: Path, video: Video) -> None:
    """Check that a file still holds a video of the library, before pixels are read from it.

    Compares the size and the quick key, which takes well under a millisecond; see the top of this module for
    the edits that this does not notice.

    Raises:
        VideoReplaced: The file holds other content.
        MediaError: The file is missing or cannot be read.
    """
    if quick_key(path) != video.quick_key:
        raise VideoReplaced(
            "does not hold the video that was indexed under this name: the file was replaced or edited. "
            "Index it again, or put the earlier file back",
            path=path,
        )


def path_of(video: Video) -> Path:
    """Return the first of a video's paths that still holds it.

    Raises:
        VideoReplaced: No path holds it, and the file at one of them holds other content.
        MediaError: None of its files exists or can be read.
    """
    problem: MediaError | None = None
    # Local files come first: checking them takes no requests.
    for path in sorted(video.paths, key=is_elsewhere):
        try:
            check_is_video(path, video)
        except MediaError as error:
            if problem is None or isinstance(error, VideoReplaced):
                problem = error
        else:
            return path
    assert problem is not None, "a video has at least one path"
    raise problem


def _quick_key(file: BinaryIO | RangeReader, size_bytes: int) -> str:
    digest = hashlib.blake2b(size_bytes.to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    last = max(0, size_bytes - BLOCK_BYTES)
    for offset in (0, last // 2, last):
        file.seek(offset)
        digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


@contextmanager
def _open(path: Path) -> Iterator[tuple[BinaryIO | RangeReader, Callable[[], SourceState]]]:
    """Open a file, with a function that returns its current state."""
    if is_elsewhere(path):
        source = source_of(path)
        with source.open() as file:
            yield file, source.state
        return
    try:
        # Opening a pipe would block until something is written to it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise MediaError("is not a file", path=path)
        with path.open("rb") as file:
            yield file, lambda: _state(os.fstat(file.fileno()))
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}", path=path) from error


def _state(status: os.stat_result) -> SourceState:
    return SourceState(status.st_size, status.st_mtime_ns, None)
