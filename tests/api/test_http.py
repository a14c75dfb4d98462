"""What the HTTP door answers: the sample library, the built-in models, real files."""

from __future__ import annotations

import base64
import io
import json

import av
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.api.conftest import client, served
from vidsearch import Library
from vidsearch.service.overview_schemas import OverviewSchema
from vidsearch.service.schemas import LibraryCaptionsSchema, plain


def problem(reply, status: int) -> dict[str, object]:
    """A reply as problem details, checked to be one."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = reply.json()
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


# --- searching --------------------------------------------------------------------------------------


def test_an_answer_is_the_one_of_the_library(reader, sample_folder):
    reply = reader.post("/v1/search", json={"text": "a cup of coffee", "num_hits": 3})

    with Library.open(sample_folder) as library:
        expected = library.search("a cup of coffee", num_hits=3).to_dict()
    assert reply.json() == {**expected, "first": 0, "num_found": len(expected["hits"]), "next_cursor": None}


def test_parts_of_an_answer_are_the_answer_though_the_library_grows_meanwhile(writer):
    query = {"text": "a person", "num_hits": 9, "dedupe": False}
    whole = writer.post("/v1/search", json=query).json()["hits"]
    first = writer.post("/v1/search?limit=2", json=query).json()
    video_id = first["hits"][-1]["video_id"]
    correction = {"time_seconds": 1.0, "text": "a person and another person"}
    assert writer.post(f"/v1/videos/{video_id}/corrections", json=correction).status_code == 201

    hits, page = first["hits"], first
    while page["next_cursor"]:
        page = writer.post(f"/v1/search?limit=2&cursor={page['next_cursor']}", json=query).json()
        hits += page["hits"]
    assert hits == whole
    assert page["num_found"] == len(whole)
    assert writer.post("/v1/search", json=query).json()["hits"] != whole


def test_a_cursor_is_for_the_list_that_it_came_from(reader):
    cursor = reader.get("/v1/videos?limit=1").json()["next_cursor"]

    for address in (f"/v1/search?text=cat&cursor={cursor}", f"/v1/videos?name=cat&cursor={cursor}"):
        assert "not a cursor of this list" in str(problem(reader.get(address), 422)["detail"])
    problem(reader.get("/v1/videos?cursor=%00%ff"), 422)


def test_words_alone_are_a_link(reader):
    reply = reader.get("/v1/search", params={"text": "a cat", "video": "cat.mp4", "num_hits": 1})

    assert [hit["path"].rpartition("/")[2] for hit in reply.json()["hits"]] == ["cat.mp4"]
    again = reader.get(reply.request.url, headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_picture_is_sent_along_and_no_file_is_read_by_its_name(reader, sample_videos, tmp_path):
    jpeg = reader.get("/v1/videos/2/frame?time_seconds=6").content
    picture = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    (tmp_path / "secret.jpg").write_bytes(jpeg)

    answer = reader.post("/v1/search", json={"images": [picture], "num_hits": 1}).json()
    assert (answer["hits"][0]["video_id"], answer["query"]["images"]) == (2, ["data:"])
    for path in (str(tmp_path / "secret.jpg"), f"file://{tmp_path}/secret.jpg", "../secret.jpg"):
        found = problem(reader.post("/v1/search", json={"images": [path]}), 422)
        assert "files are not read by name" in str(found["detail"])
    problem(reader.post("/v1/search", json={"images": ["data:image/png;base64,*"]}), 422)
    problem(reader.post("/v1/search", json={"images": ["data:image/png;base64,aGVsbG8="]}), 410)


@pytest.mark.parametrize("model", ["blip", "/etc", "someone/some-model", "../mini"])
def test_no_model_is_fetched_or_read_from_a_folder_because_a_client_names_it(reader, model, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")

    found = problem(reader.post("/v1/search", json={"text": "a cat", "rerank": model}), 422)
    assert "There is no model" in str(found["detail"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": ""}, "The query is empty"),
        ({"test": "a cat"}, "Did you mean 'text'?"),
        ({"text": "a cat", "num_hits": 0}, "num_hits"),
        ({"text": "a cat", "filter": {"after_seconds": 5, "before_seconds": 2}}, "range is empty"),
        ([], "is an object"),
    ],
)
def test_a_query_that_means_nothing_is_refused_in_words(reader, body, said):
    assert said in str(problem(reader.post("/v1/search", json=body), 422)["detail"])


# --- videos -----------------------------------------------------------------------------------------


def test_videos_come_in_parts(reader):
    whole = reader.get("/v1/videos").json()
    first = reader.get("/v1/videos?limit=3").json()
    rest = reader.get(f"/v1/videos?limit=3&cursor={first['next_cursor']}").json()

    assert first["videos"] + rest["videos"] == whole["videos"]
    assert (len(rest["videos"]), rest["next_cursor"], whole["next_cursor"]) == (1, None, None)
    assert [reader.get(f"/v1/videos/{video['video_id']}").json() for video in whole["videos"]] == whole[
        "videos"
    ]


def test_tracks_and_segments_are_generic_over_their_kinds(writer, videos_folder, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")
    with Library.open(tmp_path / "library") as library:
        library.import_subtitles(tmp_path / "cat.srt", "cat.mp4")

    tracks = writer.get("/v1/videos/2/tracks").json()["tracks"]
    assert [track["kind"] for track in tracks] == ["frames", "caption", "chapter", "subtitle"]
    subtitles = writer.get("/v1/videos/2/segments?kind=subtitle").json()["segments"]
    assert [(each["start_seconds"], each["end_seconds"], each["text"]) for each in subtitles] == [
        (4.0, 6.0, "Who is a good cat?")
    ]
    by_track = writer.get(f"/v1/videos/2/segments?track={tracks[3]['track_id']}").json()
    assert by_track["segments"] == subtitles
    all_words = writer.get("/v1/videos/2/segments?after_seconds=4&before_seconds=6").json()["segments"]
    assert {each["kind"] for each in all_words} == {"caption", "subtitle"}
    assert len(writer.get("/v1/videos/2/segments?kind=frames&limit=5").json()["segments"]) == 5
    problem(writer.get("/v1/videos/2/segments?track=99"), 404)
    problem(writer.get("/v1/videos/2/segments?kind=smell"), 422)


def test_captions_come_at_each_level(reader):
    line = reader.get("/v1/videos/2/captions").json()
    frames = reader.get("/v1/videos/2/captions?level=frame&limit=10").json()
    rest = reader.get(f"/v1/videos/2/captions?level=frame&limit=10&cursor={frames['next_cursor']}").json()

    assert line["caption"] == frames["caption"] == rest["caption"]
    assert (len(line["frames"]), len(frames["frames"]), len(rest["frames"])) == (0, 10, 6)
    assert reader.get("/v1/videos/2/captions?level=chapter").json()["sections"]


def test_a_correction_is_found_at_once_and_makes_old_answers_old(writer):
    before = writer.get("/v1/videos/2/captions")

    done = writer.post("/v1/videos/2/corrections", json={"time_seconds": 6, "text": "Minka the tomcat"})
    assert (done.status_code, done.json()["caption"]) == (201, "Minka the tomcat")
    found = writer.post("/v1/search", json={"text": "minka", "kinds": ["corrections"]}).json()["hits"]
    assert [hit["video_id"] for hit in found] == [2]
    again = writer.get("/v1/videos/2/captions", headers={"If-None-Match": before.headers["etag"]})
    assert again.status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/v1/videos",
        "/v1/videos/2",
        "/v1/videos/2/tracks",
        "/v1/videos/2/segments",
        "/v1/library",
        "/v1/failures",
    ],
)
def test_what_has_not_changed_is_not_sent_again(reader, address):
    first = reader.get(address)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = reader.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert reader.get(address, headers={"If-None-Match": '"other"'}).content == first.content


def test_what_is_said_is_put_right_and_subtitles_come_in_their_own_encoding(writer):
    words = "Меня зовут Минка"
    file = f"1\n00:00:04,000 --> 00:00:06,000\n{words}\n".encode("cp1251")
    added = writer.post("/v1/videos/2/subtitles?name=ru&encoding=cp1251", content=file)
    assert (added.status_code, added.json()["track"], added.json()["num_kept"]) == (201, "ru", 1)
    found = writer.get("/v1/words?text=Минка").json()["matches"]
    assert [(each["video_id"], each["kind"], each["text"]) for each in found] == [(2, "subtitles", words)]
    for content in (b"", b"no subtitles"):
        problem(writer.post("/v1/videos/2/subtitles", content=content), 422)

    problem(writer.post("/v1/videos/2/spoken-corrections", json={"time_seconds": 5, "text": "Hello"}), 422)
    assert writer.get("/v1/videos/2/captions?level=transcript").json()["transcript"] == []


def test_a_track_and_a_video_are_taken_out(writer):
    chapters = writer.get("/v1/videos/2/tracks").json()["tracks"][2]
    track = f"/v1/videos/2/tracks/{chapters['track_id']}"
    problem(writer.delete(track.replace("/2/", "/1/")), 404)
    assert writer.delete(track).json() == chapters
    problem(writer.delete(track), 404)
    assert writer.delete("/v1/videos/2").json()["video_id"] == 2
    problem(writer.get("/v1/videos/2"), 404)
    problem(writer.delete("/v1/videos/2"), 404)


def test_the_library_is_summed_up_in_parts(reader, sample_folder):
    whole = reader.get("/v1/captions").json()
    first = reader.get("/v1/captions?limit=3").json()
    rest = reader.get(f"/v1/captions?limit=3&cursor={first['next_cursor']}").json()

    with Library.open(sample_folder) as library:
        expected = plain(LibraryCaptionsSchema.of(library.summary()))
    assert whole == {**expected, "next_cursor": None}
    assert first["videos"] + rest["videos"] == whole["videos"]
    assert first["caption"] == rest["caption"] == whole["caption"]


def test_the_library_is_shown_at_a_glance(reader, sample_folder):
    found = reader.get("/v1/overview").json()

    assert found["caption"] == reader.get("/v1/captions").json()["caption"]
    assert sum(group["share"] for group in found["groups"]) == pytest.approx(1, abs=0.001)
    assert all(group["moment"]["path"].endswith(".mp4") and group["name"] for group in found["groups"])
    assert {"cat", "coffee", "rocket"} <= {each["word"] for each in found["words"]}
    short = reader.get("/v1/overview?num_words=1&num_alike=0").json()
    assert (short["words"], short["alike"]) == (found["words"][:1], [])
    with Library.open(sample_folder) as library:
        assert plain(OverviewSchema.of(library.overview())) == found


# --- media ------------------------------------------------------------------------------------------


def test_pictures_come_from_the_library_and_from_the_file(reader):
    hit = reader.get("/v1/search?text=a cat").json()["hits"][0]
    small = reader.get(f"/v1/frames/{hit['frame_id']}/thumbnail")
    own = reader.get(f"/v1/videos/{hit['video_id']}/frame", params={"time_seconds": hit["time_seconds"]})
    scaled = reader.get(f"/v1/videos/{hit['video_id']}/frame?time_seconds=4&side_pixels=100")

    assert [Image.open(io.BytesIO(each.content)).width for each in (small, own, scaled)] == [320, 640, 100]
    again = reader.get(small.request.url, headers={"If-None-Match": small.headers["etag"]})
    assert again.status_code == 304
    assert "cat.mp4 is 0:16 long" in str(
        problem(reader.get("/v1/videos/2/frame?time_seconds=18"), 422)["detail"]
    )
    problem(reader.get("/v1/frames/999999/thumbnail"), 404)
    for time in ("nan", "inf", "-1", "1e400"):
        problem(reader.get(f"/v1/videos/2/frame?time_seconds={time}"), 422)


def test_a_heat_map_comes_as_numbers_and_as_a_picture(reader):
    address = "/v1/videos/2/explanation?text=a+cat&time_seconds=6"
    numbers = reader.get(address).json()
    picture = Image.open(io.BytesIO(reader.get(f"{address}&format=png").content))

    assert (numbers["text"], len(numbers["grid"]), len(numbers["grid"][0])) == ("a cat", 27, 27)
    assert (picture.width, picture.height > 360) == (640, True)
    etag = reader.get(address).headers["etag"]
    assert reader.get(address, headers={"If-None-Match": etag}).status_code == 304
    problem(reader.get(address.replace("a+cat", "+")), 422)
    problem(reader.get(address.replace("=6", "=600")), 422)


def test_a_file_comes_in_the_ranges_that_are_asked_for(reader, sample_videos):
    data = (sample_videos / "cat.mp4").read_bytes()
    whole = reader.get("/v1/videos/2/media")
    etag = whole.headers["etag"]

    assert (whole.content, whole.headers["content-type"]) == (data, "video/mp4")
    head = reader.head("/v1/videos/2/media")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
    for ranges, part in (("bytes=0-9", data[:10]), ("bytes=-5", data[-5:]), ("bytes=100-", data[100:])):
        reply = reader.get("/v1/videos/2/media", headers={"Range": ranges, "If-Range": etag})
        assert (reply.status_code, reply.content) == (206, part)
    old = reader.get("/v1/videos/2/media", headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert (old.status_code, old.content) == (200, data)
    beyond = reader.get("/v1/videos/2/media", headers={"Range": f"bytes={len(data)}-"})
    problem(beyond, 416)
    assert beyond.headers["content-range"] == f"bytes */{len(data)}"
    problem(reader.get("/v1/videos/2/media", headers={"Range": "bytes=x"}), 400)
    assert reader.get("/v1/videos/2/media", headers={"If-None-Match": etag}).status_code == 304


def test_a_clip_is_the_span_asked_for(reader):
    reply = reader.get("/v1/videos/2/clip?start_seconds=4&end_seconds=6.5")

    assert reply.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(reply.content), "r") as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(2.5, abs=0.1)
    part = reader.get(reply.request.url, headers={"Range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, reply.content[:100])
    problem(reader.get("/v1/videos/2/clip?start_seconds=6&end_seconds=4"), 422)
    problem(reader.get("/v1/videos/2/clip?start_seconds=0&end_seconds=5000"), 422)


def test_a_file_that_holds_something_else_now_is_not_sent(writer, tmp_path, videos_folder):
    job = writer.post("/v1/jobs", json={"paths": [str(videos_folder)], "captions": False}).json()
    writer.get(f"/v1/jobs/{job['job_id']}/events")
    video_id = writer.get("/v1/videos?name=space.mp4").json()["videos"][0]["video_id"]
    (videos_folder / "space.mp4").write_bytes(b"private words")

    for address in ("media", "frame?time_seconds=1", "clip?start_seconds=0&end_seconds=1"):
        reply = reader_problem = writer.get(f"/v1/videos/{video_id}/{address}")
        assert problem(reader_problem, 410)["type"] == "/docs#VideoReplaced"
        assert b"private" not in reply.content


def test_exports_are_what_the_library_writes(reader, sample_folder):
    with Library.open(sample_folder) as library:
        srt, jsonl = library.render("cat.mp4", "srt"), library.render("all", "jsonl")

    one = reader.get("/v1/videos/2/export?format=srt")
    assert (one.content, one.headers["content-disposition"]) == (srt, 'attachment; filename="video-2.srt"')
    everything = reader.get("/v1/export")
    assert everything.content == jsonl
    assert len([json.loads(line) for line in everything.text.splitlines()]) == 64
    assert "Choose one of" in str(problem(reader.get("/v1/export?format=docx"), 422)["detail"])
    problem(reader.get("/v1/export?format=srt"), 422)
    problem(reader.get("/v1/videos/99/export"), 404)


# --- errors, and who may ask ------------------------------------------------------------------------


def test_every_error_is_problem_details(reader):
    assert problem(reader.get("/v1/nothing"), 404)["type"] == "about:blank"
    assert problem(reader.get("/v1/videos/99"), 404)["type"] == "/docs#VideoNotFound"
    for address, allowed in (
        ("videos/1/tracks", "GET, HEAD"),
        ("search", "GET, HEAD, POST"),
        ("jobs", "GET, HEAD, POST"),
    ):
        refused = reader.delete(f"/v1/{address}")
        problem(refused, 405)
        assert refused.headers["allow"] == allowed
    faults = problem(reader.get("/v1/videos?limit=0"), 422)["faults"]
    assert faults == [{"at": "limit", "message": "Input should be greater than or equal to 1"}]
    found = problem(reader.get("/v1/videos?lmit=3&name=cat"), 422)["detail"]
    assert found == "The request does not fit: lmit: There is no such parameter; did you mean 'limit'."
    problem(reader.post("/v1/search", content=b"{", headers={"Content-Type": "application/json"}), 422)
    problem(reader.post("/v1/search", content=b"\xff", headers={"Content-Type": "application/json"}), 400)
    problem(reader.post("/v1/search", data={"text": "a cat"}), 415)


def test_a_defect_says_nothing_of_itself(sample_folder):
    with Library.open(sample_folder) as library:
        broken = served(library)
        broken.library = None  # type: ignore[assignment]
        with client(broken, raise_server_exceptions=False) as asked:
            found = problem(asked.get("/v1/videos"), 500)
    assert "NoneType" not in str(found)


def test_a_body_is_no_larger_than_it_may_be(reader):
    json_type = {"Content-Type": "application/json"}
    large = b" " * (33 * 2**20)
    problem(reader.post("/v1/search", content=large, headers=json_type), 413)

    def chunks():
        for _ in range(33):
            yield b" " * 2**20

    problem(reader.post("/v1/search", content=chunks(), headers=json_type), 413)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic a-token-for-tests", "Bearer é"]
)
def test_nobody_gets_in_without_the_token(reader, authorization):
    stranger = TestClient(reader.app)
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for address in ("/v1/videos", "/v1/jobs", "/v1/nothing", "/v1/videos/2/media"):
        reply = stranger.get(address, headers=headers)
        problem(reply, 401)
        assert reply.headers["www-authenticate"].startswith("Bearer")
    problem(stranger.post("/v1/search", json={}, headers=headers), 401)
    assert stranger.get("/v1/health").json()["status"] == "ok"
    assert stranger.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert "http" not in stranger.get("/docs").text.split("<script>")[1].replace("http-", "")


def test_a_page_that_calls_this_server_by_its_own_name_is_refused(reader):
    """DNS rebinding: a name of the attacker's that leads to 127.0.0.1."""
    for host in ("evil.example", "evil.example:8510", "127.0.0.1.evil.example", ""):
        problem(reader.get("/v1/videos", headers={"Host": host}), 421)


def test_other_origins_get_no_permission(reader):
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    reply = reader.options("/v1/search", headers=asked)

    assert reply.status_code in (401, 405)
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_read_only_changes_nothing(sample_folder, sample_videos):
    with (
        Library.open(sample_folder) as library,
        client(served(library, sample_videos, is_read_only=True)) as asked,
    ):
        for address, body in (
            ("/v1/videos/2/corrections", {"time_seconds": 1, "text": "x"}),
            ("/v1/concepts", {"name": "Minka", "examples": ["cat.mp4@2"]}),
            ("/v1/labels", {"labels": ["a cat"]}),
            ("/v1/jobs", {"paths": [str(sample_videos)]}),
            ("/v1/jobs/0123456789abcdef/stop", None),
            ("/v1/videos/2/spoken-corrections", {"time_seconds": 1, "text": "x"}),
            ("/v1/videos/2/subtitles", {}),
            ("/v1/import/concepts", {}),
            ("/v1/recaption", {"videos": "all"}),
            ("/v1/upgrade", {"models": "mini"}),
            ("/v1/verify", {"repair": True}),
            ("/v1/prune", None),
        ):
            assert "--read-only" in str(problem(asked.post(address, json=body), 403)["detail"])
        for address in ("concepts/Minka", "videos/2", "videos/2/tracks/1"):
            problem(asked.delete(f"/v1/{address}"), 403)
        assert asked.get("/v1/jobs").json() == {"jobs": []}


def test_every_route_that_changes_something_is_refused_by_a_read_only_server(reader):
    """A route that is new is missing from the list above, or asks nobody."""
    changing = {
        f"{method} {path}"
        for path, methods in reader.get("/openapi.json").json()["paths"].items()
        for method, described in methods.items()
        if method != "get" and "403" not in described["responses"]
    }
    assert changing == {"post /v1/search"}
