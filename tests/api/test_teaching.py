"""Concepts and labels through the HTTP door."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.api.test_http import problem


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

    done = writer.post("/v1/labels", json={"labels": ["coffee", "a zebra"]}).json()
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
    assert writer.post("/v1/labels", json={}).json() == done
    problem(writer.post("/v1/labels", json={"labels": "concepts"}), 422)
    problem(writer.post("/v1/labels", json={"labels": "coffee"}), 422)
    problem(writer.get("/v1/labels/report?by=month"), 422)
