"""The one thread that writes chunks into a library."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

MAX_WAITING = 4


class Writer:
    """Does what it is given in order, in a thread of its own.

    Keyboard interrupts reach the main thread alone, so that a commit that has begun is always finished. After
    an error nothing more is done, so that no later chunk of a video is kept without an earlier one; the
    error is raised by the next `submit`, or on leaving.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vidsearch-write")
        self._waiting: deque[Future[None]] = deque()
        self._has_failed = False

    def submit(self, action: Callable[[], None]) -> None:
        """Have something done; waits where much is waiting already. Raises what an earlier action raised."""
        while self._waiting and (len(self._waiting) >= MAX_WAITING or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._executor.submit(self._do, action))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True)
        if error is None:
            while self._waiting:
                self._waiting.popleft().result()

    def _do(self, action: Callable[[], None]) -> None:
        if self._has_failed:
            return
        try:
            action()
        except BaseException:
            self._has_failed = True
            raise
