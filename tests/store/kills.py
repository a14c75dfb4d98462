"""Processes that die at a chosen instant: at any SQL statement, or at any opening or renaming of a file."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from itertools import count, islice

import faiss

from vidsearch.store.sqlite.catalog import SqliteCatalog
from vidsearch.store.sqlite.connection import SqliteConnection

_FILE_EVENTS = frozenset(("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect"))


def kill_everywhere(work: Callable[[], None], *, check: Callable[[], None], every: int = 1) -> int:
    """Do the work in a process that is killed at its first step, then in one killed at its second, and so on.

    `check` looks at what each left behind, and puts back what was before. Returns the number of kills; ends
    with the first process that finishes.
    """
    for num_kills, step in enumerate(islice(count(1), 0, None, every)):
        was_killed = _run_until(work, step)
        check()
        if not was_killed:
            return num_kills
    raise AssertionError("unreachable")


def _run_until(work: Callable[[], None], last_step: int) -> bool:
    """Run in a process of its own. Returns whether it was killed before it was done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside the threads of other tests
        child = os.fork()
    if child == 0:
        status = 1
        try:
            faiss.omp_set_num_threads(1)  # the threads that it had before are not in this process
            die_at(last_step)
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False


def die_at(last_step: int) -> None:
    """Have this process killed at a step, counted over all of its threads."""
    steps = count(1)

    def step(*_: object) -> None:
        if next(steps) == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_event(event: str, _: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS:
            step()

    connect = SqliteCatalog._connect_with

    def traced(self: SqliteCatalog, mode: str) -> SqliteConnection:
        connection = connect(self, mode)
        connection.set_trace_callback(step)
        return connection

    SqliteCatalog._connect_with = traced  # type: ignore[method-assign]
    sys.addaudithook(on_event)
