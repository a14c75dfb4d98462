"""The single thread that writes chunks into a library."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

MAX_WAITING = 4


class Writer:
    """Executes actions in order, in a thread of its own.

    Keyboard interrupts reach only the main thread, so that a commit once begun is always finished. After an
    error, remaining actions are skipped, so that no chunk is stored without its predecessors; the error is
    raised by the next `submit`, or on exit.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vidsearch-write")
        self._waiting: deque[Future[None]] = deque()
        self._has_failed = False

    def submit(self, action: Callable[[], None]) -> None:
        """Queue an action; blocks while the queue is full. Raises the error of an earlier action."""
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
