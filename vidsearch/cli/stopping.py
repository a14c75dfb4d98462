"""Ctrl-C: once to stop in order, twice to stop at once, and never a traceback.

Outside a command (while modules load, or while Python shuts down) SIGINT has its default effect and ends the
process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from vidsearch.cli import console

_is_stopping = False


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Let the first Ctrl-C end what runs inside in order, as a KeyboardInterrupt, and the second one at once.

    Nothing is lost at the second: every commit is whole. A process with a handler of its own for SIGINT
    (a test, a notebook) keeps it.
    """
    global _is_stopping
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    _is_stopping = False
    signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop_on_terminate() -> None:
    """Let `kill`, a service manager or the page stop a run as Ctrl-C does."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGTERM, _stop)


def leave_threads_behind(exit_code: object) -> None:
    """End the process at once if threads of a stopped run are still inside a model or a decoder.

    Python would end them as it shuts down, and C++ then aborts the process: Ctrl-C during Whisper ended in
    "terminate called without an active exception".
    """
    if not any(thread.daemon and thread.name.startswith("vidsearch-") for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(exit_code if isinstance(exit_code, int) else console.EXIT_FAILED if exit_code else 0)


def _stop(signal_number: int, frame: FrameType | None) -> None:
    global _is_stopping
    if _is_stopping:
        os.write(2, b"Stopped at once.\n")
        os._exit(console.EXIT_INTERRUPTED)
    _is_stopping = True
    raise KeyboardInterrupt
