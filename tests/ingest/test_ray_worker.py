"""What workers on Ray say and do, and where in a cluster they have room: without a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import ColourEmbedder, LoudSpeaker
from tests.ingest.jobs import job_of
from tests.ingest.ray_runs import OPTIONS, PLAN, clips, models
from vidsearch.errors import QueryError
from vidsearch.ingest.pipeline import PipelineOptions
from vidsearch.ingest.progress import Progress
from vidsearch.ingest.ray_cluster import RayOptions, Room, connected, parse_path_map, room_in
from vidsearch.ingest.ray_worker import Introduction, JobDone, Models, Worker
from vidsearch.ingest.report import WorkerShare
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.ingest.work import ChunkDone, VideoAdvanced, VideoDone
from vidsearch.store.fingerprint import quick_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips(tmp_path / "videos", [8, 4])


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(models, OPTIONS)
    yield made
    made.close()


def take(worker: Worker, path: Path, *, key: int) -> Any:
    job = replace(job_of(path, ColourEmbedder().space, PLAN), key=key)
    return worker.take(job, quick_key(path))


def all_of(worker: Worker, *, num_jobs: int) -> list[Any]:
    sent: list[Any] = []
    while sum(isinstance(each, JobDone) for each in sent) < num_jobs:
        sent += worker.more()
    return sent


def test_a_worker_has_several_jobs_in_hand_and_says_when_each_is_done(worker, folder):
    assert take(worker, folder / "0.mp4", key=7) is None
    assert take(worker, folder / "1.mp4", key=8) is None

    sent = all_of(worker, num_jobs=2)

    for key, num_frames in ((7, 16), (8, 8)):
        of_job: list[Any] = [
            each
            for each in sent
            if (each.key if isinstance(each, JobDone) else each.job.key) == key
            and isinstance(each, (ChunkDone, VideoDone, JobDone))
        ]
        *chunks, video, job = of_job
        assert sum(chunk.counts.num_frames for chunk in chunks) == num_frames
        assert (type(video), type(job)) == (VideoDone, JobDone)


def test_a_worker_goes_on_after_it_had_nothing_to_do(worker, folder):
    take(worker, folder / "0.mp4", key=1)
    all_of(worker, num_jobs=1)
    assert worker.more() == []

    take(worker, folder / "1.mp4", key=2)
    assert isinstance(all_of(worker, num_jobs=1)[-1], JobDone)


def test_a_worker_that_sees_another_file_says_so(worker, folder):
    error = worker.take(job_of(folder / "0.mp4", ColourEmbedder().space, PLAN), "other")

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


def test_a_worker_that_hears_with_other_weights_is_refused():
    def introduction(weights_digest: str) -> Introduction:
        speaker = LoudSpeaker()
        speaker.weights_digest = weights_digest
        return Introduction.of(Models([ColourEmbedder()], stream_analyzers=[SpeechAnalyzer(speaker)]))

    own = introduction("loud-2")
    assert own.differs_from(introduction("loud-2")) is None
    assert own.differs_from(introduction("loud-1")) == "has other weights of loud (loud-2, not loud-1)"


def node(*, is_alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": is_alive, "Resources": resources}


@pytest.mark.parametrize(
    ("options", "room"),
    [
        ({}, Room(2, 8)),  # one on each node that has cores, with those of the smallest
        ({"num_workers": 4}, Room(4, 4)),
        ({"num_workers": 100}, Room(100, 1)),
        ({"gpus_per_worker": 1}, Room(4, 4)),  # as many as the GPUs of the one node that has some
        ({"gpus_per_worker": 0.5}, Room(8, 2)),
        ({"gpus_per_worker": 1, "num_workers": 2}, Room(2, 8)),
        ({"gpus_per_worker": 8}, Room(1, 1)),  # a node that has them may still come
    ],
)
def test_workers_have_room_by_cores_and_gpus(options, room):
    nodes = [node(CPU=8), node(CPU=16, GPU=4), node(GPU=4), node(is_alive=False, CPU=64, GPU=8)]
    assert room_in(nodes, RayOptions(**options)) == room


def test_files_are_mapped_by_the_longest_folder():
    options = RayOptions(path_map={"/mnt": "/data", "/mnt/films": "/films"})

    assert options.path_of(Path("/mnt/films/a.mp4")) == Path("/films/a.mp4")
    assert options.path_of(Path("/mnt/filmsb.mp4")) == Path("/data/filmsb.mp4")
    assert options.path_of(Path("/home/a.mp4")) == Path("/home/a.mp4")


@pytest.mark.parametrize("pair", ["/a", "=/b", "/a="])
def test_a_path_map_has_two_sides(pair):
    with pytest.raises(QueryError, match="LOCAL=REMOTE"):
        parse_path_map([pair])


def test_an_address_that_is_none_is_a_clear_error():
    with pytest.raises(QueryError, match="--on head:10001 is not a cluster"):
        connected(RayOptions(address="head:10001"))


def test_each_workers_rate_is_of_its_own_time(monkeypatch):
    """One that joined late, or was lost, is not slower for that."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Progress([])
    progress.await_workers()
    assert progress.state().awaits_workers
    job = job_of(Path("a.mp4"), ColourEmbedder().space, PLAN)
    for at, event in (
        (10.0, "one"),
        (20.0, VideoAdvanced(job, 1.0, 30, worker="one")),
        (30.0, "two"),
        (32.0, VideoAdvanced(job, 2.0, 8, worker="two")),
        (90.0, "three"),
    ):
        now = at
        if isinstance(event, str):
            progress.join(event)
        else:
            progress.advance(event, seconds=None)

    assert not progress.state().awaits_workers
    shares = (WorkerShare("one", 30, 3.0), WorkerShare("two", 8, 4.0), WorkerShare("three", 0, 0.0))
    assert progress.state().workers == progress.report(interrupted=False).workers == shares


@pytest.mark.parametrize(("num_cores", "in_hand", "codec_threads"), [(1, 2, 1), (8, 4, 3), (64, 8, 9)])
def test_a_worker_has_as_many_files_in_hand_as_its_cores_decode(num_cores, in_hand, codec_threads):
    """Its share of a machine, which other workers use too."""
    options = PipelineOptions(num_cores=num_cores)
    assert options.num_workers(None) == in_hand
    assert options.num_workers(1) == 1
    assert options.threads_per_codec(in_hand) == codec_threads
