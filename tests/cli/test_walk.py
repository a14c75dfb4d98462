"""The commands, one after the other, as a person uses them: real videos, real models, a real library."""

import csv
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pysubs2
import pytest

from vidsearch.cli.demo import expected_answers
from vidsearch.times import parse_time

HIT = re.compile(r"^ *1  (?P<time>\d+:\d\d(\.\d)?) ", re.MULTILINE)


@pytest.fixture
def own_library(sample_library, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(sample_library, tmp_path / "library")


def test_demo_finds_every_moment(run):
    result = run("demo")

    assert result.exit_code == 0, result.output
    assert "4 of 4 queries found their moment." in result.stdout


def test_search_prints_the_moment_that_was_described(run, sample_library, sample_videos):
    for answer in expected_answers(sample_videos):
        result = run("search", answer.query, "--library", sample_library)

        assert result.exit_code == 0, result.output
        match = HIT.search(result.stdout)
        assert match is not None, result.stdout
        time_seconds = parse_time(match["time"])
        assert answer.start_seconds <= time_seconds < answer.end_seconds
        assert answer.video in result.stdout.splitlines()[1]


def test_search_re_ranks_with_no_download(run, sample_library, sample_videos):
    for expected in expected_answers(sample_videos):
        arguments = ("--rerank", "mini", "-k", 3, "--json", "--library", sample_library)
        result = run("search", expected.query, *arguments)

        assert result.exit_code == 0, result.output
        hits = json.loads(result.stdout)["hits"]
        assert Path(hits[0]["path"]).name == expected.video
        assert expected.start_seconds <= hits[0]["time_seconds"] < expected.end_seconds
        assert set(hits[0]["scores"]) >= {"mini", "search", "match"}
        assert [hit["scores"]["match"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)


def test_mini_re_ranks_without_torch(sample_library):
    """Guards against looking for a GPU, which imports torch, for a model that runs on the CPU alone."""
    program = f"""
import sys
from vidsearch import Library, Query
with Library.open({str(sample_library)!r}) as library:
    assert "match" in library.search(Query(text="a cat", rerank="mini", num_rerank=2)).hits[0].scores
print([name for name in ("torch", "transformers") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_search_as_json_tells_all_that_is_known_of_a_hit(run, sample_library):
    result = run("search", "a cup of coffee", "-k", 2, "--json", "--library", sample_library)

    answer = json.loads(result.stdout)
    assert answer["query"] == {"text": "a cup of coffee", "num_hits": 2}
    assert answer["mode"] == "hybrid"
    assert answer["models"] == ["mini"]
    assert len(answer["hits"]) == 2
    best = answer["hits"][0]
    assert Path(best["path"]).name == "cafe.mp4"
    assert best["start_seconds"] <= best["time_seconds"] < best["end_seconds"]
    assert 0 <= best["confidence"] <= 1
    assert best["caption"]


def test_search_saves_the_frames_of_its_hits(run, sample_library, tmp_path):
    result = run("search", "a rocket", "-k", 2, "--save", tmp_path / "hits", "--library", sample_library)

    assert result.exit_code == 0
    saved = sorted((tmp_path / "hits").iterdir())
    assert [path.name[:2] for path in saved] == ["01", "02"]
    assert saved[0].name.startswith("01 space ")
    assert all(path.read_bytes().startswith(b"\xff\xd8\xff") for path in saved)


def test_search_never_imports_torch(sample_library):
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from vidsearch.cli.app import app\n"
        f"result = CliRunner().invoke(app, ['search', 'a cat', '--library', {str(sample_library)!r}])\n"
        "assert result.exit_code == 0, result.output\n"
        "print([name for name in ('torch', 'transformers', 'av', 'cv2') if name in sys.modules])\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"


def test_captions_are_listed_by_frame_and_summed_up(run, sample_library):
    result = run("captions", "cat.mp4", "--library", sample_library)

    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["0:00", "0:01", "0:02"]
    assert len(lines) == 18
    assert lines[-1].startswith("Whole video: ")


def test_captions_of_all_videos_take_one_line_each(run, sample_library):
    shown = json.loads(run("captions", "--all", "--json", "--library", sample_library).stdout)

    # In the order in which they were done, and two are in hand at a time.
    assert sorted(Path(video["path"]).name for video in shown["videos"]) == [
        "cafe.mp4",
        "cat.mp4",
        "photographer.mp4",
        "space.mp4",
    ]
    assert shown["caption"] in {video["caption"] for video in shown["videos"]}


def test_export_writes_what_other_programs_read(run, sample_library, tmp_path):
    assert run("export", "cat.mp4", "-o", tmp_path / "cat.srt", "--library", sample_library).exit_code == 0
    assert (
        run("export", "all", "-f", "csv", "-o", tmp_path / "all.csv", "--library", sample_library).exit_code
        == 0
    )

    subtitles = pysubs2.load(str(tmp_path / "cat.srt"))
    assert (subtitles[0].start, subtitles[-1].end) == (0, 16000)
    with (tmp_path / "all.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 64


def test_export_to_stdout_is_data_alone(run, sample_library):
    result = run("export", "all", "-f", "jsonl", "-o", "-", "--library", sample_library)

    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 64
    assert result.stderr == ""


def test_caption_works_with_no_library(run, sample_videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = run("caption", sample_videos / "cat.mp4", "--max-frames", 3, "--models", "mini")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Per-frame captions:"
    assert [line[:5] for line in lines[1:4]] == [" [1] ", " [2] ", " [3] "]
    assert lines[4:6] == ["", "===== Final aggregated caption ====="]
    assert lines[6] in {line[5:] for line in lines[1:4]}
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
        "frame_01.jpg",
        "frame_01.txt",
        "frame_02.jpg",
        "frame_02.txt",
        "frame_03.jpg",
        "frame_03.txt",
    ]
    assert (tmp_path / "results" / "frame_01.txt").read_text() == lines[1][5:] + "\n"


def test_indexing_again_does_nothing(run, own_library, sample_videos):
    result = run("index", sample_videos, "--library", own_library, "--json")

    report = json.loads(result.stdout)
    assert (report["num_indexed"], report["num_skipped"], report["num_frames"]) == (0, 4, 0)


def test_a_library_keeps_its_models(run, own_library, sample_videos):
    result = run("index", sample_videos, "--models", "clip", "--library", own_library)

    assert result.exit_code == 1
    assert "was made with mini (captions by mini)" in result.stderr
    assert "--library" in result.stderr


def test_a_removed_video_is_gone_from_list_and_search(run, own_library):
    assert run("remove", "cat.mp4", "--library", own_library).exit_code == 0

    names = [
        Path(video["path"]).name
        for video in json.loads(run("list", "--json", "--library", own_library).stdout)
    ]
    assert names == ["cafe.mp4", "photographer.mp4", "space.mp4"]
    hits = json.loads(run("search", "a cat", "--json", "--library", own_library).stdout)["hits"]
    assert "cat.mp4" not in {Path(hit["path"]).name for hit in hits}


def test_one_bad_file_is_reported_and_the_rest_indexed(run, sample_videos, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(sample_videos / "cat.mp4", folder)
    (folder / 'no "video"\n😀.mp4').write_text("words, not pictures")

    result = run("index", folder, "--models", "mini", "--no-captions", "--library", tmp_path / "library")

    assert result.exit_code == 0
    assert "Indexed 1 video: 16 frames of 0:16 of video" in result.stdout
    assert "1 file failed:" in result.stdout
    assert 'no "video"\\n😀.mp4' in result.stdout
    failed = run("list", "--failed", "--json", "--library", tmp_path / "library")
    assert [entry["error"] for entry in json.loads(failed.stdout)] == ["NotAVideo"]


def test_index_exits_with_1_where_nothing_could_be_indexed(run, tmp_path):
    (tmp_path / "words.mp4").write_text("words, not pictures")

    result = run(
        "index",
        tmp_path / "words.mp4",
        tmp_path / "absent",
        "--models",
        "mini",
        "--library",
        tmp_path / "library",
    )

    assert result.exit_code == 1
    assert "2 files failed:" in result.stdout


@pytest.mark.parametrize("command", [["search", "cat"], ["list"], ["info"], ["captions", "x"], ["verify"]])
def test_a_missing_library_is_one_line_that_says_what_to_do(run, tmp_path, command):
    result = run(*command, "--library", tmp_path / "none")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "vidsearch index" in result.stderr
    assert not (tmp_path / "none").exists()


def test_a_library_path_that_is_a_file_is_refused(run, tmp_path, sample_videos):
    (tmp_path / "file").write_text("mine")

    result = run("index", sample_videos, "--models", "mini", "--library", tmp_path / "file")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_damaged_catalog_is_one_line_and_left_as_it_is(run, own_library):
    catalog = next(own_library.glob("*.sqlite*"), None) or next(own_library.glob("*.db"))
    catalog.write_bytes(b"not a database at all" * 100)

    result = run("search", "cat", "--library", own_library)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(catalog).execute("select * from videos")


def test_an_unknown_video_names_those_that_are_near(run, sample_library):
    result = run("captions", "cta.mp4", "--library", sample_library)

    assert result.exit_code == 1
    assert "cat.mp4" in result.stderr


def test_an_empty_query_is_explained(run, sample_library):
    result = run("search", "  ", "--library", sample_library)

    assert result.exit_code == 1
    assert "The query is empty" in result.stderr


def test_explain_writes_a_heat_map_and_its_numbers(run, sample_videos, tmp_path):
    picture, numbers = tmp_path / "heat.png", tmp_path / "heat.json"

    assert run("explain", "a cat", f"{sample_videos / 'cat.mp4'}@6", "-o", picture).exit_code == 0
    assert run("explain", "a cat", f"{sample_videos / 'cat.mp4'}@6", "-o", numbers).exit_code == 0

    assert picture.read_bytes().startswith(b"\x89PNG")
    relevance = json.loads(numbers.read_text())
    assert relevance["text"] == "a cat"
    assert [len(relevance["grid"]), len(relevance["grid"][0])] == [27, 27]


def test_clip_cuts_a_moment_out(run, sample_videos, tmp_path):
    result = run("clip", f"{sample_videos / 'cat.mp4'}@4-6.5", "-o", tmp_path / "cat.mp4")

    assert result.exit_code == 0, result.output
    assert "0:04 to 0:06.5" in result.stderr


def test_a_correction_is_found_and_outlives_recaptioning(run, own_library):
    assert run("captions", "edit", "cat.mp4@6", "Bello the tomcat", "--library", own_library).exit_code == 0
    assert run("recaption", "cat.mp4", "--library", own_library).exit_code == 0

    hits = json.loads(run("search", "bello", "--mode", "caption", "--json", "--library", own_library).stdout)[
        "hits"
    ]
    assert [(Path(hit["path"]).name, hit["caption"]) for hit in hits] == [("cat.mp4", "Bello the tomcat")]
    assert hits[0]["start_seconds"] <= 6 < hits[0]["end_seconds"]


def test_imported_subtitles_are_kept_beside_the_captions(run, own_library, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")

    result = run("import", "captions", tmp_path / "cat.srt", "cat.mp4", "--library", own_library)

    assert result.exit_code == 0, result.output
    assert result.stderr == "Added 1 line to cat.mp4.\n"
    found = json.loads(run("captions", "find", "goods", "--json", "--library", own_library).stdout)
    assert [(match["kind"], match["time_seconds"], match["text"]) for match in found] == [
        ("subtitles", 4.0, "Who is a good cat?")
    ]


def test_words_are_found_in_captions_once_for_frames_that_share_one(run, sample_library):
    result = run("captions", "find", "coffee", "--library", sample_library)

    lines = result.stdout.splitlines()
    assert lines
    assert all("cafe.mp4" in line and "coffee" in line for line in lines)
    assert "\x02" not in result.stdout


def test_shell_answers_a_line_at_a_time(sample_library):
    result = subprocess.run(
        [sys.executable, "-m", "vidsearch", "shell", "--json", "-k", "1", "--library", str(sample_library)],
        input='a cat\n\n{"text": "a rocket"}\n{bad\n',
        capture_output=True,
        text=True,
        check=True,
    )

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(answer["hits"][0]["path"]).name for answer in answers[:2]] == ["cat.mp4", "space.mp4"]
    assert answers[2]["error"]["type"] == "QueryError"
    assert "not valid JSON" in answers[2]["error"]["message"]
    assert "not valid JSON" in result.stderr


def test_many_queries_are_answered_in_order(run, sample_library, tmp_path):
    (tmp_path / "queries.txt").write_text("a cat\na cup of coffee\n")

    result = run("search", "--queries", tmp_path / "queries.txt", "--json", "--library", sample_library)

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(answer["hits"][0]["path"]).name for answer in answers] == ["cat.mp4", "cafe.mp4"]


def test_a_file_of_queries_without_end_is_refused(run, sample_library):
    result = run("search", "--queries", "/dev/zero", "--library", sample_library)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: /dev/zero is longer than ")


def test_hits_are_exported_for_an_editor(run, sample_library, tmp_path):
    cut = tmp_path / "cut.edl"

    assert run("search", "a cat", "-k", 2, "--export", cut, "--library", sample_library).exit_code == 0

    assert "cat.mp4" in cut.read_text()


def test_steps_are_found_in_order(run, sample_library):
    result = run(
        "search",
        "a rocket",
        "--then",
        "stars in the sky",
        "--within",
        20,
        "--json",
        "--library",
        sample_library,
    )

    best = json.loads(result.stdout)["hits"][0]
    assert Path(best["path"]).name == "space.mp4"
    first, second = (step["time_seconds"] for step in best["steps"])
    assert first < 7 <= 14 <= second


def test_the_command_line_shows_and_removes_tracks(run, sample_library, tmp_path):
    library = tmp_path / "library"
    shutil.copytree(sample_library, library)
    shown = json.loads(run("tracks", "cat.mp4", "--json", "--library", library).stdout)
    captions = next(track for track in shown["tracks"] if track["kind"] == "caption")
    assert captions["producer"] == "mini"
    assert "caption" in run("tracks", "cat.mp4", "--library", library).stdout

    assert run("remove", "--track", captions["track_id"], "--library", library).exit_code == 0

    left = json.loads(run("tracks", "cat.mp4", "--json", "--library", library).stdout)["tracks"]
    assert captions["track_id"] not in [track["track_id"] for track in left]
    missing = run("remove", "--track", "9" * 25, "--json", "--library", library)
    assert (missing.exit_code, json.loads(missing.stdout)["error"]["type"]) == (1, "TrackNotFound")
    assert run("remove", "cat.mp4", "--track", 1, "--library", library).exit_code == 2


def test_a_search_says_found_not_sure_or_nothing(run, own_library, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good Minka?\n")
    assert run("import", "captions", tmp_path / "cat.srt", "cat.mp4", "--library", own_library).exit_code == 0

    said = run("search", "Minka", "--library", own_library)
    assert "matches well" not in said.stderr
    assert 'said "Who is a good Minka?" at 0:04' in said.stdout
    nothing = run("search", "an oil rig in a thunderstorm", "--library", own_library)
    assert nothing.stderr.startswith(("Nothing in this library matches well", "Not sure that this library"))
    verdict = json.loads(run("search", "Minka", "--json", "--library", own_library).stdout)["verdict"]
    assert verdict in ("found", "unsure")


def test_a_search_looks_only_where_it_is_told(run, own_library, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nA rocket!\n")
    assert run("import", "captions", tmp_path / "cat.srt", "cat.mp4", "--library", own_library).exit_code == 0

    words = ["search", "a rocket", "--json", "--library", own_library]
    heard = json.loads(run(*words, "--in", "subtitles").stdout)["hits"]
    assert [(Path(hit["path"]).name, hit["start_seconds"]) for hit in heard] == [("cat.mp4", 4.0)]
    seen = json.loads(run(*words, "--in", "pictures", "-n", 1).stdout)["hits"]
    assert Path(seen[0]["path"]).name == "space.mp4"
    assert run(*words, "--in", "smells").exit_code == 1
    none = run("search", "a cat", "--min-confidence", 1, "--library", own_library)
    assert (none.stdout, none.stderr) == ("", "No hit reaches a confidence of 100%.\nNothing found.\n")
