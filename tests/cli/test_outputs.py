"""Every command that writes a file keeps to one rule: sources and libraries are never written to."""

import hashlib
import shutil
import subprocess
import sys

import pytest

COMMANDS = {
    "export": (["export", "cat.mp4", "--format", "srt", "--output"], "a.srt"),
    "export frames": (["export", "cat.mp4", "--format", "frames", "--output"], "frames/frame_01.jpg"),
    "export all": (["export", "all", "--format", "vtt", "--output"], "all/cat.vtt"),
    "clip": (["clip", "cat.mp4@1-2", "--output"], "a.mp4"),
    "explain": (["explain", "a cat", "cat.mp4@6", "--output"], "a.json"),
    "search --export": (["search", "a cat", "-k", "1", "--export"], "a.csv"),
    "search --save": (["search", "a cat", "-k", "1", "--save"], "hits/01 cat 0-00-05.0.jpg"),
    "search --explain": (["search", "a cat", "-k", "1", "--explain"], "heat/01 cat.png"),
    "caption": (["caption", "VIDEO", "--max-frames", "1", "--models", "mini", "--output"], "c/frame_01.txt"),
    "captions show --explain": (["captions", "show", "cat.mp4", "--explain"], "words/caption_001.png"),
}
"""How each command is called, up to its output, and a file that it then writes."""


@pytest.fixture(scope="module")
def made(run, sample_videos, tmp_path_factory):
    """A library of one video, with the video beside it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "videos").mkdir()
    shutil.copy(sample_videos / "cat.mp4", folder / "videos")
    result = run(
        "index", folder / "videos", "--models", "mini", "--library", folder / "library", "--fps", 0.2
    )
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def call(run, made):
    """Call one of COMMANDS with an output. Afterwards the library and its video are as they were."""
    before = contents(made)

    def call(name, output, *more):
        words = [str(made / "videos" / "cat.mp4") if word == "VIDEO" else word for word in COMMANDS[name][0]]
        library = [] if name == "caption" else ["--library", made / "library"]
        return run(*words, output, *more, *library)

    yield call
    assert contents(made) == before


def contents(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".sqlite3-shm", ".sqlite3-wal")
    }


def split(name, folder):
    """The output to give, and the file that is then written."""
    written = folder / COMMANDS[name][1]
    is_folder = "/" in COMMANDS[name][1]
    return (written.parent if is_folder else written), written


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_exists_is_replaced_only_with_overwrite(call, tmp_path, name):
    output, written = split(name, tmp_path)
    if "/" in COMMANDS[name][1]:
        output.mkdir()

    first = call(name, output)
    assert first.exit_code == 0, first.output
    assert written.is_file(), sorted(tmp_path.rglob("*"))

    written.write_text("mine")
    refused = call(name, output)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.stderr
    assert written.read_text() == "mine"

    again = call(name, output, "--overwrite")
    assert again.exit_code == 0, again.output
    assert written.read_bytes() != b"mine"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_video_is_never_written_to(call, made, tmp_path, name):
    output, written = split(name, tmp_path)
    written.parent.mkdir(exist_ok=True)
    written.hardlink_to(made / "videos" / "cat.mp4")

    result = call(name, output, "--overwrite")

    assert result.exit_code == 1
    assert "is read and never written" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_written_inside_a_library(call, made, name):
    output, _ = split(name, made / "library")

    result = call(name, output, "--overwrite")

    assert result.exit_code == 1
    assert "is inside the library" in result.stderr.replace("\n", " ")


def test_neither_the_video_nor_the_catalog_by_their_own_names(call, made):
    for output in (made / "videos" / "cat.mp4", made / "library" / "catalog.sqlite3"):
        assert call("export", output, "--overwrite").exit_code == 1


@pytest.mark.parametrize("export", ["a.edl", "a.otio", "a.fcpxml", "a.csv"])
def test_an_export_of_nothing_is_not_written_and_said(run, made, tmp_path, monkeypatch, export):
    monkeypatch.chdir(tmp_path)  # files are named as seen from the working folder
    result = run(
        "search", "cat", "--video", "none*", "--export", tmp_path / export, "--library", made / "library"
    )

    assert f"Nothing was found, so {export} was not written." in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_clip_may_have_a_colon_in_its_name(run, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = run("clip", f"{made / 'videos' / 'cat.mp4'}@1-2", "--output", "a:b.mp4")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "a:b.mp4").stat().st_size > 1000


def test_a_clip_that_cannot_be_written_blames_its_output(run, made, tmp_path):
    (tmp_path / "file").write_text("")

    result = run("clip", f"{made / 'videos' / 'cat.mp4'}@1-2", "--output", tmp_path / "file" / "a.mp4")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: Could not write {tmp_path / 'file' / 'a.mp4'}: ")


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_export_to_stdout_writes_no_file(made, tmp_path, output):
    words = ["export", "cat.mp4", "-f", "vtt", "-o", output, "--library", made / "library"]

    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-m", "vidsearch", *words], stdout=out, check=True, cwd=tmp_path)

    assert (tmp_path / "out").read_bytes().startswith(b"WEBVTT\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_name_that_is_too_long_is_a_clear_error(run, made):
    name = "a" * 300 + ".srt"

    result = run("export", "cat.mp4", "-o", name, "--library", made / "library")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: Could not write {name}: File name too long")
