"""Does the jobs of a session with workers on a Ray cluster.

One session, with the library, the leases and the progress, stays where the command runs. Workers hold the
models and are given a job only when they have asked for it, by being ready or done with the last: a job that
is sent to an actor that restarts would fail at once. An actor is not restarted; one that died is replaced.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vidsearch.errors import ModelUnavailable, QueryError
from vidsearch.ingest.pipeline import PipelineOptions
from vidsearch.ingest.ray_worker import Introduction, Models, Warned, Worker
from vidsearch.ingest.work import VideoAdvanced, VideoDone, VideoJob, WorkerLost, WorkResult

if TYPE_CHECKING:
    from vidsearch.errors import MediaError
    from vidsearch.ingest.ray_worker import Sent
    from vidsearch.ingest.session import IngestSession
    from vidsearch.media.container import OnWarning

_POLL_SECONDS = 0.25
_JOBS_AHEAD = 2
"""Jobs that are opened and wait for a worker: each holds a lease."""
_MAX_FAILED_STARTS = 3
_SILENCE_SECONDS = 60.0
"""More than a job may take for one picture: a worker that does not answer for so long is given up."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Which cluster, and how its workers are spread."""

    address: str = "ray"
    """"ray" for the cluster of this machine, or one that is started on it; "ray://HEAD:10001" for another."""
    num_workers: int | None = None
    """None for one on each node."""
    gpus_per_worker: float = 0.0
    path_map: Mapping[str, str] = field(default_factory=dict)
    """Where workers see what lies below a folder of this machine."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the workers."""


@dataclass(eq=False, slots=True)
class _Hired:
    """An actor, and what it was asked last."""

    number: int
    actor: Any
    asked: Any
    """The answer that is awaited; None where it is idle."""
    question: Literal["introduce", "begin", "more"]
    since: float
    name: str = ""
    job: VideoJob | None = None
    """As the session knows it."""


class RayRunner:
    """Workers on Ray. `load` makes their models, and is sent to them."""

    def __init__(
        self,
        load: Callable[[], Models],
        introduction: Introduction,
        *,
        ray_options: RayOptions = RayOptions(),
        options: PipelineOptions = PipelineOptions(),
    ) -> None:
        """`introduction` says what the workers must have, to the digest of the weights."""
        self._load = load
        self._wanted = introduction
        self._ray_options = ray_options
        self._options = options
        self._workers: list[_Hired] = []
        self._num_hired = self._num_failed_starts = 0
        self._refusals: list[str] = []
        self._again: deque[VideoJob] = deque()
        self._lost: set[int] = set()
        """Jobs, by key, whose worker was lost, and of which the session has not said what becomes of them."""

    def results(
        self,
        paths: Sequence[Path],
        session: IngestSession,
        *,
        on_warning: OnWarning,
        stop: threading.Event,
    ) -> Iterator[WorkResult]:
        if not paths:
            return
        ray = _connected(self._ray_options)
        num_workers = min(self._ray_options.num_workers or len(_nodes(ray)), len(paths))
        waiting = iter(paths)
        opening: deque[Future[VideoJob | None]] = deque()
        openers = ThreadPoolExecutor(max(2, num_workers), thread_name_prefix="vidsearch-open")
        has_more = True
        try:
            while not stop.is_set():
                while len(self._workers) < num_workers - len(self._refusals):
                    self._hire(ray, num_workers)
                if not self._workers:
                    raise ModelUnavailable("No worker can do this work: " + "; ".join(self._refusals))
                num_met = sum(bool(worker.name) for worker in self._workers)
                num_wanted = num_met + _JOBS_AHEAD if num_met else 0
                while has_more and len(opening) + len(self._again) < num_wanted:
                    path = next(waiting, None)
                    has_more = path is not None
                    if path is not None:
                        opening.append(openers.submit(session.open, path))
                self._give_work(ray, session, opening)
                is_busy = any(worker.job is not None for worker in self._workers)
                if not (has_more or opening or self._again or self._lost or is_busy):
                    return
                yield from self._answers(ray, session, on_warning)
        finally:
            openers.shutdown(wait=False, cancel_futures=True)
            for worker in self._workers:
                _dismiss(ray, worker)
            self._workers.clear()

    def _hire(self, ray: Any, num_workers: int) -> None:
        options = self._ray_options
        nodes = _nodes(ray)
        per_node = -(-num_workers // len(nodes))
        cores = max(1, int(min(node["Resources"].get("CPU", 1) for node in nodes)) // per_node)
        remote = ray.remote(Worker).options(
            num_cpus=cores,
            num_gpus=options.gpus_per_worker,
            max_restarts=0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": dict(options.environment)},
        )
        actor = remote.remote(self._load, self._options)
        self._num_hired += 1
        self._workers.append(
            _Hired(self._num_hired, actor, actor.introduce.remote(), "introduce", time.monotonic())
        )

    def _give_work(self, ray: Any, session: IngestSession, opening: deque[Future[VideoJob | None]]) -> None:
        """Give each worker that asks for it a job that is open."""
        for worker in self._workers:
            if worker.asked is not None:
                continue
            job: VideoJob | None = None
            while job is None and (self._again or (opening and opening[0].done())):
                job = self._again.popleft() if self._again else opening.popleft().result()
            if job is None:
                return
            worker.job = job
            mapped = replace(job, path=self._place_of(job.path))
            self._ask(worker, "begin", worker.actor.begin.remote(mapped, session.in_work.quick_key_of(job)))

    def _answers(self, ray: Any, session: IngestSession, on_warning: OnWarning) -> Iterator[WorkResult]:
        """What comes of the workers within a moment."""
        asked = {worker.asked: worker for worker in self._workers if worker.asked is not None}
        if not asked:
            time.sleep(_POLL_SECONDS / 10)
            return
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_POLL_SECONDS)
        if not ready:
            ready, _ = ray.wait(list(asked), num_returns=1, timeout=_POLL_SECONDS)
        for reference in ready:
            worker = asked[reference]
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, ModelUnavailable) else error from error
            except ray.exceptions.RayError as error:
                yield from self._lose(ray, worker, on_warning, _why(error))
                continue
            yield from self._take(worker, answer, on_warning, ray)
        allowed = _SILENCE_SECONDS + (self._options.timeout_seconds or float("inf"))
        for worker in list(self._workers):
            is_asked = worker.asked is not None and worker.question != "introduce"
            if is_asked and time.monotonic() - worker.since > allowed:
                yield from self._lose(ray, worker, on_warning, "gives no sign of life")

    def _take(self, worker: _Hired, answer: Any, on_warning: OnWarning, ray: Any) -> Iterator[WorkResult]:
        worker.asked = None
        if worker.question == "introduce":
            self._meet(ray, worker, cast("Introduction", answer), on_warning)
            return
        job = worker.job
        assert job is not None
        if worker.question == "begin":
            if answer is None:
                self._ask(worker, "more", worker.actor.more.remote())
                return
            worker.job = None
            yield VideoDone(path=job.path, job=job, error=_at(cast("MediaError", answer), job.path))
            return
        sent, is_through = cast("tuple[list[Sent], bool]", answer)
        for each in sent:
            if isinstance(each, Warned):
                on_warning(each.message)
            elif isinstance(each, VideoDone):
                error = None if each.error is None else _at(each.error, job.path)
                yield replace(each, path=job.path, job=job, error=error)
            elif isinstance(each, VideoAdvanced):
                yield replace(each, job=job, worker=worker.name)
            else:
                yield cast("WorkResult", replace(cast("Any", each), job=job))
        if is_through:
            worker.job = None
        else:
            self._ask(worker, "more", worker.actor.more.remote())

    def _meet(self, ray: Any, worker: _Hired, who: Introduction, on_warning: OnWarning) -> None:
        """Let a worker ask for work, or refuse one whose vectors would be no use to the library."""
        worker.name = f"{who.host} #{worker.number}"
        difference = who.differs_from(self._wanted)
        if difference is not None:
            self._refusals.append(f"{worker.name} {difference}")
            on_warning(f"Worker {worker.name} {difference}: it is given no work.")
            self._workers.remove(worker)
            _dismiss(ray, worker)

    def _lose(self, ray: Any, worker: _Hired, on_warning: OnWarning, why: str) -> Iterator[WorkResult]:
        self._workers.remove(worker)
        _dismiss(ray, worker)
        if worker.question == "introduce":
            self._num_failed_starts += 1
            if self._num_failed_starts >= _MAX_FAILED_STARTS:
                raise ModelUnavailable(f"Workers on Ray do not start: {why}")
        on_warning(f"Worker {worker.name or worker.number} was lost; another one takes its place.")
        if worker.job is not None:
            job = worker.job
            self._lost.add(job.key)

            def go_on(again: VideoJob | None) -> None:
                if again is not None:
                    self._again.append(again)
                self._lost.discard(job.key)

            yield WorkerLost(job, has_begun=worker.question == "more", go_on=go_on)

    def _ask(self, worker: _Hired, question: Literal["begin", "more"], asked: Any) -> None:
        worker.question, worker.asked, worker.since = question, asked, time.monotonic()

    def _place_of(self, path: Path) -> Path:
        """Where workers see a file."""
        for here, there in self._ray_options.path_map.items():
            with suppress(ValueError):
                return Path(there) / path.absolute().relative_to(Path(here).absolute())
        return path.absolute()


def parse_path_map(pairs: Sequence[str]) -> dict[str, str]:
    """Read LOCAL=REMOTE. Raises QueryError."""
    found = {}
    for pair in pairs:
        here, sign, there = pair.partition("=")
        if not (here and sign and there):
            raise QueryError(f"{pair!r} maps no folder. Write LOCAL=REMOTE, as in /mnt/videos=/data/videos.")
        found[here] = there
    return found


def _connected(options: RayOptions) -> Any:
    try:
        import ray
    except ImportError as error:
        raise QueryError('Workers on Ray need an extra: pip install "vidsearch[ray]"') from error
    if options.address != "ray" and not options.address.startswith("ray://"):
        raise QueryError(f"--on {options.address} is no cluster. Write ray, or ray://HEAD:10001.")
    if not ray.is_initialized():
        address = None if options.address == "ray" else options.address
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise QueryError(f"No cluster answers at {options.address}: {error}") from error
        with suppress(ImportError, AttributeError, KeyError):
            # Ray prints what it says of dead workers to stdout, where a command's JSON goes.
            from ray._private.ray_logging import global_worker_stdstream_dispatcher

            global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
    return ray


def _nodes(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _dismiss(ray: Any, worker: _Hired) -> None:
    with suppress(Exception):  # whatever is wrong with it, nothing more comes of it
        ray.kill(worker.actor)


def _why(error: Exception) -> str:
    """One line of what Ray says: what a worker raised at its start stands last, below its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "creation task" in lines[0] else lines[0]


def _at(error: Any, path: Path) -> Any:
    """A worker's error, told of the file as it is called here."""
    return type(error)(error.reason, path=path)
