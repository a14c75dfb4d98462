"""Runs a generator in a process of its own, which may crash or hang without harm to this one.

A decoder is a lot of C that meets files made to break it. Knows nothing of what it runs: arguments and items
travel as pickles. The child is a plain interpreter and not a fork, so that threads and models here do not
matter, and a program that indexes needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import IO, TypeVar, cast

from vidsearch.errors import DamagedVideo, DecodeTimeout

Item = TypeVar("Item")

_CHILD = "import pickle, sys; sys.path = pickle.load(sys.stdin.buffer); from {module} import serve; serve()"
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the child says first."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """What the child says last."""

    error: Exception | None = None


def isolated(
    call: Callable[[], Iterable[Item]], *, name: object, timeout_seconds: float | None = None
) -> Generator[Item, None, None]:
    """Yield what `call()` yields, from a process of its own. `call` must be fit to be pickled.

    Raises what it raises; DamagedVideo, which names `name`, where the process crashes, and DecodeTimeout
    where nothing comes for `timeout_seconds`. The process ends with the iteration.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD.format(module=__name__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    watchdog = _Watchdog(child, timeout_seconds)
    try:
        with suppress(BrokenPipeError), child.stdin:
            pickle.dump(sys.path, child.stdin)
            pickle.dump(call, child.stdin)
        # An interpreter takes its time to start on a busy machine: the deadline is for what it runs.
        ready = _receive(child, child.stdout, watchdog, name)
        assert isinstance(ready, _Ready)
        while True:
            with watchdog:
                item = _receive(child, child.stdout, watchdog, name)
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            yield cast("Item", item)
    finally:
        watchdog.stop()
        child.kill()
        child.wait()
        child.stdout.close()


def serve() -> None:
    """Be the child: run what comes on stdin, and write what it yields to stdout."""
    # What a library prints must not come between the pickles.
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr
    call = pickle.load(sys.stdin.buffer)
    pickle.dump(_Ready(), answers)
    answers.flush()
    error: Exception | None = None
    try:
        for item in call():
            pickle.dump(item, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
    except Exception as failure:  # noqa: BLE001  raised again in the parent
        error = failure
    pickle.dump(_Ended(error), answers)
    answers.flush()


def _receive(child: subprocess.Popen[bytes], answers: IO[bytes], watchdog: _Watchdog, name: object) -> object:
    try:
        return pickle.load(answers)
    except (EOFError, pickle.UnpicklingError) as error:
        code = child.wait()
        if watchdog.has_killed:
            within = f"{watchdog.timeout_seconds:g} s"
            raise DecodeTimeout(f"{name}: its decoder made no progress within {within}.") from error
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        raise DamagedVideo(f"{name}: its decoder crashed ({how}).") from error


class _Watchdog:
    """Kills a child that takes too long inside a `with`."""

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
