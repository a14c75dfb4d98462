"""Folders that are indexed as they change. Knows when a file is ready to be read, and nothing of models or
libraries: indexing is a function that it is given.
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
from vidsearch.media.discover import VIDEO_SUFFIXES, find_videos

if TYPE_CHECKING:
    from vidsearch.ingest.report import IngestReport

SETTLE_SECONDS = 2.0
_LOOK_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was when it was last found changed."""

    size_bytes: int
    mtime_ns: int
    since: float
    """Monotonic time."""


class Settling:
    """Files that changed, until they have stopped to."""

    def __init__(self, *, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds
        self._seen: dict[Path, _Seen] = {}

    def note(self, path: Path, *, now: float, is_old: bool = False) -> None:
        """Note that a file is new or changed; `is_old` where it was there before anybody looked."""
        stat = _stat(path)
        if stat is not None:
            since = now - self._settle_seconds if is_old else now
            self._seen[path] = _Seen(*stat, since=since)

    def take_ready(self, *, now: float) -> list[Path]:
        """Take out the files that did not change for `settle_seconds`; files that went away are forgotten."""
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


def watch(
    folders: Sequence[Path],
    index: Callable[[Sequence[Path]], IngestReport],
    *,
    on_report: Callable[[IngestReport], None],
    on_error: Callable[[VidsearchError], None],
    stop: threading.Event | None = None,
    settle_seconds: float = SETTLE_SECONDS,
    force_polling: bool | None = None,
) -> None:
    """Index what is in `folders`, then what comes or changes there, until `stop` or a KeyboardInterrupt.

    A file is indexed when it has not changed for `settle_seconds`. `index` takes the files that are ready; an
    error of it goes to `on_error`, and those files are tried again when the next ones are ready.
    `force_polling` is for network folders, which tell nobody of their changes. Raises MediaError where a
    folder is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            raise MediaError("is not a folder that can be watched", path=folder)
    stop = stop or threading.Event()
    settling = Settling(settle_seconds=settle_seconds)
    unfinished: list[Path] = []
    is_first = True
    # What is there already is listed only now that changes are being collected: nothing falls in between.
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
            for path in find_videos(folders).videos:
                settling.note(path, now=now, is_old=_age_seconds(path) >= settle_seconds)
        for path in _videos_in(changes):
            settling.note(path, now=now)
        ready = settling.take_ready(now=now)
        if not ready:
            continue
        try:
            report = index([*unfinished, *ready])
        except VidsearchError as error:
            unfinished.extend(ready)
            on_error(error)
            continue
        unfinished.clear()
        on_report(report)
        if report.interrupted:
            return


def _videos_in(changes: Iterable[tuple[Change, str]]) -> list[Path]:
    """The videos that came or changed; of a folder that came, those in it."""
    paths: list[Path] = []
    for change, name in changes:
        path = Path(name)
        if change is Change.deleted:
            continue
        if path.is_dir():
            paths.extend(find_videos([path]).videos)
        elif path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("."):
            paths.append(path)
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
