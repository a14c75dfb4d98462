"""Watches folders: decides when a new or changed file is ready, and when to retry one that failed.

Indexing is done by a function passed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import Change
from watchfiles import watch as watch_files

from vidsearch.errors import MediaError, VidsearchError
from vidsearch.media.discover import find_videos, is_found_in
from vidsearch.paths import is_folder

if TYPE_CHECKING:
    from vidsearch.ingest.report import IngestReport

SETTLE_SECONDS = 2.0
RETRY_SECONDS = 15.0
_LONGEST_RETRY_SECONDS = 600.0
_LOOK_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file's state when it last changed."""

    size_bytes: int
    mtime_ns: int
    since: float
    """Monotonic time."""


class Settling:
    """Changed files, until they stop changing."""

    def __init__(self, *, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds
        self._seen: dict[Path, _Seen] = {}

    def note(self, path: Path, *, now: float, is_old: bool = False) -> None:
        """Note a new or changed file; `is_old` if it existed when the watch began."""
        stat = _stat(path)
        if stat is not None:
            since = now - self._settle_seconds if is_old else now
            self._seen[path] = _Seen(*stat, since=since)

    def take_ready(self, *, now: float) -> list[Path]:
        """Remove and return the files unchanged for `settle_seconds`; deleted files are dropped."""
        ready = []
        for path, seen in sorted(self._seen.items()):
            stat = _stat(path)
            if stat is None:
                del self._seen[path]
            elif stat != (seen.size_bytes, seen.mtime_ns):
                self._seen[path] = _Seen(*stat, since=now)
            elif now - seen.since >= self._settle_seconds:
                del self._seen[path]
                ready.append(path)
        return ready


class Retries:
    """Files to retry: a full disk or a disconnected network folder may recover."""

    def __init__(self, *, first_seconds: float = RETRY_SECONDS) -> None:
        self._first_seconds = first_seconds
        self._wait_seconds = first_seconds
        self._due = 0.0
        self._paths: dict[Path, None] = {}

    def note(self, paths: Iterable[Path], *, now: float) -> None:
        """Note the failures of a finished run; without any, the next wait is short again."""
        self._paths.update(dict.fromkeys(paths))
        if not self._paths:
            self._wait_seconds = self._first_seconds
            return
        self._due = now + self._wait_seconds
        self._wait_seconds = min(2 * self._wait_seconds, _LONGEST_RETRY_SECONDS)

    def take_due(self, *, now: float, also: bool) -> list[Path]:
        """Remove and return the files that are due; all of them if a run begins anyway (`also`)."""
        if not self._paths or not (also or now >= self._due):
            return []
        due = list(self._paths)
        self._paths.clear()
        return due


def check_folders(folders: Iterable[Path]) -> None:
    """Raise MediaError for a missing folder."""
    for folder in folders:
        if not is_folder(folder):
            raise MediaError("is not a folder that can be watched", path=folder)


def watch(
    folders: Sequence[Path],
    index: Callable[[Sequence[Path]], IngestReport],
    *,
    on_report: Callable[[IngestReport], None],
    on_error: Callable[[VidsearchError], None],
    exclude: Sequence[str] = (),
    stop: threading.Event | None = None,
    settle_seconds: float = SETTLE_SECONDS,
    retry_seconds: float = RETRY_SECONDS,
    force_polling: bool | None = None,
) -> None:
    """Index what is in `folders`, then new and changed files, until `stop` or a KeyboardInterrupt.

    A file is indexed once it has not changed for `settle_seconds`.

    Args:
        folders: What to watch.
        index: Indexes files that are ready or due for a retry.
        on_report: Called after each run that did something.
        on_error: Called if a run fails as a whole; its files are retried.
        exclude: Patterns of files to skip; see `find_videos`.
        stop: Once set, ends the watch.
        settle_seconds: How long a file must stay unchanged.
        retry_seconds: First wait before a retry; doubled each time, up to 10 minutes. A file recorded as
            failed in the library is not retried until it changes.
        force_polling: For network folders, which send no change notifications.

    Raises:
        MediaError: A folder is missing.
    """
    check_folders(folders)
    stop = stop or threading.Event()
    settling = Settling(settle_seconds=settle_seconds)
    retries = Retries(first_seconds=retry_seconds)
    is_first = True
    # Existing files are listed only after change collection has begun, so that none is missed.
    for changes in watch_files(
        *folders,
        watch_filter=None,
        stop_event=stop,
        rust_timeout=_LOOK_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=force_polling,
        ignore_permission_denied=True,
    ):
        now = time.monotonic()
        if is_first:
            is_first = False
            for path in find_videos(folders, exclude=exclude).videos:
                settling.note(path, now=now, is_old=_age_seconds(path) >= settle_seconds)
        for path in _videos_in(changes, folders, exclude):
            settling.note(path, now=now)
        ready = settling.take_ready(now=now)
        again = retries.take_due(now=now, also=bool(ready))
        if not (ready or again):
            continue
        try:
            report = index([*again, *ready])
        except VidsearchError as error:
            retries.note([*again, *ready], now=time.monotonic())
            on_error(error)
            continue
        failed = [failure.path for failure in report.failures if not failure.known_before]
        retries.note(failed, now=time.monotonic())
        if ready or failed or report.num_indexed:
            on_report(report)
        if report.interrupted:
            return


def _videos_in(
    changes: Iterable[tuple[Change, str]], folders: Sequence[Path], exclude: Sequence[str]
) -> list[Path]:
    """New and changed videos, including those in new folders."""
    paths: list[Path] = []
    for change, name in changes:
        path = Path(name)
        if change is Change.deleted:
            continue
        folder = next((one for one in folders if path.is_relative_to(one)), path.parent)
        found = find_videos([path]).videos if path.is_dir() else [path]
        paths.extend(video for video in found if is_found_in(folder, video, exclude=exclude))
    return paths


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _age_seconds(path: Path) -> float:
    stat = _stat(path)
    return 0.0 if stat is None else time.time() - stat[1] / 1e9
