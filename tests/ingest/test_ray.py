"""Workers on a Ray cluster whose nodes are processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest.clips import colour_clip
from vidsearch.errors import LibraryError, ModelUnavailable, QueryError
from vidsearch.ingest import IngestReport, PipelineOptions, ingest
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.ray_runner import RayOptions, RayRunner, parse_path_map
from vidsearch.ingest.ray_worker import Introduction, Models, Worker
from vidsearch.ingest.work import ChunkDone
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

PLAN = SamplingPlan(fps=2)
OPTIONS = PipelineOptions(chunk_frames=2, timeout_seconds=60.0)


class SlowEmbedder(ColourEmbedder):
    """Takes so long that a worker can be killed in the middle of a film."""

    def embed_images(self, images: Any) -> Any:
        time.sleep(0.05 * len(images))
        return super().embed_images(images)


def models() -> Models:
    return Models([ColourEmbedder()], [CaptionAnalyzer(ColourCaptioner())])


def slow_models() -> Models:
    return Models([SlowEmbedder()], [CaptionAnalyzer(ColourCaptioner())])


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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a second node."""
    import ray
    from ray.cluster_utils import Cluster

    opened = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    opened.add_node(num_cpus=2)
    ray.init(address=opened.address, log_to_driver=False, logging_level="ERROR")
    yield opened
    ray.shutdown()
    opened.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    colours = ["red", "green", "blue", "yellow", "cyan", "magenta"]
    for number in range(4):
        own = [colours[(number + place) % 6] for place in range(8)]
        colour_clip(folder / f"{number}.mp4", own, start=number)
    return folder


def index(library: Store, folder: Path, runner: RayRunner | None = None, **options: Any) -> IngestReport:
    return ingest(
        library,
        [folder],
        embedders=[ColourEmbedder()],
        captioner=ColourCaptioner(),
        plan=PLAN,
        options=OPTIONS,
        runner=runner,
        **options,
    )


def runner_of(load: Any = models, *, num_workers: int = 2, **options: Any) -> RayRunner:
    environment = {"PYTHONPATH": str(REPOSITORY)}
    return RayRunner(
        load,
        Introduction.of(models()),
        ray_options=RayOptions(num_workers=num_workers, environment=environment, **options),
        options=OPTIONS,
    )


def contents(library: Store) -> dict[str, list[tuple[float, str | None, bytes]]]:
    """All frames with their captions and vectors, by file."""
    (space,) = library.spaces()
    found = {}
    for video in library.videos():
        assert video.is_complete
        frames = library.frames(video.id)
        ids, rows = library.vectors(space, [frame.id for frame in frames])
        vectors = dict(zip(ids.tolist(), rows, strict=True))
        found[video.path.name] = [
            (
                frame.time_seconds,
                frame.caption.text if frame.caption else None,
                np.round(vectors[frame.id], 6).tobytes(),
            )
            for frame in frames
        ]
    return found


@pytest.fixture
def wanted(folder: Path, tmp_path: Path) -> dict[str, list[tuple[float, str | None, bytes]]]:
    with Store.open(tmp_path / "here", create=True) as library:
        index(library, folder)
        return contents(library)


def kill_a_worker() -> bool:
    """Kill one actor's process of this test's cluster, by SIGKILL; False where there is none."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "ray::Worker" in " ".join(process.cmdline()):
                os.kill(process.pid, signal.SIGKILL)
                return True
    return False


def test_workers_make_what_this_machine_makes_also_after_one_was_killed(cluster, folder, tmp_path, wanted):
    """Exactly once: whichever worker made it, and whoever died on the way."""
    has_killed = False

    def on_progress(state: Any) -> None:
        nonlocal has_killed
        if state.num_frames > 4 and not has_killed:
            has_killed = kill_a_worker()

    with Store.open(tmp_path / "library", create=True) as library:
        report = index(library, folder, runner_of(slow_models), on_progress=on_progress)

        assert has_killed
        assert (report.num_indexed, report.failures) == (4, ())
        assert contents(library) == wanted
        assert any("was lost" in warning for warning in report.warnings)
        assert sum(num_frames for _, num_frames in report.shares) >= 64
        assert library.verify() == []


@pytest.mark.slow
def test_workers_with_other_weights_of_captions_are_refused(cluster, folder, tmp_path):
    """They would mix sentences of two models under one name."""
    with Store.open(tmp_path / "library", create=True) as library:
        with pytest.raises(ModelUnavailable, match=r"other weights of colour \(other, not colour-1\)"):
            index(library, folder, runner_of(other_captions))
        assert (library.videos(), library.spaces()) == ([], ())


@pytest.mark.slow
def test_one_worker_with_other_weights_is_refused_and_the_other_does_the_work(
    cluster, folder, tmp_path, wanted
):
    """Its vectors would make a second space."""
    load = partial(other_vectors_once, tmp_path / "has one")
    with Store.open(tmp_path / "library", create=True) as library:
        report = index(library, folder, runner_of(load))

        (line,) = [each for each in report.warnings if "other weights" in each]
        assert "has other weights of colour (other, not colour-1): it is given no work." in line
        assert (report.num_indexed, report.failures, len(report.shares)) == (4, (), 1)
        assert library.spaces() == (ColourEmbedder().space,)
        assert contents(library) == wanted


@pytest.mark.slow
def test_workers_that_see_the_files_elsewhere(cluster, folder, tmp_path, wanted):
    seen_at = tmp_path / "seen"
    seen_at.symlink_to(folder)
    runner = runner_of(path_map={str(tmp_path / "seen"): str(folder)})
    with Store.open(tmp_path / "library", create=True) as library:
        index(library, seen_at, runner)

        assert contents(library) == wanted
        assert {video.path.parent for video in library.videos()} == {seen_at}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["driver", "cluster", "both"])
def test_what_is_killed_is_finished_by_a_plain_run(folder, tmp_path, wanted, what):
    """Exactly once, with the vectors of an uninterrupted run, whatever SIGKILL took away."""
    path = tmp_path / "library"
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.ray_process", str(path), str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 150.0
    while time.monotonic() < deadline and driver.poll() is None:
        with suppress(LibraryError), Store.open(path, read_only=True) as library:
            if sum(video.num_frames for video in library.videos()) >= 8:
                break
        time.sleep(0.2)
    assert driver.poll() is None, "it ended before it could be killed"
    cluster = psutil.Process(driver.pid).children(recursive=True)
    doomed = [process.pid for process in cluster] if what != "driver" else []
    doomed += [driver.pid] if what != "cluster" else []
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        driver.wait(timeout=90.0)
    finally:
        driver.kill()
        driver.wait()
        for process in cluster:
            with suppress(psutil.Error):
                process.kill()

    with Store.open(path) as library:
        report = index(library, folder)

        assert report.failures == ()
        assert contents(library) == wanted
        assert library.verify() == []


def test_a_worker_gives_plain_data_and_nothing_before_it_is_asked(folder):
    from tests.ingest.jobs import job_of
    from vidsearch.store.fingerprint import quick_key

    path = folder / "0.mp4"
    worker = Worker(models, OPTIONS)
    assert worker.begin(job_of(path, ColourEmbedder().space, PLAN), quick_key(path)) is None
    chunks = []
    is_through = False
    while not is_through:
        sent, is_through = worker.more()
        chunks += [each for each in sent if isinstance(each, ChunkDone)]

    assert sum(chunk.counts.num_frames for chunk in chunks) == 16


def test_a_worker_that_sees_another_file_says_so(folder):
    from tests.ingest.jobs import job_of

    worker = Worker(models, OPTIONS)

    error = worker.begin(job_of(folder / "0.mp4", ColourEmbedder().space, PLAN), "other")

    assert error is not None
    assert "--path-map" in error.reason


def test_only_a_worker_that_fits_is_given_work():
    own = Introduction.of(models())
    assert own.differs_from(replace(own, host="another")) is None

    def difference(**changes: Any) -> str | None:
        return replace(own, **changes).differs_from(own)

    (space,), (captions,) = own.spaces, own.tracks
    assert difference(version="0.0.1") == f"runs vidsearch 0.0.1, not {own.version}"
    other = "has other weights of colour (other, not colour-1)"
    assert difference(spaces=(replace(space, weights_digest="other"),)) == other
    other_params = {**captions.params, "weights": "other"}
    assert difference(tracks=(replace(captions, params=other_params),)) == other
    assert difference(tracks=()) == "has other models: colour"
    with_prompt = {**captions.params, "prompt": "a photo of"}
    assert difference(tracks=(replace(captions, params=with_prompt),)) == (
        "runs its models with other settings"
    )


@pytest.mark.parametrize("pair", ["/a", "=/b", "/a="])
def test_a_path_map_has_two_sides(pair):
    with pytest.raises(QueryError, match="LOCAL=REMOTE"):
        parse_path_map([pair])
