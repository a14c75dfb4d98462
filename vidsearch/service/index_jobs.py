"""Index runs that a server starts for its clients: one after the other, watched and stopped from anywhere."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.errors import JobNotFound, PathNotAllowed, QueryError, VidsearchError

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.service.library import Library

logger = logging.getLogger("vidsearch")

JobState: TypeAlias = Literal["waiting", "running", "done", "failed", "stopped"]
ENDS: frozenset[JobState] = frozenset({"done", "failed", "stopped"})
"""The states after which nothing changes any more."""

_MAX_WAITING = 100
_MAX_KEPT = 200
"""Jobs that have ended are forgotten beyond so many, the oldest first."""
_MAX_EVENTS = 256
"""Of each job: a client that was away for longer gets the newest."""
_SECONDS_BETWEEN_EVENTS = 0.5


@dataclass(frozen=True, slots=True)
class IndexJob:
    """An index run as it was at one instant."""

    id: str
    paths: tuple[Path, ...]
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: ProgressState | None = None
    report: IngestReport | None = None
    """What became of each file, once the run has ended by itself or was stopped."""
    error: VidsearchError | None = None
    """Why the run as a whole could not be done."""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDS


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change of a job, numbered from 1 upwards."""

    number: int
    job: IndexJob


@dataclass(slots=True)
class _Kept:
    """A job, what asked for it, and its latest events."""

    job: IndexJob
    settings: IndexSettings
    stop: threading.Event = field(default_factory=threading.Event)
    events: deque[JobEvent] = field(default_factory=lambda: deque(maxlen=_MAX_EVENTS))
    told_at: float = 0.0


class IndexJobs:
    """The index runs of one server on its library, in a thread of their own.

    Args:
        library: The library. It must stay open until `close`.
        folders: What may be indexed: files and folders in these folders, after links are followed.
    """

    def __init__(self, library: Library, folders: Sequence[Path] = ()) -> None:
        self._library = library
        self._folders = tuple(folder.resolve() for folder in folders)
        self._jobs: dict[str, _Kept] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def start(self, paths: Sequence[str], settings: IndexSettings) -> IndexJob:
        """Index paths once the jobs before are done.

        Args:
            paths: Files and folders, absolute.
            settings: How; see `IndexSettings`.

        Raises:
            PathNotAllowed: A path is not in a folder that may be indexed, or is not there.
            QueryError: No path, a setting that means nothing, or too many jobs that wait.
        """
        from vidsearch.service.indexing import IndexOptions
        from vidsearch.service.listening import has_speech_model

        if not paths:
            raise QueryError("There is nothing to index: name a file or a folder in paths.")
        allowed = tuple(map(self._allowed, paths))
        options = IndexOptions.of(settings)
        if options.speech and not has_speech_model(options.speech_model):
            raise QueryError(
                f"The model that listens, {options.speech_model}, is not on the server's machine: fetch it "
                f"there with `vidsearch models pull {options.speech_model}`."
            )
        with self._changed:
            if sum(kept.job.state == "waiting" for kept in self._jobs.values()) >= _MAX_WAITING:
                raise QueryError(f"{_MAX_WAITING} index jobs wait already. Try again when some are done.")
            kept = _Kept(IndexJob(secrets.token_hex(8), allowed, "waiting", datetime.now(UTC)), settings)
            self._jobs[kept.job.id] = kept
            self._forget_old()
            self._tell(kept)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="index jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return kept.job

    def jobs(self) -> list[IndexJob]:
        """Return the jobs, in the order in which they were started."""
        with self._changed:
            return [kept.job for kept in self._jobs.values()]

    def job(self, job_id: str) -> IndexJob:
        """Return a job as it is now. Raises JobNotFound."""
        with self._changed:
            return self._kept(job_id).job

    def events(self, job_id: str, *, after: int = 0) -> list[JobEvent]:
        """Return the events of a job that came after one, oldest first. Raises JobNotFound."""
        with self._changed:
            return [event for event in self._kept(job_id).events if event.number > after]

    def stop(self, job_id: str) -> IndexJob:
        """Let a job end after the commit in hand, and return it as it is now. Raises JobNotFound."""
        with self._changed:
            kept = self._kept(job_id)
            kept.stop.set()
            if kept.job.state == "waiting":
                self._change(kept, state="stopped", ended_at=datetime.now(UTC))
            return kept.job

    def close(self) -> None:
        """Stop every job after the commit in hand, and wait for that."""
        with self._changed:
            self._is_closing = True
            for kept in self._jobs.values():
                kept.stop.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _kept(self, job_id: str) -> _Kept:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise JobNotFound(f"There is no index job {job_id[:40]!r}.") from None

    def _allowed(self, path: str) -> Path:
        """The real path, where it is in one of the folders: what is elsewhere is not even looked for."""
        try:
            real = Path(path).resolve(strict=True) if Path(path).is_absolute() else None
        except (OSError, ValueError, RuntimeError):
            real = None
        if real is None or not any(real.is_relative_to(folder) for folder in self._folders):
            folders = ", ".join(map(str, self._folders)) or "none: start the server with --allow-index FOLDER"
            raise PathNotAllowed(
                f"{path[:200]!r} is not there, or not in a folder that may be indexed ({folders})."
            )
        return real

    def _forget_old(self) -> None:
        ended = [job_id for job_id, kept in self._jobs.items() if kept.job.has_ended]
        for job_id in ended[: max(0, len(ended) - _MAX_KEPT)]:
            del self._jobs[job_id]

    # --- the thread ---------------------------------------------------------------------------------

    def _work(self) -> None:
        while (kept := self._next()) is not None:
            try:
                report = self._library.index(
                    kept.job.paths, on_progress=self._listener(kept), stop=kept.stop, **kept.settings
                )
            except VidsearchError as error:
                self._end(kept, state="failed", error=error)
            except Exception as error:
                logger.exception("The index job %s failed.", kept.job.id)
                self._end(kept, state="failed", error=VidsearchError(f"Internal error: {error!r}."))
            else:
                self._end(kept, state="stopped" if report.interrupted else "done", report=report)

    def _next(self) -> _Kept | None:
        """The next job, marked as running, once there is one; None when the server ends."""
        with self._changed:
            while not self._is_closing:
                for kept in self._jobs.values():
                    if kept.job.state == "waiting":
                        self._change(kept, state="running", started_at=datetime.now(UTC))
                        return kept
                self._changed.wait()
        return None

    def _listener(self, kept: _Kept) -> Callable[[ProgressState], None]:
        def listen(state: ProgressState) -> None:
            with self._changed:
                kept.job = replace(kept.job, progress=state)
                if time.monotonic() - kept.told_at >= _SECONDS_BETWEEN_EVENTS:
                    self._tell(kept)

        return listen

    def _end(
        self,
        kept: _Kept,
        *,
        state: JobState,
        report: IngestReport | None = None,
        error: VidsearchError | None = None,
    ) -> None:
        with self._changed:
            self._change(kept, state=state, report=report, error=error, ended_at=datetime.now(UTC))

    def _change(self, kept: _Kept, **changes: object) -> None:
        kept.job = replace(kept.job, **changes)  # type: ignore[arg-type]
        self._tell(kept)

    def _tell(self, kept: _Kept) -> None:
        number = kept.events[-1].number + 1 if kept.events else 1
        kept.events.append(JobEvent(number, kept.job))
        kept.told_at = time.monotonic()
