"""Subtitles as people have them: several formats, encodings, markup and damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captions.examples import captioned
from vidsearch.captions.export import render
from vidsearch.captions.subtitles import read_subtitles
from vidsearch.errors import SubtitleError
from vidsearch.store.records import Cue

SRT = (
    "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\nthere {\\an8}Bob\n\n"
    "2\n00:01:00,000 --> 00:01:01,000\nCafé\n"
)
VTT = (
    "WEBVTT\n\nNOTE a note\n\nintro\n00:01.000 --> 00:02.500 align:start\n<v Bob>Hello &amp; <b>goodbye</b>\n"
)


def written(folder, data, name="s.srt"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_srt_in_the_usual_encodings(tmp_path, encoding):
    assert read_subtitles(written(tmp_path, SRT.encode(encoding))) == (
        Cue(1.0, 2.5, "Hello there Bob"),
        Cue(60.0, 61.0, "Café"),
    )


def test_vtt_with_notes_names_settings_and_references(tmp_path):
    assert read_subtitles(written(tmp_path, VTT, "s.vtt")) == (Cue(1.0, 2.5, "Hello & goodbye"),)


def test_windows_line_ends_and_cues_out_of_order(tmp_path):
    text = (
        "2\r\n00:00:05,000 --> 00:00:06,000\r\nlater\r\n\r\n1\r\n00:00:01,000 --> 00:00:02,000\r\nearlier\r\n"
    )
    assert [cue.text for cue in read_subtitles(written(tmp_path, text))] == ["earlier", "later"]


def test_cues_without_words_or_length_are_left_out(tmp_path):
    text = (
        "1\n00:00:01,000 --> 00:00:01,000\nno time\n\n2\n00:00:02,000 --> 00:00:03,000\n<b></b>\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\nkept\n"
    )
    assert read_subtitles(written(tmp_path, text)) == (Cue(4.0, 5.0, "kept"),)


@pytest.mark.parametrize("format_name", ["srt", "vtt"])
def test_what_is_exported_is_read_back(tmp_path, format_name):
    data = render([captioned(["a dog & a cat", "a dog & a cat", "a cow"])], format_name=format_name)
    assert read_subtitles(written(tmp_path, data)) == (Cue(0.0, 2.0, "a dog & a cat"), Cue(2.0, 3.0, "a cow"))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x00\x01\x02" * 100, b"WEBVTT\n", b"\xff\xfe", b"1\n--> \n"]
)
def test_what_is_no_subtitle_file_is_said(tmp_path, data):
    with pytest.raises(SubtitleError, match="holds no subtitles"):
        read_subtitles(written(tmp_path, data))


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    with pytest.raises(SubtitleError, match="Could not read"):
        read_subtitles(tmp_path / "none.srt")
    with pytest.raises(SubtitleError, match="Could not read"):
        read_subtitles(tmp_path)


@given(st.text(alphabet=st.sampled_from("01:,.-> \n<>{}\\WEBVTa&;"), max_size=120))
def test_no_input_breaks_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.srt"
    path.write_text(text)
    try:
        cues = read_subtitles(path)
    except SubtitleError:
        return
    assert all(cue.text and cue.start_seconds < cue.end_seconds for cue in cues)
