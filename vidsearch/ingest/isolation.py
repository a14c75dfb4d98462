"""Runs a generator in a separate process, which may crash or hang without affecting this one.

Decoders are large C libraries, and files may be made to break them. The child is a new interpreter, not a
fork, so threads and models in this process do not matter, and programs that index need no `if __name__ ==
"__main__"`. It is started isolated (`python -I`), so that a `pickle.py` beside the videos or on PYTHONPATH is
not imported. It answers with data, never with code (`vidsearch.ingest.messages`).
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import vidsearch
from vidsearch import errors
from vidsearch.errors import DamagedVideo, DecodeTimeout, MediaError, VidsearchError
from vidsearch.ingest.messages import BadMessage, Kind, read_message, write_message
from vidsearch.paths import as_path

Item = TypeVar("Item")

_PACKAGE_ROOT = str(Path(vidsearch.__file__).resolve().parent.parent)
_CHILD = "import sys; sys.path.append(sys.argv[1]); from {module} import serve; serve()"
_POLL_SECONDS = 0.1
_MAX_REASON_CHARACTERS = 1_000


def isolated(
    call: Callable[[], Iterable[Item]], *, name: Path | str, timeout_seconds: float | None = None
) -> Generator[Item, None, Any]:
    """Yield what `call()` yields, in a separate process, and return what it returns.

    The process ends with the iteration.

    Args:
        call: A picklable callable built from vidsearch's own functions and classes.
        name: The file's name, for errors.
        timeout_seconds: Longest time for one item.

    Raises:
        VidsearchError: Raised by `call`; its other errors become a MediaError.
        DamagedVideo: The process crashed.
        DecodeTimeout: No item came for `timeout_seconds`.
    """
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", _CHILD.format(module=__name__), _PACKAGE_ROOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    watchdog = _Watchdog(child, timeout_seconds)
    path = as_path(name)
    try:
        with suppress(BrokenPipeError), child.stdin:
            pickle.dump(call, child.stdin)  # the child trusts this process, not the reverse
        # An interpreter starts slowly on a busy machine: the deadline covers only the call.
        kind, value = _receive(child, child.stdout, watchdog, path)
        while kind != "end":
            if kind == "error":
                raise _error_from(value, path)
            if kind == "item":
                yield cast("Item", value)
            with watchdog:
                kind, value = _receive(child, child.stdout, watchdog, path)
        return value
    finally:
        watchdog.stop()
        child.kill()
        child.wait()
        child.stdout.close()


def serve() -> None:
    """The child's main function: run the call read from stdin, and write its items to stdout."""
    # Output that libraries print must not mix with the messages.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        try:
            call = pickle.load(sys.stdin.buffer)
            write_message(answers, "ready")
            items = iter(call())
            while True:
                try:
                    item = next(items)
                except StopIteration as end:
                    write_message(answers, "end", end.value)
                    return
                write_message(answers, "item", item)
        except Exception as error:  # noqa: BLE001  raised again in the parent
            reason = error.reason if isinstance(error, VidsearchError) else f"{type(error).__name__}: {error}"
            path = error.path if isinstance(error, VidsearchError) else None
            write_message(answers, "error", [type(error).__name__, reason[:_MAX_REASON_CHARACTERS], path])


def _error_from(value: Any, path: Path) -> VidsearchError:
    """Rebuild a child's error by its class name if it is a VidsearchError."""
    match value:
        case [str(name), str(reason), None | Path() as own_path]:
            found = getattr(errors, name, None)
            if isinstance(found, type) and issubclass(found, VidsearchError):
                return found(reason, path=own_path)
            return MediaError(reason, path=path)
    return _not_understood(path)


def _not_understood(path: Path) -> DamagedVideo:
    return DamagedVideo("its decoder answers what makes no sense", path=path)


def _receive(
    child: subprocess.Popen[bytes], answers: IO[bytes], watchdog: _Watchdog, path: Path
) -> tuple[Kind, Any]:
    try:
        return read_message(cast("Any", answers))
    except BadMessage as error:
        raise _not_understood(path) from error
    except EOFError as error:
        code = child.wait()
        if watchdog.has_killed:
            within = f"{watchdog.timeout_seconds:g} s"
            raise DecodeTimeout(f"its decoder made no progress within {within}", path=path) from error
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        raise DamagedVideo(f"its decoder crashed ({how})", path=path) from error


class _Watchdog:
    """A context manager that kills a child on a timeout."""

    def __init__(self, child: subprocess.Popen[bytes], timeout_seconds: float | None) -> None:
        self.timeout_seconds = timeout_seconds
        self.has_killed = False
        self._child = child
        self._deadline = inf
        self._stopped = threading.Event()
        if timeout_seconds is not None:
            threading.Thread(target=self._watch, name="vidsearch-watchdog", daemon=True).start()

    def __enter__(self) -> None:
        if self.timeout_seconds is not None:
            self._deadline = time.monotonic() + self.timeout_seconds

    def __exit__(self, *_: object) -> None:
        self._deadline = inf

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            if time.monotonic() > self._deadline:
                self.has_killed = True
                self._child.kill()
                return
