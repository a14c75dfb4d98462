"""Runs a session's jobs on workers of a Ray cluster.

The session, with the library, the leases and the progress, stays in the process that runs the command.
Workers hold the models. A worker gets a job only when it is ready for one, since a job sent to a restarting
actor would fail at once. Actors are not restarted; one that died is replaced.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from vidsearch.errors import ModelUnavailable
from vidsearch.ingest.pipeline import PipelineOptions
from vidsearch.ingest.ray_cluster import RayOptions, Room, connected, room_in
from vidsearch.ingest.ray_worker import Introduction, JobDone, Models, Warned, Worker
from vidsearch.ingest.work import (
    VideoAdvanced,
    VideoDone,
    VideoJob,
    WorkerJoined,
    WorkerLost,
    WorkersAwaited,
    WorkResult,
)

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vidsearch.ingest.ray_worker import Sent
    from vidsearch.ingest.session import IngestSession
    from vidsearch.media.container import OnWarning

_POLL_SECONDS = 0.25
_LOOK_SECONDS = 5.0
"""How often to look for new nodes."""
_JOBS_AHEAD = 4
"""Number of open jobs waiting for a worker; each holds a lease."""
_MAX_FAILED_STARTS = 3
_SILENCE_SECONDS = 60.0
"""More than a worker takes to answer, beside what its file may take: one that does not is given up."""


@dataclass(frozen=True, slots=True)
class RayRunner:
    """Workers on Ray."""

    load: Callable[[], Models]
    """Loads their models; it is sent to them."""
    introduction: Introduction
    """The models they must have, with the digests of the weights."""
    ray_options: RayOptions = field(default_factory=RayOptions)
    options: PipelineOptions = field(default_factory=PipelineOptions)

    def results(
        self,
        paths: Sequence[Path],
        session: IngestSession,
        *,
        on_warning: OnWarning,
        stop: threading.Event,
    ) -> Iterator[WorkResult]:
        if paths:
            yield from _Run(self, session, on_warning).results(paths, stop)


@dataclass(eq=False, slots=True)
class _Hired:
    """An actor and its pending call."""

    number: int
    actor: Any
    asked: Any
    """The pending answer; None if there is none."""
    question: Literal["introduce", "take", "more"]
    since: float
    name: str = ""
    """Set once it has introduced itself."""
    jobs: dict[int, VideoJob] = field(default_factory=dict)
    """Its jobs by key, as the session knows them."""
    taking: VideoJob | None = None
    """The one it was just asked to take."""
    begun: set[int] = field(default_factory=set)
    """Keys of jobs that it may have begun."""

    def forget(self, key: int) -> None:
        self.jobs.pop(key, None)
        self.begun.discard(key)


class _Run:
    """The files of one call."""

    def __init__(self, runner: RayRunner, session: IngestSession, on_warning: OnWarning) -> None:
        self._ray: Any = None
        """Ray's module, once there is work: no cluster is started if all is indexed."""
        self._load = runner.load
        self._wanted = runner.introduction
        self._ray_options = runner.ray_options
        self._options = runner.options
        self._session = session
        self._on_warning = on_warning
        self._workers: list[_Hired] = []
        self._num_hired = self._num_failed_starts = 0
        self._refusals: list[str] = []
        self._looked_at = -_LOOK_SECONDS
        self._room = Room(1, 1)
        self._num_paths = 0
        self._opening: list[Future[VideoJob | None]] = []
        self._open: list[VideoJob] = []
        """Jobs waiting for a worker."""
        self._num_lost = 0
        """Jobs that lost their worker and await the session's decision."""
        self._go_on: queue.SimpleQueue[VideoJob | None] = queue.SimpleQueue()
        """The session's decisions."""

    def results(self, paths: Sequence[Path], stop: threading.Event) -> Iterator[WorkResult]:
        """See `Runner.results`."""
        waiting = iter(paths)
        self._num_paths = len(paths)
        openers = ThreadPoolExecutor(4, thread_name_prefix="vidsearch-open")
        try:
            while not stop.is_set() and self._num_left():
                for _ in range(min(self._num_to_open(), self._num_paths)):
                    self._opening.append(openers.submit(self._session.open, next(waiting)))
                    self._num_paths -= 1
                self._take_opened()
                yield from self._hire()
                self._ask()
                yield from self._answers()
        except ConnectionError as error:
            raise ModelUnavailable(
                f"The cluster no longer answers ({error}). What was indexed is kept; run the same "
                "command again to go on."
            ) from error
        finally:
            openers.shutdown(wait=False, cancel_futures=True)
            for worker in list(self._workers):
                self._dismiss(worker)

    def _num_left(self) -> int:
        """Number of files with work left, as far as known."""
        in_hand = sum(len(worker.jobs) for worker in self._workers)
        return self._num_paths + len(self._opening) + len(self._open) + self._num_lost + in_hand

    def _num_to_open(self) -> int:
        """How many more files to open: no more leases than workers can use."""
        met = [worker for worker in self._workers if worker.name]
        free = sum(max(0, self._num_at_once() - len(worker.jobs)) for worker in met)
        return max(0, free + _JOBS_AHEAD - len(self._opening) - len(self._open))

    def _num_at_once(self) -> int:
        """Jobs per worker: one is decoded while another's pictures are embedded. Towards the end, the rest is
        divided."""
        share = -(-self._num_left() // max(1, len(self._workers)))
        return min(self._worker_options().num_workers(share), share)

    def _worker_options(self) -> PipelineOptions:
        return replace(self._options, num_cores=self._room.cores_per_worker)

    def _take_opened(self) -> None:
        done = [future for future in self._opening if future.done()]
        self._opening = [future for future in self._opening if future not in done]
        self._open += [job for future in done if (job := future.result()) is not None]
        with suppress(queue.Empty):
            while True:
                again = self._go_on.get_nowait()
                self._num_lost -= 1
                if again is not None:
                    self._open.insert(0, again)

    # --- workers ------------------------------------------------------------------------------------

    def _hire(self) -> Iterator[WorkResult]:
        """Start as many workers as there is room and work for. Raises ModelUnavailable if none fits."""
        if not self._open and not self._workers:
            return
        if self._ray is None:
            yield WorkersAwaited()
            self._ray = connected(self._ray_options)
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._room = room_in(self._ray.nodes(), self._ray_options)
            self._looked_at = time.monotonic()
        num_wanted = self._room.num_workers - len(self._refusals)
        if num_wanted <= 0 and not self._workers:
            raise ModelUnavailable("No worker can do this work: " + "; ".join(self._refusals))
        while len(self._workers) < min(num_wanted, self._num_left()):
            remote = self._ray.remote(Worker).options(
                num_cpus=self._room.cores_per_worker,
                num_gpus=self._ray_options.gpus_per_worker,
                max_restarts=0,
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": dict(self._ray_options.environment)},
            )
            actor = remote.remote(self._load, self._worker_options())
            self._num_hired += 1
            self._workers.append(
                _Hired(self._num_hired, actor, actor.introduce.remote(), "introduce", time.monotonic())
            )

    def _meet(self, worker: _Hired, who: Introduction) -> Iterator[WorkResult]:
        """Admit a worker, or refuse one whose models differ from the library's."""
        self._num_failed_starts = 0
        worker.name = f"{who.host} #{worker.number}"
        difference = who.differs_from(self._wanted)
        if difference is None:
            yield WorkerJoined(worker.name)
            return
        self._refusals.append(f"{worker.name} {difference}")
        self._on_warning(f"Worker {worker.name} {difference}: it is given no work.")
        self._dismiss(worker)

    def _lose(self, worker: _Hired, why: str) -> Iterator[WorkResult]:
        self._dismiss(worker)
        if worker.question == "introduce":
            self._num_failed_starts += 1
            if self._num_failed_starts >= _MAX_FAILED_STARTS:
                raise ModelUnavailable(
                    f"Workers on Ray do not start ({why}). Each machine needs vidsearch "
                    f"{self._wanted.version}, its models, and the same token in ~/.ray/auth_token, or none."
                )
        self._on_warning(f"Worker {worker.name or worker.number} was lost; another one takes its place.")
        for job in worker.jobs.values():
            self._num_lost += 1
            yield WorkerLost(job, has_begun=job.key in worker.begun, go_on=self._go_on.put)

    def _dismiss(self, worker: _Hired) -> None:
        self._workers.remove(worker)
        with suppress(Exception):  # whatever the error, it will send nothing more
            self._ray.kill(worker.actor)

    # --- work ---------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Give jobs to workers with room for them, and fetch the results of the others."""
        idle = [worker for worker in self._workers if worker.asked is None]
        for worker in sorted(idle, key=lambda each: len(each.jobs)):
            job = next((job for job in self._open if self._has_room(worker, job)), None)
            if job is not None:
                self._open.remove(job)
                worker.jobs[job.key] = worker.taking = job
                there = replace(job, path=self._ray_options.path_of(job.path))
                quick_key = self._session.in_work.quick_key_of(job)
                self._await(worker, "take", worker.actor.take.remote(there, quick_key))
            elif worker.jobs:
                is_open = self._session.in_work.is_open
                given_up = [key for key, each in worker.jobs.items() if not is_open(each)]
                for key in given_up:
                    worker.forget(key)
                worker.begun.update(worker.jobs)
                self._await(worker, "more", worker.actor.more.remote(given_up))

    def _has_room(self, worker: _Hired, job: VideoJob) -> bool:
        if job.is_suspect or any(each.is_suspect for each in worker.jobs.values()):
            return not worker.jobs  # if it kills another worker, it must not take other files with it
        return len(worker.jobs) < self._num_at_once()

    def _await(self, worker: _Hired, question: Literal["take", "more"], asked: Any) -> None:
        worker.question, worker.asked, worker.since = question, asked, time.monotonic()

    def _answers(self) -> Iterator[WorkResult]:
        """Wait briefly for workers' answers."""
        asked = {worker.asked: worker for worker in self._workers if worker.asked is not None}
        if not asked:
            if self._opening:
                wait(self._opening, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            else:
                time.sleep(_POLL_SECONDS / 10)
            return
        ready, _ = self._ray.wait(list(asked), num_returns=1, timeout=_POLL_SECONDS)
        if ready:
            ready, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0)
        for reference in ready:
            worker = asked[reference]
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, ModelUnavailable) else error from error
            except self._ray.exceptions.RayError as error:
                yield from self._lose(worker, _why(error))
                continue
            worker.asked = None
            yield from self._take(worker, answer)
        allowed = _SILENCE_SECONDS + (self._options.timeout_seconds or float("inf"))
        for worker in list(self._workers):
            is_asked = worker.asked is not None and worker.question != "introduce"
            if is_asked and time.monotonic() - worker.since > allowed:
                yield from self._lose(worker, "does not respond")

    def _take(self, worker: _Hired, answer: Any) -> Iterator[WorkResult]:
        if worker.question == "introduce":
            yield from self._meet(worker, cast("Introduction", answer))
        elif worker.question == "take":
            job, worker.taking = worker.taking, None
            if answer is not None and job is not None:
                worker.forget(job.key)
                yield VideoDone(path=job.path, job=job, error=_at(answer, job.path))
        else:
            for each in cast("list[Sent]", answer):
                yield from self._pass_on(worker, each)

    def _pass_on(self, worker: _Hired, sent: Sent) -> Iterator[WorkResult]:
        """Translate a worker's results to the session's job."""
        if isinstance(sent, Warned):
            self._on_warning(sent.message)
        elif isinstance(sent, JobDone):
            worker.forget(sent.key)
        elif sent.job is not None and (job := worker.jobs.get(sent.job.key)) is not None:
            if isinstance(sent, VideoDone):
                error = None if sent.error is None else _at(sent.error, job.path)
                yield replace(sent, path=job.path, job=job, error=error)
            elif isinstance(sent, VideoAdvanced):
                yield replace(sent, job=job, worker=worker.name)
            else:
                yield replace(sent, job=job)


def _why(error: Exception) -> str:
    """Shorten Ray's error to one line: the worker's own error comes last, below its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "creation task" in lines[0] else lines[0]


def _at(error: Any, path: Path) -> Any:
    """Translate a worker's error to the file's local path."""
    return type(error)(error.reason, path=path)
