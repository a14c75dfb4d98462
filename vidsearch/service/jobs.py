"""Jobs of a server: long runs that clients start, watch and stop. They run one after the other."""

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
from vidsearch.service.models import window_models
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
"""The final states."""

_MAX_WAITING = 100
_MAX_KEPT = 200
"""The number of ended jobs to keep; older ones are dropped."""
_MAX_EVENTS = 256
"""The number of events to keep for each job; older ones are dropped."""
_SECONDS_BETWEEN_EVENTS = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """A snapshot of a job."""

    id: str
    kind: JobKind
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    paths: tuple[Path, ...] = ()
    """The files and folders that are indexed."""
    progress: ProgressState | None = None
    outcome: Outcome | None = None
    """The result, once the job is done or stopped."""
    error: VidsearchError | None = None
    """Why the job failed as a whole."""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDS


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change of a job, numbered from 1."""

    number: int
    job: Job


@dataclass(slots=True)
class _Kept:
    """A job, its work, and its latest events."""

    job: Job
    work: Work
    stop: threading.Event = field(default_factory=threading.Event)
    events: deque[JobEvent] = field(default_factory=lambda: deque(maxlen=_MAX_EVENTS))
    told_at: float = 0.0


class Jobs:
    """The jobs of one server on its library, which run in a thread of their own.

    Args:
        library: The library, which must stay open until `close`.
        folders: The folders whose files may be indexed. Links are resolved before the check.
    """

    def __init__(self, library: Library, folders: Sequence[Path] = ()) -> None:
        self._library = library
        self._folders = tuple(folder.resolve() for folder in folders)
        self._jobs: dict[str, _Kept] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def index(self, paths: Sequence[str], settings: IndexSettings) -> Job:
        """Start a job that indexes paths.

        Args:
            paths: Files and folders, absolute.
            settings: How to index; see `IndexSettings`.

        Raises:
            PathNotAllowed: A path is not in a folder that may be indexed, or does not exist.
            QueryError: There is no path, a setting is invalid, or too many jobs are waiting.
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
        """Start a job that looks for labels in every frame; see `Labels.apply`.

        Raises:
            QueryError: There is no label, or one is invalid.
            ConceptNotFound: A label names a concept that the library was not taught.
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
        """Start a job that writes new captions; see `Library.recaption` and `Library.describe`.

        Raises:
            QueryError: The model is not on this machine, or a setting does not apply to the level.
            VideoNotFound: No video has this name.
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
        """Start a job that changes to other models; see `Library.upgrade`.

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
        """Start a job that checks the library; see `Library.verify`. It cannot be stopped."""
        return self._start("verify", lambda on_progress, stop: tuple(self._library.verify(repair=repair)))

    def _start(self, kind: JobKind, work: Work, *, paths: tuple[Path, ...] = ()) -> Job:
        with self._changed:
            if sum(kept.job.state == "waiting" for kept in self._jobs.values()) >= _MAX_WAITING:
                raise QueryError(f"{_MAX_WAITING} jobs are waiting already. Try again when some are done.")
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
        """Return all jobs, in the order in which they were created."""
        with self._changed:
            return [kept.job for kept in self._jobs.values()]

    def job(self, job_id: str) -> Job:
        """Return a job. Raises JobNotFound."""
        with self._changed:
            return self._kept(job_id).job

    def events(self, job_id: str, *, after: int = 0) -> list[JobEvent]:
        """Return the events of a job after the one with number `after`, oldest first. Raises JobNotFound."""
        with self._changed:
            return [event for event in self._kept(job_id).events if event.number > after]

    def stop(self, job_id: str) -> Job:
        """Stop a job after its current commit, and return it. Raises JobNotFound."""
        with self._changed:
            kept = self._kept(job_id)
            kept.stop.set()
            if kept.job.state == "waiting":
                self._change(kept, state="stopped", ended_at=datetime.now(UTC))
            return kept.job

    def close(self) -> None:
        """Stop all jobs after the current commit, and wait for them."""
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
        """Raise QueryError for a model that would have to be downloaded."""
        from vidsearch.service.listening import has_speech_model

        if options.speech and not has_speech_model(options.speech_model):
            raise QueryError(
                f"The speech model {options.speech_model} is not on the server's machine: download it "
                f"there with `vidsearch models pull {options.speech_model}`."
            )
        asked = options.models
        if any((asked.moving, asked.moving_model, asked.sounds, asked.sound_model)):
            kept = self._library.store.models
            moving, sounds = window_models(asked, kept)
            new = {*moving, *sounds}.difference(() if kept is None else (*kept.moving, *kept.sounds))
            check_models_are_here(*sorted(new))

    def _allowed(self, path: str) -> Path:
        """Return the real path of a file in one of the folders. Other paths are not even accessed."""
        try:
            real = Path(path).resolve(strict=True) if Path(path).is_absolute() else None
        except (OSError, ValueError, RuntimeError):
            real = None
        if real is None or not any(real.is_relative_to(folder) for folder in self._folders):
            folders = ", ".join(map(str, self._folders)) or "none: start the server with --allow-index FOLDER"
            raise PathNotAllowed(
                f"{path[:200]!r} does not exist, or is not in a folder that may be indexed ({folders})."
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
            except KeyboardInterrupt:  # it was stopped, and has no result
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
        """Wait for the next job, and mark it as running. Returns None when the server ends."""
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
