"""A file object that fetches byte ranges: small ones for random access, large ones for sequential reading.

The file is divided into blocks. Reading a block also fetches as many of the following ones as preceding ones
are cached, up to 4 MiB, like an operating system's read-ahead: a header or a single picture costs little, and
sequential reading soon streams, with the next range being fetched while this one is decoded.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor

from vidsearch.errors import MediaError

BLOCK_BYTES = 256 * 1024
MAX_BLOCKS_PER_FETCH = 16
_CACHE_BYTES = 96 * 2**20
_DIGEST_BYTES = 20
"""The same kind as `store.fingerprint` makes."""


class BlockCache:
    """The most recently used blocks of all files. Thread-safe."""

    def __init__(self, max_bytes: int = _CACHE_BYTES) -> None:
        self._max_blocks = max_bytes // BLOCK_BYTES
        self._blocks: OrderedDict[tuple[Hashable, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, file: Hashable, index: int) -> bytes | None:
        """A block of a file; None if it is not cached."""
        with self._lock:
            block = self._blocks.get((file, index))
            if block is not None:
                self._blocks.move_to_end((file, index))
            return block

    def put(self, file: Hashable, index: int, block: bytes) -> None:
        """Keep a block, evicting the least recently used one."""
        with self._lock:
            self._blocks[file, index] = block
            self._blocks.move_to_end((file, index))
            while len(self._blocks) > self._max_blocks:
                self._blocks.popitem(last=False)


class RangeReader(io.RawIOBase):
    """Reads a file by ranges. Not thread-safe.

    Args:
        fetch: Returns the bytes [start, end). Raises MediaError, which is also kept in `error`, as a demuxer
            may take it for the end of the file.
        size_bytes: The file's length.
        file: The cache key: the file and its version.
        cache: Where blocks are kept.
    """

    def __init__(
        self, fetch: Callable[[int, int], bytes], *, size_bytes: int, file: Hashable, cache: BlockCache
    ) -> None:
        super().__init__()
        self._fetch = fetch
        self._size_bytes = size_bytes
        self._num_blocks = -(-size_bytes // BLOCK_BYTES)
        self._file = file
        self._cache = cache
        self._position = 0
        self._digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._num_hashed = 0
        self._fetcher: ThreadPoolExecutor | None = None
        self._ahead: tuple[int, int, Future[bytes]] | None = None
        """First block, number of blocks and future bytes of the range being prefetched."""
        self.error: MediaError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes; fewer only at the end of the file. Raises MediaError."""
        end = self._size_bytes if size < 0 else min(self._position + size, self._size_bytes)
        parts = []
        while self._position < end:
            index, offset = divmod(self._position, BLOCK_BYTES)
            part = self._block(index)[offset : offset + end - self._position]
            self._position += len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._fetcher is not None:
            self._fetcher.shutdown(wait=False, cancel_futures=True)
        super().close()

    def content_hash(self) -> str | None:
        """The digest of the whole file if all but a small last part of it has been read, else None.

        Raises MediaError.
        """
        if self._num_blocks - self._num_hashed > MAX_BLOCKS_PER_FETCH:
            return None
        while self._num_hashed < self._num_blocks:
            self._block(self._num_hashed)
        return self._digest.hexdigest()

    def _block(self, index: int) -> bytes:
        block = self._cache.get(self._file, index)
        if block is None:
            start, data = self._range_from(index)
            for offset in range(0, len(data), BLOCK_BYTES):
                self._keep(start + offset // BLOCK_BYTES, data[offset : offset + BLOCK_BYTES])
            own = (index - start) * BLOCK_BYTES
            return data[own : own + BLOCK_BYTES]
        self._hash(index, block)
        return block

    def _range_from(self, index: int) -> tuple[int, bytes]:
        """Fetch a range that begins at a block, or wait for the prefetch that has it; prefetch the next."""
        try:
            ahead, self._ahead = self._ahead, None
            if ahead is not None and ahead[0] <= index < ahead[0] + ahead[1]:
                start, num_blocks, data = ahead[0], ahead[1], ahead[2].result()
            else:
                start, num_blocks = index, self._num_to_fetch(index)
                data = self._fetch(*self._bytes_of(start, num_blocks))
        except MediaError as error:
            self.error = error
            raise
        following = start + num_blocks
        if num_blocks == MAX_BLOCKS_PER_FETCH and following < self._num_blocks:
            self._fetcher = self._fetcher or ThreadPoolExecutor(1, thread_name_prefix="vidsearch-fetch")
            more = min(MAX_BLOCKS_PER_FETCH, self._num_blocks - following)
            coming = self._fetcher.submit(self._fetch, *self._bytes_of(following, more))
            self._ahead = following, more, coming
        return start, data

    def _num_to_fetch(self, index: int) -> int:
        """As many blocks as are cached before this one, so that ranges double in size."""
        before = 0
        while before < MAX_BLOCKS_PER_FETCH and self._cache.get(self._file, index - before - 1) is not None:
            before += 1
        return min(max(1, before), self._num_blocks - index)

    def _bytes_of(self, start: int, num_blocks: int) -> tuple[int, int]:
        return start * BLOCK_BYTES, min((start + num_blocks) * BLOCK_BYTES, self._size_bytes)

    def _keep(self, index: int, block: bytes) -> None:
        self._cache.put(self._file, index, block)
        self._hash(index, block)

    def _hash(self, index: int, block: bytes) -> None:
        if index == self._num_hashed:
            self._digest.update(block)
            self._num_hashed += 1
