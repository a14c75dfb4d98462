"""Workers on a Ray cluster whose nodes are processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.ingest.ray_runs import (
    OPTIONS,
    Contents,
    clips,
    cluster_of,
    contents,
    dying_models,
    index,
    kill,
    logging_models,
    models,
    runner_of,
    slow_models,
    waiting_models,
    workers_of,
)
from tests.ingest.test_isolation import GIVEN_UP
from vidsearch.errors import LibraryError, ModelUnavailable
from vidsearch.ingest import ray_runner
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.ray_worker import Introduction, Models
from vidsearch.store.store import Store


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with cluster_of({"num_cpus": 2}, {"num_cpus": 2}) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips(tmp_path / "videos", [8, 8, 8, 8])


def made_here(folder: Path) -> Contents:
    with Store.open(folder.parent / "here", create=True) as library:
        index(library, folder)
        return contents(library)


@pytest.fixture
def wanted(folder: Path) -> Contents:
    return made_here(folder)


def once(is_time: Callable[[Any], bool], act: Callable[[], Any]) -> Callable[[Any], None]:
    """What does something the first time that the progress of a run says so."""
    has_acted = False

    def on_progress(state: Any) -> None:
        nonlocal has_acted
        if not has_acted and is_time(state):
            has_acted = True
            act()

    return on_progress


def num_leases(library: Store) -> int:
    with library._catalog.read() as connection:
        return int(connection.execute("SELECT count(*) FROM leases").fetchone()[0])


def test_workers_make_what_this_machine_makes_also_after_one_was_killed(cluster, folder, library, wanted):
    """Exactly once: whichever worker made it, and whoever died on the way.

    The one test of the quick suite that starts a cluster, which takes half a minute on a busy machine.
    """
    kill_one = once(lambda state: state.num_frames > 4, lambda: workers_of()[0].kill())

    awaited = []

    def on_progress(state: Any) -> None:
        awaited.append(state.awaits_workers)
        kill_one(state)

    report = index(library, folder, runner_of(slow_models), on_progress=on_progress)

    assert (awaited[0], awaited[-1]) == (True, False)
    assert (report.num_indexed, report.failures) == (4, ())
    assert contents(library) == wanted
    assert any("was lost" in warning for warning in report.warnings)
    assert sum(worker.num_frames for worker in report.workers) >= 64
    assert library.verify() == []
    assert num_leases(library) == 0


def test_no_cluster_is_started_where_all_is_indexed(folder, library, monkeypatch):
    index(library, folder)
    monkeypatch.setattr(ray_runner, "connected", None)

    report = index(library, folder, runner_of(slow_models))

    assert (report.num_skipped, report.workers) == (4, ())


# --- who is given work ------------------------------------------------------------------------------


def other_captions() -> Models:
    return Models([ColourEmbedder()], [CaptionAnalyzer(ColourCaptioner(weights_digest="other"))])


def other_vectors_once(has_one: Path) -> Models:
    """Other vectors in the worker that comes first."""
    made = models()
    with suppress(FileExistsError):
        has_one.touch(exist_ok=False)
        (embedder,) = made.embedders
        embedder.space = replace(embedder.space, weights_digest="other")  # type: ignore[misc]
    return made


@pytest.mark.slow
def test_workers_with_other_weights_of_captions_are_refused(cluster, folder, library):
    """They would mix sentences of two models under one name."""
    with pytest.raises(ModelUnavailable, match=r"other weights of colour \(other, not colour-1\)"):
        index(library, folder, runner_of(other_captions, introduction=Introduction.of(models())))
    assert library.videos() == []
    assert num_leases(library) == 0


@pytest.mark.slow
def test_one_worker_with_other_weights_is_refused_and_the_other_does_the_work(
    cluster, folder, library, tmp_path, wanted
):
    """Its vectors would make a second space."""
    load = partial(other_vectors_once, tmp_path / "has one")
    report = index(library, folder, runner_of(load, introduction=Introduction.of(models())))

    (line,) = [each for each in report.warnings if "other weights" in each]
    assert "has other weights of colour (other, not colour-1): it is given no work." in line
    assert (report.num_indexed, report.failures, len(report.workers)) == (4, (), 1)
    assert library.spaces() == (ColourEmbedder().space,)
    assert contents(library) == wanted


def no_models() -> Models:
    raise ModelUnavailable("there are no weights on this machine")


@pytest.mark.slow
def test_workers_that_do_not_start_say_why(cluster, folder, library):
    with pytest.raises(ModelUnavailable, match=r"do not start \(.*there are no weights on this machine\)"):
        index(library, folder, runner_of(no_models, introduction=Introduction.of(models())))
    assert num_leases(library) == 0


@pytest.mark.slow
def test_a_node_that_joins_late_takes_work(cluster, library, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_runner, "_LOOK_SECONDS", 0.5)
    folder = clips(tmp_path / "videos", [8] * 12)
    gate, added = tmp_path / "gate", []
    join = once(lambda state: state.num_frames > 4, lambda: added.append(cluster.add_node(num_cpus=2)))
    go_on = once(lambda state: len(state.workers) == 3, gate.touch)

    def on_progress(state: Any) -> None:
        join(state)
        go_on(state)

    runner = runner_of(partial(waiting_models, gate), num_workers=None)
    try:
        report = index(library, folder, runner, on_progress=on_progress)
    finally:
        for node in added:
            cluster.remove_node(node)

    assert (report.num_indexed, report.failures) == (12, ())
    assert [worker.num_frames > 0 for worker in report.workers] == [True] * 3


@pytest.mark.slow
def test_workers_are_placed_by_gpus_and_see_their_own(cluster, folder, library, tmp_path):
    """The GPUs are made up, as resources of a node; what Ray does with them is not."""
    log = tmp_path / "log"
    node = cluster.add_node(num_cpus=2, num_gpus=2)
    try:
        report = index(
            library, folder, runner_of(partial(logging_models, log), num_workers=None, gpus_per_worker=1)
        )
    finally:
        cluster.remove_node(node)

    assert (report.num_indexed, len(report.workers)) == (4, 2)
    seen = {tuple(line.split()) for line in log.read_text().splitlines()}
    assert sorted(gpus for _, gpus in seen) == ["0", "1"]
    assert len({pid for pid, _ in seen}) == 2


@pytest.mark.slow
def test_workers_that_see_the_files_elsewhere(cluster, folder, library, tmp_path, wanted):
    """Only the workers' own folder holds them, under another name."""
    seen_at = tmp_path / "seen"
    seen_at.symlink_to(folder)
    runner = runner_of(path_map={str(tmp_path): "/nowhere", str(seen_at): str(folder)})

    report = index(library, seen_at, runner)

    assert report.failures == ()
    assert contents(library) == wanted
    assert {video.path.parent for video in library.videos()} == {seen_at}


@pytest.mark.slow
def test_a_file_that_workers_do_not_see_is_one_line(cluster, folder, library):
    report = index(library, folder, runner_of(path_map={str(folder): "/nowhere"}))

    assert len(report.failures) == 4
    assert all("at /nowhere/" in failure.reason for failure in report.failures)
    assert num_leases(library) == 0


# --- who dies ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_file_that_kills_workers_kills_three_and_no_other_file_is_blamed(cluster, folder, library, wanted):
    colour_clip(folder / "green.mp4", ["green", "red"])

    report = index(library, folder, runner_of(dying_models))

    (failure,) = report.failures
    assert (failure.path.name, failure.reason) == ("green.mp4", GIVEN_UP)
    assert sum("was lost" in warning for warning in report.warnings) == 3
    assert report.num_indexed == 4
    assert contents(library) == wanted


@pytest.mark.slow
def test_a_worker_that_dies_while_it_waits_costs_nothing(cluster, library, tmp_path):
    folder = clips(tmp_path / "videos", [2, 30])
    wanted = made_here(folder)
    log = tmp_path / "log"

    def kill_the_idle_one() -> None:
        busy = int(log.read_text().splitlines()[-1].split()[0])
        kill([process.pid for process in workers_of() if process.pid != busy])

    one_done = once(lambda state: state.files_done == 1, kill_the_idle_one)
    report = index(library, folder, runner_of(partial(logging_models, log)), on_progress=one_done)

    assert (report.num_indexed, report.failures) == (2, ())
    assert contents(library) == wanted
    assert num_leases(library) == 0, "no death is remembered"


@pytest.mark.slow
def test_a_worker_that_hangs_and_comes_back_late_changes_nothing(
    cluster, folder, library, wanted, monkeypatch
):
    monkeypatch.setattr(ray_runner, "_SILENCE_SECONDS", 5.0)
    runner = runner_of(slow_models, options=replace(OPTIONS, timeout_seconds=10.0))
    stopped: list[int] = []

    def hang() -> None:
        stopped.append(workers_of()[0].pid)
        os.kill(stopped[0], signal.SIGSTOP)

    def come_back(state: Any) -> None:
        begun(state)
        if len(state.workers) == 3:  # another one has taken its place
            with suppress(ProcessLookupError):
                os.kill(stopped[0], signal.SIGCONT)

    begun = once(lambda state: state.num_frames > 4, hang)
    report = index(library, folder, runner, on_progress=come_back)
    with suppress(ProcessLookupError):
        os.kill(stopped[0], signal.SIGCONT)

    assert sum("was lost" in warning for warning in report.warnings) == 1
    assert (report.num_indexed, report.failures) == (4, ())
    assert contents(library) == wanted
    assert library.verify() == []


# --- what is killed ---------------------------------------------------------------------------------


class Run:
    """A run with a cluster of its own, in a process of its own."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.ray_process", str(library), str(folder)],
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_for_frames(self, num_frames: int) -> None:
        deadline = time.monotonic() + 240.0
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(LibraryError), Store.open(self._library, read_only=True) as library:
                if sum(video.num_frames for video in library.videos()) >= num_frames:
                    return
            time.sleep(0.2)
        raise AssertionError("it ended before it could be killed")

    def kill(self, *, driver: bool, cluster: bool) -> None:
        """Kill one of the two or both; whatever is left of them ends by itself, or with this call."""
        others = workers_of_all(self.process.pid)
        kill([*(others if cluster else []), *([self.process.pid] if driver else [])])
        try:
            self.process.wait(timeout=120.0)
        finally:
            kill([self.process.pid, *others])
            self.process.wait()


def workers_of_all(pid: int) -> list[int]:
    import psutil

    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["driver", "cluster", "both"])
def test_what_is_killed_is_finished_by_a_plain_run(folder, library, wanted, what):
    """Exactly once, with the vectors of an uninterrupted run, whatever SIGKILL took away."""
    run = Run(library.path, folder)
    run.wait_for_frames(8)
    run.kill(driver=what != "cluster", cluster=what != "driver")

    report = index(library, folder)

    assert report.failures == ()
    assert contents(library) == wanted
    assert library.verify() == []


@pytest.mark.slow
def test_fourteen_videos_through_deaths_of_all_kinds(library, tmp_path):
    """Workers, the driver and the whole cluster are killed, one after the other, and a plain run ends it."""
    num_seconds = [20, 21, 24, 28, 30, 32, 34, 36, 38, 40, 42, 45, 47, 50]
    folder = clips(tmp_path / "videos", num_seconds)
    wanted = made_here(folder)
    assert sum(map(len, wanted.values())) == 974

    run = Run(library.path, folder)
    for num_frames in (40, 120, 200):
        run.wait_for_frames(num_frames)
        workers_of(run.process.pid)[0].kill()
    run.wait_for_frames(300)
    run.kill(driver=True, cluster=False)
    run = Run(library.path, folder)
    run.wait_for_frames(400)
    workers_of(run.process.pid)[0].kill()
    run.wait_for_frames(550)
    run.kill(driver=False, cluster=True)
    report = index(library, folder)

    assert report.failures == ()
    assert contents(library) == wanted
    assert library.verify() == []
