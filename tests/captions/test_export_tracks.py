"""Tracks of any kind in every format, from plain segments."""

import csv
import io
import json

import pysubs2
import pytest
import webvtt

from tests.captions.examples import captioned, in_one_file
from vidsearch.captions.export.tracks import (
    TRACK_FORMATS,
    ExportedSegment,
    ExportedTrack,
    find_track_format,
)
from vidsearch.captions.export.writing import write_documents
from vidsearch.errors import ExportError
from vidsearch.media.subtitle_files import read_subtitles
from vidsearch.outputs import DEFAULT_RULE

SPEECH = "When we went down to the harbour that morning, the boats had already left & nobody was --> there."
VIDEO = captioned(["a dog"]).video


def track(kind="transcript", segments=None):
    return ExportedTrack(
        video=VIDEO,
        kind=kind,
        name="en",
        producer="whisper",
        language="en",
        segments=segments
        or [
            ExportedSegment(0.0, 6.0, SPEECH, {"words": [[0.0, 0.5, "When"]]}),
            ExportedSegment(8.0, 8.25, "<b>{Yes}\x1b"),
            ExportedSegment(9.0, 10.0, "  "),
        ],
    )


def export_tracks(tracks, output, *, format_name):
    return write_documents(tracks, output, find_track_format(format_name), DEFAULT_RULE)


def rendered(name, *tracks):
    return in_one_file(tracks or [track()], find_track_format(name)).decode()


def test_srt_is_laid_out_for_reading():
    assert rendered("srt") == (
        "1\n00:00:00,000 --> 00:00:02,886\nWhen we went down to the harbour\nthat morning,\n\n"
        "2\n00:00:02,886 --> 00:00:06,000\nthe boats had already left\n& nobody was --› there.\n\n"
        "3\n00:00:08,000 --> 00:00:09,000\n‹b›(Yes)\n\n"
    )


def test_vtt_is_laid_out_and_escaped():
    text = rendered("vtt")

    assert "nobody was --&gt; there." in text
    assert "&lt;b&gt;{Yes}" in text
    cues = list(webvtt.from_buffer(io.StringIO(text)))
    assert [cue.start for cue in cues] == ["00:00:00.000", "00:00:02.886", "00:00:08.000"]


def test_chapters_keep_their_spans_in_vtt():
    chapters = track(
        "chapter", [ExportedSegment(0.0, 600.0, "Part one"), ExportedSegment(600.0, 601.0, "Two")]
    )

    assert rendered("vtt", chapters).split("\n\n")[1:3] == [
        "00:00:00.000 --> 00:10:00.000\nPart one",
        "00:10:00.000 --> 00:10:01.000\nTwo",
    ]


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_subtitles_are_read_back(tmp_path, name):
    (path,) = export_tracks([track()], tmp_path / f"a.{name}", format_name=name)

    words = " ".join(cue.text for cue in read_subtitles(path).cues)
    assert words.startswith(
        "When we went down to the harbour that morning, the boats had already left & nobody"
    )
    assert len(pysubs2.load(str(path))) == 3


def test_txt_has_a_line_a_segment():
    assert rendered("txt") == f"00:00:00.000\t{SPEECH}\n00:00:08.000\t<b>{{Yes}}\n"


def test_json_keeps_everything():
    document = json.loads(rendered("json", track(), track("ocr")))

    assert [each["kind"] for each in document["tracks"]] == ["transcript", "ocr"]
    assert document["tracks"][0]["segments"] == [
        {
            "start_seconds": 0.0,
            "end_seconds": 6.0,
            "text": SPEECH,
            "attributes": {"words": [[0.0, 0.5, "When"]]},
        },
        {"start_seconds": 8.0, "end_seconds": 8.25, "text": "<b>{Yes}\x1b", "attributes": {}},
        {"start_seconds": 9.0, "end_seconds": 10.0, "text": "  ", "attributes": {}},
    ]


def test_csv_has_a_row_a_segment_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(rendered("csv", track(segments=[ExportedSegment(0, 1, "=1+1")])))))

    assert [(row["kind"], row["language"], row["start_seconds"], row["text"]) for row in rows] == [
        ("transcript", "en", "0", "'=1+1")
    ]


@pytest.mark.parametrize("name", TRACK_FORMATS)
def test_a_folder_gets_a_file_a_track_and_none_is_written_over_the_video(tmp_path, name):
    written = export_tracks([track(), track("ocr")], tmp_path, format_name=name)

    assert len(set(written)) == 2
    assert all(path.suffix == f".{name}" for path in written)
    with pytest.raises(ExportError, match="never written"):
        export_tracks([track()], VIDEO.path, format_name=name)


def test_what_cannot_be_exported_is_said(tmp_path):
    with pytest.raises(ExportError, match=r"'mp3'.*srt, vtt, txt, json, csv"):
        rendered("mp3")
    with pytest.raises(ExportError, match="nothing to export"):
        export_tracks([], tmp_path / "a.srt", format_name="srt")
    with pytest.raises(ExportError, match="holds one video"):
        rendered("srt", track(), track())
