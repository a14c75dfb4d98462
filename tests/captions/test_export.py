"""Every format is read back by a parser that is not ours; nothing lands outside the chosen folder."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest
import webvtt

from tests.captions.examples import NASTY_NAMES, captioned, export, render
from vidsearch.captions.export import FORMATS, CaptionSpan, FileFormat
from vidsearch.captions.export.files import Names
from vidsearch.errors import ExportError
from vidsearch.outputs import OutputRule

DOGS = captioned(["a dog", "a dog", None, "a dog", "a cat"], summary="a dog")
HOSTILE = 'a --> b <i>{\\an8}& "c", d\r\n\r\n2\n-->'


def test_txt_has_one_line_a_frame():
    assert render([DOGS], format_name="txt").decode() == (
        "00:00:00.000\ta dog\n00:00:01.000\ta dog\n00:00:03.000\ta dog\n00:00:04.000\ta cat\n"
    )


def test_an_srt_cue_lasts_until_the_caption_changes():
    subtitles = pysubs2.SSAFile.from_string(render([DOGS], format_name="srt").decode(), format_="srt")
    assert [(line.start, line.end, line.text) for line in subtitles] == [
        (0, 2000, "a dog"),
        (3000, 4000, "a dog"),
        (4000, 5000, "a cat"),
    ]


def test_a_vtt_cue_lasts_until_the_caption_changes():
    parsed = webvtt.from_string(render([DOGS], format_name="vtt").decode())
    assert [(cue.start, cue.end, cue.text) for cue in parsed] == [
        ("00:00:00.000", "00:00:02.000", "a dog"),
        ("00:00:03.000", "00:00:04.000", "a dog"),
        ("00:00:04.000", "00:00:05.000", "a cat"),
    ]


def test_subtitle_text_cannot_end_its_cue_or_start_markup():
    video = captioned([HOSTILE, "a cat"], summary=HOSTILE)
    srt = render([video], format_name="srt").decode()
    lines = list(pysubs2.SSAFile.from_string(srt, format_="srt"))
    look_alike = 'a --› b ‹i›(\\an8)& "c", d 2 --›'
    assert [line.text.replace("\\\\", "\\") for line in lines] == [look_alike, "a cat"]
    vtt = render([video], format_name="vtt").decode()
    assert vtt.count("-->") == 2
    assert "<" not in vtt
    cues = list(webvtt.from_string(vtt))
    assert [cue.text for cue in cues] == [
        'a --&gt; b &lt;i&gt;{\\an8}&amp; "c", d 2 --&gt;',
        "a cat",
    ]


def test_a_video_of_one_instant_has_a_cue_that_players_accept():
    video = captioned(["a dog"])
    still = replace(video, frames=(replace(video.frames[0], end_seconds=0.0),))
    assert render([still], format_name="srt") == b"1\n00:00:00,000 --> 00:00:00,001\na dog\n\n"


def test_times_beyond_99_hours_stay_in_order():
    video = captioned(["a dog"])
    late = replace(video, frames=(replace(video.frames[0], time_seconds=400_000.0, end_seconds=400_001.5),))
    (cue,) = webvtt.from_string(render([late], format_name="vtt").decode())
    assert (cue.start_in_seconds, cue.end_in_seconds) == (400_000, 400_001)
    assert (cue.start, cue.end) == ("111:06:40.000", "111:06:41.500")


def test_chapters_are_a_vtt_of_the_sections():
    video = replace(DOGS, sections=(CaptionSpan(0.0, 3.5, "dogs & <more>"), CaptionSpan(3.5, 5.0, "a cat")))
    parsed = webvtt.from_string(render([video], format_name="chapters").decode())
    assert [(cue.start, cue.end, cue.text) for cue in parsed] == [
        ("00:00:00.000", "00:00:03.500", "dogs &amp; &lt;more&gt;"),
        ("00:00:03.500", "00:00:05.000", "a cat"),
    ]


def test_json_loses_nothing():
    document = json.loads(render([DOGS], format_name="json"))
    assert {key: document[key] for key in ("format", "version")} == {
        "format": "vidsearch-captions",
        "version": 1,
    }
    (video,) = document["videos"]
    assert video["path"] == "/videos/dogs.mp4"
    assert video["caption"] == "a dog"
    assert video["frames"][0] == {
        "frame": 100,
        "time_seconds": 0.0,
        "end_seconds": 1.0,
        "is_blank": False,
        "caption": "a dog",
        "raw_caption": "RAW a dog",
        "origin": "model",
        "model": "mini",
        "prompt": None,
        "mean_logprob": -0.5,
        "carried_over": False,
    }
    assert video["frames"][2]["caption"] is None
    assert video["frames"][2]["is_blank"] is True


def test_jsonl_and_csv_have_one_record_a_frame_of_every_video():
    videos = [DOGS, captioned(["a cow"], name="cows.mp4", video_id=2)]
    lines = [json.loads(line) for line in render(videos, format_name="jsonl").splitlines()]
    rows = list(csv.DictReader(io.StringIO(render(videos, format_name="csv").decode(), newline="")))
    expected = [
        ("/videos/dogs.mp4", 0.0, "a dog"),
        ("/videos/dogs.mp4", 1.0, "a dog"),
        ("/videos/dogs.mp4", 2.0, None),
        ("/videos/dogs.mp4", 3.0, "a dog"),
        ("/videos/dogs.mp4", 4.0, "a cat"),
        ("/videos/cows.mp4", 0.0, "a cow"),
    ]
    assert [(line["video"], line["time_seconds"], line["caption"]) for line in lines] == expected
    assert [(row["video"], float(row["time_seconds"]), row["caption"] or None) for row in rows] == expected


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_runs_nothing_from_a_caption(text):
    (row,) = csv.DictReader(io.StringIO(render([captioned([text])], format_name="csv").decode(), newline=""))
    assert row["caption"] == f"'{text}"
    assert json.loads(render([captioned([text])], format_name="jsonl"))["caption"] == text


def test_csv_quotes_what_would_break_a_row():
    (row,) = csv.DictReader(
        io.StringIO(render([captioned(['a "big", dog'])], format_name="csv").decode(), newline="")
    )
    assert row["caption"] == 'a "big", dog'


def test_frames_are_the_pictures_and_captions_by_number(tmp_path):
    written = export([DOGS], tmp_path / "out", format_name="frames")
    assert [path.name for path in written][:4] == [
        "frame_01.jpg",
        "frame_01.txt",
        "frame_02.jpg",
        "frame_02.txt",
    ]
    assert (tmp_path / "out" / "frame_01.jpg").read_bytes() == b"\xff\xd8 picture 100"
    assert (tmp_path / "out" / "frame_05.txt").read_text() == "a cat\n"
    assert len(written) == 10


def test_a_hundred_frames_sort_by_name(tmp_path):
    written = export([captioned(["a dog"] * 100)], tmp_path, format_name="frames")
    assert written == sorted(written)
    assert written[0].name == "frame_001.jpg"


@pytest.mark.parametrize("name", FORMATS)
def test_names_with_any_character_stay_inside_the_folder(tmp_path, name):
    folder = tmp_path / "chosen"
    folder.mkdir()
    videos = [
        captioned(["a dog"], name=nasty, video_id=number) for number, nasty in enumerate(NASTY_NAMES, start=1)
    ]
    written = export(videos, folder, format_name=name)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(written)
    assert all(path.resolve().is_relative_to(folder) for path in written)
    assert len({path.parent if name == "frames" else path for path in written}) == len(NASTY_NAMES)
    assert not [path for path in written if any(ord(mark) < 32 for mark in str(path.relative_to(tmp_path)))]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("nasty", NASTY_NAMES)
def test_any_name_can_be_written_about(tmp_path, name, nasty):
    assert export([captioned(["a dog"], name=nasty)], tmp_path / "out", format_name=name)


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if isinstance(kind, FileFormat)])
def test_the_same_input_gives_the_same_bytes(name):
    assert render([DOGS], format_name=name) == render([replace(DOGS)], format_name=name)


def test_one_file_takes_several_videos_only_where_its_format_does(tmp_path):
    videos = [DOGS, captioned(["a cow"], name="cows.mp4", video_id=2)]
    assert export(videos, tmp_path / "all.json", format_name="json") == [tmp_path / "all.json"]
    assert export(videos, tmp_path / "folder", format_name="srt") == [
        tmp_path / "folder" / "dogs.srt",
        tmp_path / "folder" / "cows.srt",
    ]
    with pytest.raises(ExportError, match="holds one video"):
        export(videos, tmp_path / "all.json", format_name="srt")
    with pytest.raises(ExportError, match="holds one video"):
        render(videos, format_name="srt")


def test_videos_of_one_name_get_files_of_their_own():
    names = Names()
    assert [names.name_for(wanted) for wanted in ("A", "a", "A", "a-2")] == ["A", "a-2", "A-3", "a-2-2"]


def test_a_symlink_in_the_folder_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "chosen"
    folder.mkdir()
    (folder / "dogs.srt").symlink_to(outside)
    with pytest.raises(ExportError, match="exists"):
        export([DOGS], folder, format_name="srt")
    export([DOGS], folder, format_name="srt", rule=OutputRule(overwrite=True))
    assert outside.read_text() == "mine"
    assert not (folder / "dogs.srt").is_symlink()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"Could not write .*/out\.srt: File exists"):
        export([DOGS], tmp_path / "file" / "out.srt", format_name="srt")


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(ExportError, match=r"'mp3'.*txt, srt, vtt"):
        render([DOGS], format_name="mp3")


def test_nothing_to_export_is_said(tmp_path):
    with pytest.raises(ExportError, match="nothing to export"):
        export([], Path(tmp_path / "x.srt"), format_name="srt")
