"""Concepts and labels through the HTTP door."""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytest
from PIL import Image

from tests.api.conftest import client, served
from tests.api.test_http import problem
from tests.api.test_jobs import events
from vidsearch import Library


def test_a_name_is_taught_found_shown_and_forgotten(writer):
    empty = writer.get("/v1/concepts")
    assert empty.json() == {"concepts": []}
    frame_id = writer.get("/v1/search?text=a+cat&num_hits=1").json()["hits"][0]["frame_id"]

    asked = {"name": "Minka/grey", "examples": [frame_id, "cat.mp4@2"], "against": ["#1"], "words": "a cat"}
    taught = writer.post("/v1/concepts", json=asked)
    assert (taught.status_code, taught.headers["location"]) == (201, "/v1/concepts/Minka%2Fgrey")
    concept = taught.json()["concept"]
    assert (concept["name"], concept["words"], concept["num_for"], concept["num_against"]) == (
        "Minka/grey",
        "a cat",
        2,
        1,
    )
    assert [check["num_left_out"] for check in taught.json()["checks"]] == [2]

    listed = writer.get("/v1/concepts", headers={"If-None-Match": empty.headers["etag"]})
    assert listed.json() == {"concepts": [concept]}
    (hit,) = writer.post("/v1/search", json={"text": "minka/grey", "num_hits": 1}).json()["hits"]
    assert hit["video_id"] == 2

    shown = writer.get(taught.headers["location"])
    assert [each["against"] for each in shown.json()["examples"]] == [False, False, True]
    again = writer.get(taught.headers["location"], headers={"If-None-Match": shown.headers["etag"]})
    assert again.status_code == 304
    number = shown.json()["examples"][2]["id"]
    left = writer.delete(f"{taught.headers['location']}?example={number}").json()
    assert (left["num_against"], left["version"]) == (0, 2)
    assert writer.delete("/v1/concepts/MINKA%2Fgrey").json()["name"] == "Minka/grey"
    problem(writer.get(taught.headers["location"]), 404)


@pytest.mark.parametrize("mark", ["", "secret@5"])
def test_no_file_of_the_server_is_an_example(writer, tmp_path, monkeypatch, mark):
    """A path would be read as a picture, and whether it is there would be told."""
    Image.new("RGB", (64, 64), "red").save(tmp_path / "secret@5", "png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    monkeypatch.chdir(tmp_path)

    for path in (mark or "red.png", str(tmp_path / (mark or "red.png"))):
        reply = writer.post("/v1/concepts", json={"name": "Red", "examples": [path]})
        problem(reply, 404 if mark else 422)
    assert writer.get("/v1/concepts").json() == {"concepts": []}


def test_a_name_that_nobody_taught_is_not_found(writer):
    for reply in (
        writer.get("/v1/concepts/Minka"),
        writer.delete("/v1/concepts/Minka"),
        writer.get("/v1/search?text=concept:Minka"),
        writer.post("/v1/labels", json={"labels": ["concept:Minka"]}),
    ):
        assert problem(reply, 404)["type"] == "/docs#ConceptNotFound"
    assert writer.put("/v1/concepts/Minka").headers["allow"] == "DELETE, GET, HEAD"


def test_labels_are_looked_for_and_reported(writer):
    before = writer.get("/v1/labels/report")
    assert before.json() == {"lines": []}

    done = labelled(writer, {"labels": ["coffee", "a zebra"]})
    assert [each["label"] for each in done["seen"]] == ["coffee", "a zebra"]
    by_video = writer.get("/v1/labels/report?by=video").json()["lines"]
    assert {(line["label"], line["where"].rpartition("/")[2]) for line in by_video} >= {
        ("coffee", "cafe.mp4")
    }
    spans = writer.get("/v1/videos/1/segments?kind=label").json()["segments"]
    counted = [line["count"] for line in by_video if line["where"].endswith("cafe.mp4")]
    assert sum(counted) == len(spans)
    after = writer.get("/v1/labels/report", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert labelled(writer, {}) == done
    assert writer.get("/v1/labels").json()["labels"] == done["seen"]
    table = writer.get("/v1/labels/report?by=video&format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.content.decode("utf-8-sig").splitlines()[1].startswith("coffee,")
    plot = writer.get("/v1/labels/report?format=svg")
    assert (plot.content[:4], "sandbox" in plot.headers["content-security-policy"]) == (b"<svg", True)
    problem(writer.post("/v1/labels", json={"labels": "concepts"}), 422)
    problem(writer.post("/v1/labels", json={"labels": "coffee"}), 422)
    problem(writer.get("/v1/labels/report?by=month"), 422)


def labelled(writer, body: dict[str, object]) -> dict[str, Any]:
    """What a run of labels did, once it has ended."""
    started = writer.post("/v1/labels", json=body)
    assert (started.status_code, started.json()["kind"]) == (202, "label"), started.text
    told = events(writer.get(f"{started.headers['location']}/events").text)
    assert [told[0][1], told[-1][1]] == ["waiting", "done"]
    frames = [state["progress"]["num_frames"] for _, _, state in told if state["progress"]]
    assert frames[-1] == 44
    found: dict[str, Any] = told[-1][2]["labelled"]
    return found


def test_concepts_go_from_one_library_to_another(writer, reader_of_a_copy):
    taught = {"name": "Minka", "examples": ["cat.mp4@2", "cat.mp4@6"], "words": "a grey cat"}
    writer.post("/v1/concepts", json=taught)
    number = writer.get("/v1/concepts/Minka").json()["examples"][0]["id"]
    picture = writer.get(f"/v1/examples/{number}/picture")
    assert Image.open(io.BytesIO(picture.content)).width == 320
    problem(writer.get("/v1/examples/999/picture"), 404)

    exported = writer.get("/v1/export/concepts?name=minka")
    assert exported.headers["content-disposition"] == 'attachment; filename="concepts.json"'
    other = reader_of_a_copy
    loaded = other.post("/v1/import/concepts", content=exported.content)
    assert (loaded.status_code, loaded.json()["concepts"][0]["num_changed"]) == (201, 2)
    assert other.get("/v1/search?text=Minka&num_hits=1").json()["hits"][0]["video_id"] == 2
    assert "in use" in str(
        problem(other.post("/v1/import/concepts", content=exported.content), 422)["detail"]
    )
    again = other.post("/v1/import/concepts?adds=true", content=exported.content)
    assert again.json()["concepts"][0]["num_changed"] == 0
    for content in (b"", b"{}", b"\xff"):
        problem(other.post("/v1/import/concepts", content=content), 422)
    problem(writer.get("/v1/export/concepts?name=nobody"), 404)


@pytest.fixture
def reader_of_a_copy(sample_folder, tmp_path):
    shutil.copytree(sample_folder, tmp_path / "other")
    with Library.open(tmp_path / "other") as library, client(served(library)) as opened:
        yield opened
