"""Turns of writers: threads of one process, and others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from filelock import FileLock

from vidsearch.errors import LibraryNotWritable
from vidsearch.store import lock
from vidsearch.store.lock import WriteLock


@pytest.fixture
def write_lock(tmp_path: Path) -> WriteLock:
    return WriteLock(tmp_path / "write.lock")


def test_a_thread_has_its_turn_as_soon_as_the_other_ends(
    write_lock: WriteLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against a thread that sleeps until it asks the file lock again, 10 ms later."""
    monkeypatch.setattr(
        lock, "_file_lock", lambda path, timeout: FileLock(path, timeout=timeout, poll_interval=60)
    )
    is_waiting = threading.Event()
    said: list[str] = []

    def wait() -> None:
        is_waiting.set()
        with write_lock.turn():
            said.append("second")

    thread = threading.Thread(target=wait, daemon=True)
    with write_lock.turn(), write_lock.turn():
        thread.start()
        is_waiting.wait()
        thread.join(0.05)
        said.append("first")
    thread.join(10)
    assert said == ["first", "second"]


@pytest.mark.parametrize(
    ("is_here", "holder"), [(True, "Another thread of this program"), (False, "Another process")]
)
def test_a_turn_that_never_ends(
    write_lock: WriteLock, is_here: bool, holder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WRITE_TIMEOUT_SECONDS", 0.02)
    raised: list[str] = []

    def wait() -> None:
        with pytest.raises(LibraryNotWritable) as error, write_lock.turn():
            pass
        raised.append(str(error.value))

    thread = threading.Thread(target=wait)
    with (write_lock if is_here else WriteLock(tmp_path / "write.lock")).turn():
        thread.start()
        thread.join()
    path = tmp_path / "write.lock"
    assert raised == [f"{holder} has held {path} for 0 seconds. Stop it (or wait for it), then try again."]
    with write_lock.turn():
        pass
