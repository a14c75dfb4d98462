"""The first things that people type, and what goes wrong with them."""

from __future__ import annotations

import json
import shlex
import shutil

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty working folder, without a library."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDSEARCH_LIBRARY", raising=False)
    return tmp_path


def test_alone_it_says_what_to_type(run, home):
    result = run()

    assert result.exit_code == 0
    for command in ("vidsearch demo", "vidsearch index", "vidsearch search"):
        assert command in result.stdout
    assert list(home.iterdir()) == []


def test_alone_beside_a_library_it_lists_the_commands(run, home, sample_library):
    shutil.copytree(sample_library, home / "index")

    result = run()

    assert result.exit_code == 0
    assert "recaption" in result.output


@pytest.mark.parametrize("missing", ["vidoes", "clip.mp4"])
def test_a_mistyped_path_makes_no_library(run, home, missing):
    result = run("index", missing, "--models", "mini")

    assert result.exit_code == 1
    assert (
        result.stdout == f"No video was indexed.\n  1 file failed:\n    {missing}: no such file or folder\n"
    )
    assert list(home.iterdir()) == []


def test_an_empty_folder_makes_no_library(run, home):
    (home / "videos").mkdir()

    assert run("index", "videos", "--models", "mini").exit_code == 1
    assert run("watch", "vidoes", "--models", "mini").exit_code == 1
    assert [path.name for path in home.iterdir()] == ["videos"]


def test_models_that_cannot_be_loaded_bind_nothing_and_make_no_library(run, home, sample_videos, monkeypatch):
    """It advised --models mini, and then refused it: the library was bound to models that it never had."""
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    failed = run("index", sample_videos / "cat.mp4", "--models", home / "no-model")
    assert failed.exit_code == 1
    assert not (home / "index").exists()

    assert run("index", sample_videos / "cat.mp4", "--models", "mini", "--no-captions").exit_code == 0


def test_indexing_what_is_known_says_so(run, home, sample_library, sample_videos):
    shutil.copytree(sample_library, home / "index")

    assert run("index", sample_videos).stdout == "Nothing to do: all 4 videos are in the library already.\n"
    one = run("index", sample_videos / "cat.mp4")
    assert one.stdout == "Nothing to do: the video is in the library already.\n"


@pytest.mark.parametrize("option", [["--save", "x"], ["--export", "x.csv"], ["--explain", "x"], ["--refine"]])
def test_what_goes_with_one_query_is_refused_for_many(run, home, sample_library, option):
    """Each was ignored in silence."""
    (home / "queries.txt").write_text("a cat\n")

    result = run("search", "--queries", "queries.txt", *option, "--library", sample_library)

    assert result.exit_code == 2
    assert option[0] in result.stderr
    assert [path.name for path in home.iterdir()] == ["queries.txt"]


def test_videos_are_named_one_way_everywhere(run, sample_library, tmp_path):
    name = "My talk [dQw4w9WgXcQ].mp4"
    library = tmp_path / "library"
    shutil.copytree(sample_library, library)
    source = json.loads(run("list", "--json", "--library", library).stdout)[0]["path"]
    shutil.copy(source, tmp_path / name)
    assert run("index", tmp_path / name, "--library", library).exit_code == 0

    for words in (
        ["list", "--video", name],
        ["search", "a cat", "--video", name],
        ["captions", name],
        ["export", name, "-o", tmp_path / "talk.srt"],
        ["captions", "edit", f"{name}@1", "A talk"],
        ["search", "--like", f"{name}@1"],
        ["clip", f"{name}@1-2", "-o", tmp_path / "clip.mp4"],
        ["recaption", name],
        ["remove", name],
    ):
        result = run(*words, "--library", library)
        assert result.exit_code == 0, (words, result.output)


def test_where_several_videos_fit_all_are_taken_or_listed(run, sample_library, tmp_path):
    library = tmp_path / "library"
    shutil.copytree(sample_library, library)

    listed = json.loads(run("list", "--video", "c*.mp4", "--json", "--library", library).stdout)
    assert sorted(each["path"].rpartition("/")[2] for each in listed) == ["cafe.mp4", "cat.mp4"]
    assert json.loads(run("list", "--video", "*.avi", "--json", "--library", library).stdout) == []
    one = run("captions", "c*.mp4", "--library", library)
    assert one.exit_code == 1
    assert "fits 2 videos" in one.stderr
    assert "cat.mp4" in one.stderr
    assert run("export", "c*.mp4", "-f", "srt", "-o", tmp_path, "--library", library).exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("*.srt")) == ["cafe.srt", "cat.srt"]
    asked = run("remove", "c*.mp4", "--library", library)
    assert asked.exit_code == 1
    assert "--yes" in asked.stderr
    assert run("remove", "c*.mp4", "--yes", "--library", library).exit_code == 0
    assert len(json.loads(run("list", "--json", "--library", library).stdout)) == 2


def test_a_search_in_videos_that_are_not_there_says_so(run, sample_library):
    result = run("search", "a cat", "--video", "ct.mp4", "--library", sample_library)

    assert result.exit_code == 1
    assert "Did you mean cat.mp4" in result.stderr


@pytest.mark.parametrize("option", ["-n", "--limit", "-k", "--top"])
def test_a_number_of_hits_has_the_names_that_people_try(run, sample_library, option):
    result = run("search", "a cat", option, 1, "--json", "--library", sample_library)

    assert len(json.loads(result.stdout)["hits"]) == 1


@pytest.mark.parametrize("option", ["--fps", "--sample-fps"])
def test_frames_per_second_have_one_name_and_the_old_one_works(run, sample_videos, tmp_path, option):
    result = run(
        "caption",
        sample_videos / "cat.mp4",
        option,
        0.1,
        "--models",
        "mini",
        "-o",
        tmp_path / "out",
        "--json",
    )

    shown = json.loads(result.stdout)
    assert [frame["time_seconds"] for frame in shown["frames"]] == [0.0, 10.0]


def test_the_help_of_search_begins_with_what_people_use_most(run):
    shown = run("search", "--help").output

    first = shown[shown.index("─ Options") : shown.index("More than words")]
    for option in (
        "--library",
        "--limit",
        "--video",
        "--plus",
        "--minus",
        "--then",
        "--image",
        "--like",
        "--save",
        "--json",
    ):
        assert option in first
    assert "--within" not in first


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explain", " ", "cat.mp4@1"], "no words"),
        (["recaption", "*.avi"], "No video matches '*.avi'"),
        (["remove", "*.avi"], "No video matches '*.avi'"),
        (["export", "*.avi", "-o", "a.srt"], "No video matches '*.avi'"),
        (["info", "--library", "x" * 5000], "cannot be a library's folder"),
        (["search", "a", "--library", "x" * 5000], "cannot be a library's folder"),
        (["search", "--queries", "."], "Is a directory"),
        (["search", "a", "--more-like", "9" * 25], "9" * 25),
        (["clip", "9" * 25, "-o", "a.mp4"], "no frame " + "9" * 25),
        (["clip", "9" * 5000, "-o", "a.mp4"], "no frame 9"),
        (["search", "a", "--like", "#" + "9" * 25 + "@1"], "no video #9"),
        (["captions", "edit", "cat.mp4@1", " "], "needs words"),
    ],
)
def test_bad_input_ends_in_one_line(run, home, sample_library, words, says):
    library = [] if "--library" in words else ["--library", sample_library]

    result = run(*words, *library)

    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("option", ["-n", "--num-rerank"])
def test_a_number_that_no_memory_holds_is_refused(run, sample_library, option):
    result = run("search", "a cat", option, "9" * 25, "--library", sample_library)

    assert result.exit_code == 2


@pytest.mark.parametrize("group", ["captions", "concepts", "models", "import", "eval"])
def test_a_group_alone_shows_what_is_in_it(run, home, group):
    result = run(group)

    assert "Missing command" not in result.output
    assert f"vidsearch {group}" in result.output
    assert "Commands" in result.output


def test_what_the_demo_says_to_ask_next_is_answered_well(run, home):
    """An astronaut gave a picture called "a black and white dog is carrying a red ball"."""
    shown = run("demo", "--library", home / "demo").stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("Ask something else:"))
    words = shlex.split(line.partition("vidsearch ")[2])

    hit = json.loads(run(*words, "--json").stdout)["hits"][0]
    assert hit["path"].endswith("photographer.mp4")
    assert "camera" in hit["caption"]
    assert hit["confidence"] > 0.9


def test_a_day_and_a_time_that_are_none_are_told_with_what_they_are(run, home, sample_library):
    for option, value in (("--recorded-after", "yesterday"), ("--recorded-before", "1.8.2026")):
        refused = run("search", "a cat", option, value, "--library", sample_library)
        assert (refused.exit_code, "2026-08-14" in refused.output) == (2, True)
    late = run("explain", "a cat", "cat.mp4@99", "--library", sample_library)
    assert late.stderr == "Error: cat.mp4 is 0:16 long; there is no picture at 1:39.\n"
    assert not (home / "heat.png").exists()


def test_a_file_per_video_is_not_put_into_a_folder_called_like_a_file(run, home, sample_library):
    refused = run("export", "all", "-o", "all.srt", "--library", sample_library)

    assert (refused.exit_code, list(home.iterdir())) == (1, [])
    assert "Give a folder as --output, and --format srt" in refused.stderr
    done = run("export", "all", "-o", "all", "--format", "srt", "--library", sample_library)
    assert (done.exit_code, len(list((home / "all").iterdir()))) == (0, 4)
