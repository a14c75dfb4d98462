"""Index runs over HTTP: started, followed, stopped, and kept inside the folders that were named."""

from __future__ import annotations

import json
import shutil
import threading
from typing import Any

import pytest

from tests.api.conftest import client, served
from tests.api.test_http import problem
from vidsearch import Library
from vidsearch.errors import JobNotFound
from vidsearch.service.index_settings import IndexSettings
from vidsearch.service.job_schemas import IndexRequest
from vidsearch.service.jobs import Jobs


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Server-sent events as (id, name, data)."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


def test_a_run_is_followed_to_its_end_and_again_from_where_a_client_was(writer, videos_folder):
    started = writer.post("/v1/jobs", json={"paths": [str(videos_folder)], "captions": False})
    assert (started.status_code, started.json()["state"]) == (202, "waiting")
    address = started.headers["location"]

    told = events(writer.get(f"{address}/events").text)
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
    assert [told[0][1], told[1][1], told[-1][1]] == ["waiting", "running", "done"]
    report = writer.get(address).json()["report"]
    assert (report["num_indexed"], report["failures"], report["interrupted"]) == (1, [], False)
    assert writer.get("/v1/videos?name=space.mp4").json()["videos"][0]["is_complete"]
    again = events(writer.get(f"{address}/events", headers={"Last-Event-ID": "1"}).text)
    assert again == told[1:]
    assert events(writer.get(f"{address}/events", headers={"Last-Event-ID": str(len(told))}).text) == []
    assert [job["job_id"] for job in writer.get("/v1/jobs").json()["jobs"]] == [started.json()["job_id"]]


@pytest.mark.parametrize(
    "path",
    [
        "/etc",
        "/etc/passwd",
        "{videos}/../library",
        "{videos}/link",
        "{videos}/gone.mp4",
        "videos",
        "~",
        "",
        "\0",
    ],
)
def test_only_the_folders_that_were_named_are_indexed(writer, videos_folder, tmp_path, path):
    (videos_folder / "link").symlink_to(tmp_path / "library")

    named = path.format(videos=videos_folder)
    found = problem(writer.post("/v1/jobs", json={"paths": [str(videos_folder), named]}), 403)
    assert "not in a folder that may be indexed" in str(found["detail"])
    assert writer.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize(
    "body",
    [
        {"paths": []},
        {"paths": "videos"},
        {"paths": ["x"], "fps": 0},
        {"paths": ["x"], "models": "someone/some-model"},
        {"paths": ["x"], "device": "cuda"},
        {},
        [],
    ],
)
def test_a_request_that_does_not_fit_is_refused(writer, body):
    problem(writer.post("/v1/jobs", json=body), 422)


def test_a_setting_that_means_nothing_is_refused_before_the_run(writer, videos_folder):
    body = {"paths": [str(videos_folder)], "start_seconds": 5, "end_seconds": 2}
    problem(writer.post("/v1/jobs", json=body), 422)


def test_a_request_says_how_to_index_in_the_words_of_the_library():
    assert set(IndexRequest.__struct_fields__) - {"paths"} <= set(IndexSettings.__annotations__)


def test_no_model_that_listens_is_fetched_because_a_client_asks_for_it(writer, videos_folder, monkeypatch):
    monkeypatch.setattr("vidsearch.service.listening.has_speech_model", lambda name: False)

    found = problem(writer.post("/v1/jobs", json={"paths": [str(videos_folder)], "speech": True}), 422)
    assert "vidsearch models pull whisper" in str(found["detail"])


def test_an_unknown_run_is_not_found(writer):
    for address in ("", "/events"):
        problem(writer.get(f"/v1/jobs/0123456789abcdef{address}"), 404)
    problem(writer.post("/v1/jobs/0123456789abcdef/stop"), 404)
    problem(writer.get("/v1/jobs/..%2f"), 404)


def ended(writer, started) -> dict[str, Any]:
    """A job as it is at its end."""
    assert started.status_code == 202, started.text
    return events(writer.get(f"{started.headers['location']}/events").text)[-1][2]


def test_captions_are_written_anew_and_the_library_goes_on_with_other_models(writer):
    job = ended(writer, writer.post("/v1/recaption", json={"videos": "cat.mp4"}))
    assert (job["kind"], job["state"], job["error"]) == ("recaption", "done", None)
    assert job["report"]["num_captions_written"] > 0
    tracks = writer.get("/v1/videos/2/tracks").json()["tracks"]
    assert [each["state"] for each in tracks if each["kind"] == "caption"] == ["superseded", "active"]
    job = ended(writer, writer.post("/v1/recaption", json={"videos": "cat.mp4", "prompt": "a photo of"}))
    assert (job["state"], job["error"]["type"]) == ("failed", "ModelUnavailable")

    job = ended(writer, writer.post("/v1/upgrade", json={"models": "mini", "prune": True}))
    assert (job["kind"], job["upgraded"]["is_switched"]) == ("upgrade", True)
    assert writer.post("/v1/prune").json() == {"num_pruned": 0}
    job = ended(writer, writer.post("/v1/verify", json={}))
    assert (job["kind"], job["problems"]) == ("verify", [])


def test_a_read_only_server_checks_its_library(sample_folder):
    with (
        Library.open(sample_folder, read_only=True) as library,
        client(served(library, is_read_only=True)) as asked,
    ):
        job = ended(asked, asked.post("/v1/verify", json={}))
        assert (job["state"], job["problems"], job["error"]) == ("done", [], None)


@pytest.mark.parametrize(
    ("address", "body", "status", "said"),
    [
        ("recaption", {"videos": "all", "captioner": "someone/some-model"}, 422, "There is no model"),
        ("recaption", {"videos": "all", "level": "video"}, 422, "There is no model 'smolvlm'"),
        ("recaption", {"videos": "all", "language": "German"}, 422, "language does not apply to level frame"),
        ("recaption", {"videos": "zebra.mp4"}, 404, "zebra.mp4"),
        ("upgrade", {"models": "mini,/etc"}, 422, "There is no model '/etc'"),
        ("upgrade", {}, 422, "models"),
    ],
)
def test_what_a_job_could_not_do_is_refused_before_it(writer, address, body, status, said, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")

    assert said in str(problem(writer.post(f"/v1/{address}", json=body), status)["detail"])
    assert writer.get("/v1/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("name", ["moving", "sounds"])
def test_no_model_of_windows_is_fetched_because_a_client_asks_for_it(
    writer, videos_folder, monkeypatch, name
):
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")

    body = {"paths": [str(videos_folder)], name: True}
    assert "vidsearch models pull" in str(problem(writer.post("/v1/jobs", json=body), 422)["detail"])


def test_labels_that_are_stopped_leave_what_was_known(sample_folder, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "library")
    with Library.open(tmp_path / "library") as library:
        library.labels.apply(["coffee"])
        before = library.labels.spans()
        stop = threading.Event()
        stop.set()
        with pytest.raises(KeyboardInterrupt):
            library.labels.apply(["a cat"], stop=stop)
        assert (library.labels.names(), library.labels.spans()) == (["coffee"], before)


class SlowLibrary:
    """Stands for a library whose runs take until they are stopped."""

    def __init__(self) -> None:
        self.is_running = threading.Event()

    def index(self, paths, *, on_progress, stop, **settings):
        from vidsearch.ingest.progress import Progress

        self.is_running.set()
        assert stop.wait(30)
        return Progress(()).report(interrupted=True)


def test_a_run_is_stopped_and_the_next_one_begins(tmp_path):
    library = SlowLibrary()
    jobs = Jobs(library, [tmp_path])  # type: ignore[arg-type]
    first, second, third = (jobs.index([str(tmp_path)], {}) for _ in range(3))
    assert library.is_running.wait(30)
    library.is_running.clear()

    assert jobs.stop(second.id).state == "stopped"
    jobs.stop(first.id)
    assert library.is_running.wait(30)
    assert [job.state for job in jobs.jobs()] == ["stopped", "stopped", "running"]
    jobs.close()
    assert jobs.job(third.id).state == "stopped"
    assert [event.job.state for event in jobs.events(first.id)] == ["waiting", "running", "stopped"]
    with pytest.raises(JobNotFound):
        jobs.job("none")


def test_a_run_that_cannot_be_done_says_why(sample_folder, videos_folder):
    with (
        Library.open(sample_folder, read_only=True) as library,
        client(served(library, videos_folder)) as asked,
    ):
        job = asked.post("/v1/jobs", json={"paths": [str(videos_folder)]}).json()
        state = events(asked.get(f"/v1/jobs/{job['job_id']}/events").text)[-1]
    assert state[1] == "failed"
    assert state[2]["error"]["type"] == "LibraryNotWritable"
