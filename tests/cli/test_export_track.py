"""`vidsearch export --track`: any track of a library, by number or kind."""

import json
import shutil

import pysubs2
import pytest

LONG = "When we went down to the harbour that morning, the boats had already left and nobody was there."
ENGLISH = f"1\n00:00:00,000 --> 00:00:09,000\n{LONG}\n\n2\n00:00:12,000 --> 00:00:12,300\nOh!\n"
FRENCH = "1\n00:00:01,000 --> 00:00:03,000\nBonjour\n"


@pytest.fixture
def library(run, sample_library, tmp_path):
    """A copy of the samples in which cat.mp4 has subtitles."""
    library = shutil.copytree(sample_library, tmp_path / "library")
    (tmp_path / "en.srt").write_text(ENGLISH)
    assert run("import", "captions", tmp_path / "en.srt", "cat.mp4", "--library", library).exit_code == 0
    return library


@pytest.fixture
def export(run, library, tmp_path):
    """Export a track of cat.mp4, or of another video."""

    def call(track, name, *more, video="cat.mp4"):
        return run("export", video, "--track", track, "-o", tmp_path / name, *more, "--library", library)

    return call


@pytest.mark.parametrize("track", ["subtitle", "subtitles"])
def test_subtitles_are_laid_out(export, tmp_path, track):
    assert export(track, "out.srt").exit_code == 0

    cues = list(pysubs2.load(str(tmp_path / "out.srt")))
    assert " ".join(cue.plaintext.replace("\n", " ") for cue in cues) == f"{LONG} Oh!"
    assert all(1000 <= cue.duration <= 7000 for cue in cues)
    assert all(len(line) <= 42 for cue in cues for line in cue.plaintext.split("\n"))


def test_a_number_names_one_of_several(run, export, library, tmp_path):
    (tmp_path / "fr.srt").write_text(FRENCH)
    assert run("import", "captions", tmp_path / "fr.srt", "cat.mp4", "--library", library).exit_code == 0

    refused = export("subtitle", "out.vtt")
    assert refused.exit_code == 1
    choice = dict(line.split()[::-1] for line in refused.stderr.splitlines()[1:])
    assert sorted(choice) == ["en", "fr"]
    assert not (tmp_path / "out.vtt").exists()
    assert export(choice["fr"], "out.vtt").exit_code == 0
    assert "Bonjour" in (tmp_path / "out.vtt").read_text()
    assert export("subtitle", "both.json").exit_code == 0
    assert [each["name"] for each in json.loads((tmp_path / "both.json").read_text())["tracks"]] == [
        "en",
        "fr",
    ]


def test_captions_have_what_people_put_right(run, export, library, tmp_path):
    assert run("captions", "edit", "cat.mp4@6", "Bello the tomcat", "--library", library).exit_code == 0

    assert export("caption", "out.json").exit_code == 0

    (track,) = json.loads((tmp_path / "out.json").read_text())["tracks"]
    assert "Bello the tomcat" in [segment["text"] for segment in track["segments"]]
    assert export("captions", "out.srt").exit_code == 0


def test_all_videos_that_have_the_track(export, tmp_path):
    assert export("subtitle", "folder", "--format", "csv", video="all").exit_code == 0

    assert "nobody was there" in (tmp_path / "folder").read_text()


@pytest.mark.parametrize(
    ("track", "video", "message"),
    [
        ("transcript", "cat.mp4", "has no track 'transcript' with words. It has:"),
        ("9999", "cat.mp4", "has no track '9999'"),
        ("transcript", "all", "None of 4 videos has a track"),
        ("smell", "cat.mp4", "There is no kind of track 'smell'"),
    ],
)
def test_a_track_that_is_not_there_is_said(export, tmp_path, track, video, message):
    result = export(track, "out.srt", video=video)

    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "out.srt").exists()


def test_formats_of_frames_and_vectors_are_refused(export):
    assert "A track cannot be exported as 'parquet'" in export("subtitle", "out.parquet").stderr
    assert export("subtitle", "out.csv", "--vectors").exit_code == 2
