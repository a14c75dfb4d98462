"""`vidsearch import captions` says what became of every cue of a file."""

import json
import shutil

import pytest

SRT = (
    "1\n00:00:01,000 --> 00:00:02,000\nПривет, как дела?\n\n2\n00:00:0x,000 --> 00:00:05,000\nГде ты был?\n\n"
    "3\n00:00:06,000 --> 00:00:06,000\nНичего\n\n4\n00:00:07,000 --> 00:00:08,000\nПора домой.\n"
)


@pytest.fixture
def own_library(sample_library, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(sample_library, tmp_path / "library")


def test_the_numbers_are_said(run, own_library, tmp_path):
    (tmp_path / "s.srt").write_bytes(SRT.encode("cp1251"))

    result = run("import", "captions", tmp_path / "s.srt", "cat.mp4", "--library", own_library)

    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Warning: ")
    assert "cp1251, a guess" in lines[0]
    assert lines[1:] == [
        "Added 3 lines to cat.mp4, 1 of them mended.",
        "Left out 1 of 4 cues: 1 no length.",
    ]


def test_json_has_the_numbers_and_no_more_on_stdout(run, own_library, tmp_path):
    (tmp_path / "s.srt").write_bytes(SRT.encode("cp1251"))

    words = ("import", "captions", tmp_path / "s.srt", "cat.mp4", "--encoding", "cp1251", "--json")
    result = run(*words, "--library", own_library)

    read = json.loads(result.stdout)
    assert result.stderr == ""
    assert read.pop("path").endswith("cat.mp4")
    assert read.pop("track") == "s"
    assert read.pop("video_id") > 0
    assert read == {
        "num_found": 4,
        "num_kept": 3,
        "num_mended": 1,
        "left_out": {"no length": 1},
        "format": "srt",
        "encoding": "cp1251",
        "is_encoding_guessed": False,
    }


def test_what_is_no_subtitle_file_is_one_line(run, own_library, tmp_path, sample_videos):
    for file in (sample_videos / "cat.mp4", tmp_path, tmp_path / "none.srt"):
        result = run("import", "captions", file, "cat.mp4", "--library", own_library)

        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
