"""What takes a server long: runs that clients start, one after the other, and watch and stop."""

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
from vidsearch.service.describing import DEFAULT_DESCRIBER
from vidsearch.service.received import check_models_are_here

if TYPE_CHECKING:
    from vidsearch.captions.parts import PartsReport
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.service.indexing import IndexOptions
    from vidsearch.service.job_schemas import RecaptionRequest, UpgradeRequest
    from vidsearch.service.labels import Labelled
    from vidsearch.service.library import Library
    from vidsearch.service.upgrading import Upgrade
    from vidsearch.store.records import Problem

    Outcome: TypeAlias = IngestReport | PartsReport | Labelled | Upgrade | tuple[Problem, ...]
    OnProgress: TypeAlias = Callable[[ProgressState], None]
    Work: TypeAlias = Callable[[OnProgress, threading.Event], Outcome]

logger = logging.getLogger("vidsearch")

JobKind: TypeAlias = Literal["index", "label", "recaption", "describe", "upgrade", "verify"]
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
class Job:
    """A run as it was at one instant."""

    id: str
    kind: JobKind
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    paths: tuple[Path, ...] = ()
    """What is indexed."""
    progress: ProgressState | None = None
    outcome: Outcome | None = None
    """What the run did, once it has ended by itself or was stopped."""
    error: VidsearchError | None = None
    """Why the run as a whole could not be done."""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDS


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change of a job, numbered from 1 upwards."""

    number: int
    job: Job


@dataclass(slots=True)
class _Kept:
    """A job, what it does, and its latest events."""

    job: Job
    work: Work
    stop: threading.Event = field(default_factory=threading.Event)
    events: deque[JobEvent] = field(default_factory=lambda: deque(maxlen=_MAX_EVENTS))
    told_at: float = 0.0


class Jobs:
    """The runs of one server on its library, in a thread of their own.

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

    def index(self, paths: Sequence[str], settings: IndexSettings) -> Job:
        """Index paths once the jobs before are done.

        Args:
            paths: Files and folders, absolute.
            settings: How; see `IndexSettings`.

        Raises:
            PathNotAllowed: A path is not in a folder that may be indexed, or is not there.
            QueryError: No path, a setting that means nothing, or too many jobs that wait.
        """
        from vidsearch.service.indexing import IndexOptions

        if not paths:
            raise QueryError("There is nothing to index: name a file or a folder in paths.")
        allowed = tuple(map(self._allowed, paths))
        self._check_models(IndexOptions.of(settings))

        def work(on_progress: OnProgress, stop: threading.Event) -> Outcome:
            return self._library.index(allowed, on_progress=on_progress, stop=stop, **settings)

        return self._start("index", work, paths=allowed)

    def label(
        self,
        labels: str | Sequence[str] | None,
        *,
        min_confidence: float | None = None,
        join_seconds: float | None = None,
    ) -> Job:
        """Look for labels in every frame; see `Labels.apply`.

        Raises:
            QueryError: No label, or one that means nothing.
            ConceptNotFound: One that names a concept that nobody taught.
        """
        self._library.labels.checked(labels)

        def work(on_progress: OnProgress, stop: threading.Event) -> Outcome:
            return self._library.labels.apply(
                labels,
                min_confidence=min_confidence,
                join_seconds=join_seconds,
                on_progress=on_progress,
                stop=stop,
            )

        return self._start("label", work)

    def recaption(self, asked: RecaptionRequest) -> Job:
        """Write new captions of frames, chapters or whole videos; see `Library.recaption` and `describe`.

        Raises:
            QueryError: The model is not on this machine, or a setting is for another level.
            VideoNotFound: The name fits none.
        """
        chosen = self._library.select(asked.videos)
        asked.check()
        if asked.level != "frame":
            check_models_are_here(asked.captioner or DEFAULT_DESCRIBER)
            settings = asked.describe_settings()

            def describe(on_progress: OnProgress, stop: threading.Event) -> Outcome:
                return self._library.describe(chosen, on_progress=on_progress, stop=stop, **settings)

            return self._start("describe", describe)
        check_models_are_here(*filter(None, [asked.captioner]))

        def work(on_progress: OnProgress, stop: threading.Event) -> Outcome:
            return self._library.recaption(
                chosen,
                models=asked.captioner,
                num_beams=asked.num_beams,
                prompt=asked.prompt,
                on_progress=on_progress,
                stop=stop,
            )

        return self._start("recaption", work)

    def upgrade(self, asked: UpgradeRequest) -> Job:
        """Go on with other models; see `Library.upgrade`.

        Raises:
            QueryError: A model is not on this machine.
        """
        check_models_are_here(*(name.strip() for name in asked.models.split(",")))

        def work(on_progress: OnProgress, stop: threading.Event) -> Outcome:
            return self._library.upgrade(
                asked.models,
                skip_failed=asked.skip_failed,
                prune=asked.prune,
                on_progress=on_progress,
                stop=stop,
            )

        return self._start("upgrade", work)

    def verify(self, *, repair: bool = False) -> Job:
        """Check the library against itself and its files; see `Library.verify`. It cannot be stopped."""
        return self._start("verify", lambda on_progress, stop: tuple(self._library.verify(repair=repair)))

    def _start(self, kind: JobKind, work: Work, *, paths: tuple[Path, ...] = ()) -> Job:
        with self._changed:
            if sum(kept.job.state == "waiting" for kept in self._jobs.values()) >= _MAX_WAITING:
                raise QueryError(f"{_MAX_WAITING} jobs wait already. Try again when some are done.")
            kept = _Kept(Job(secrets.token_hex(8), kind, "waiting", datetime.now(UTC), paths=paths), work)
            self._jobs[kept.job.id] = kept
            self._forget_old()
            self._tell(kept)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return kept.job

    def jobs(self) -> list[Job]:
        """Return the jobs, in the order in which they were started."""
        with self._changed:
            return [kept.job for kept in self._jobs.values()]

    def job(self, job_id: str) -> Job:
        """Return a job as it is now. Raises JobNotFound."""
        with self._changed:
            return self._kept(job_id).job

    def events(self, job_id: str, *, after: int = 0) -> list[JobEvent]:
        """Return the events of a job that came after one, oldest first. Raises JobNotFound."""
        with self._changed:
            return [event for event in self._kept(job_id).events if event.number > after]

    def stop(self, job_id: str) -> Job:
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
            raise JobNotFound(f"There is no job {job_id[:40]!r}.") from None

    def _check_models(self, options: IndexOptions) -> None:
        """Raise QueryError where a model is asked for that would be fetched for it."""
        from vidsearch.service.listening import has_speech_model

        if options.speech and not has_speech_model(options.speech_model):
            raise QueryError(
                f"The model that listens, {options.speech_model}, is not on the server's machine: fetch it "
                f"there with `vidsearch models pull {options.speech_model}`."
            )
        asked = options.models
        if asked.moving or asked.sounds:
            kept = self._library.store.models
            if asked.moving and not (kept and kept.moving):
                check_models_are_here(asked.moving_model)
            if asked.sounds and not (kept and kept.sounds):
                check_models_are_here(asked.sound_model)

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
                outcome = kept.work(self._listener(kept), kept.stop)
            except KeyboardInterrupt:  # it was stopped, and has nothing to say
                self._end(kept, state="stopped")
            except VidsearchError as error:
                self._end(kept, state="failed", error=error)
            except Exception as error:
                logger.exception("The job %s failed.", kept.job.id)
                self._end(kept, state="failed", error=VidsearchError(f"Internal error: {error!r}."))
            else:
                report = getattr(outcome, "report", outcome)
                is_stopped = getattr(report, "interrupted", False)
                self._end(kept, state="stopped" if is_stopped else "done", outcome=outcome)

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
        outcome: Outcome | None = None,
        error: VidsearchError | None = None,
    ) -> None:
        with self._changed:
            self._change(kept, state=state, outcome=outcome, error=error, ended_at=datetime.now(UTC))

    def _change(self, kept: _Kept, **changes: object) -> None:
        kept.job = replace(kept.job, **changes)  # type: ignore[arg-type]
        self._tell(kept)

    def _tell(self, kept: _Kept) -> None:
        number = kept.events[-1].number + 1 if kept.events else 1
        kept.events.append(JobEvent(number, kept.job))
        kept.told_at = time.monotonic()
