"""Subtitles as people have them: several formats, encodings, markup and damage."""

import pytest

from tests.captions.examples import captioned, render
from vidsearch.errors import SubtitleError
from vidsearch.media.subtitle_files import (
    COMMENT,
    NO_LENGTH,
    NO_TIME,
    NO_WORDS,
    REPEATED,
    TOO_EARLY,
    read_subtitles,
)
from vidsearch.types import TimedText

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
    read = read_subtitles(written(tmp_path, SRT.encode(encoding)))
    assert read.cues == (TimedText(1.0, 2.5, "Hello there Bob"), TimedText(60.0, 61.0, "Café"))
    assert read.is_encoding_guessed == (encoding == "cp1252")


def test_vtt_with_notes_names_settings_and_references(tmp_path):
    assert read_subtitles(written(tmp_path, VTT, "s.vtt")).cues == (TimedText(1.0, 2.5, "Hello & goodbye"),)


def test_windows_line_ends_and_cues_out_of_order(tmp_path):
    text = (
        "2\r\n00:00:05,000 --> 00:00:06,000\r\nlater\r\n\r\n1\r\n00:00:01,000 --> 00:00:02,000\r\nearlier\r\n"
    )
    assert [cue.text for cue in read_subtitles(written(tmp_path, text)).cues] == ["earlier", "later"]


def test_cues_without_words_or_length_are_left_out(tmp_path):
    text = (
        "1\n00:00:01,000 --> 00:00:01,000\nno time\n\n2\n00:00:02,000 --> 00:00:03,000\n<b></b>\n\n"
        "3\n00:00:04,000 --> 00:00:05,000\nkept\n"
    )
    read = read_subtitles(written(tmp_path, text))
    assert read.cues == (TimedText(4.0, 5.0, "kept"),)
    assert read.left_out == {NO_LENGTH: 1, NO_WORDS: 1}
    assert (read.num_found, read.num_mended) == (3, 0)


@pytest.mark.parametrize("format_name", ["srt", "vtt"])
def test_what_is_exported_is_read_back(tmp_path, format_name):
    data = render([captioned(["a dog & a cat", "a dog & a cat", "a cow"])], format_name=format_name)
    assert read_subtitles(written(tmp_path, data)).cues == (
        TimedText(0.0, 2.0, "a dog & a cat"),
        TimedText(2.0, 3.0, "a cow"),
    )


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


def read(folder, data, name="s.srt", **options):
    return read_subtitles(written(folder, data, name), **options)


def cue(times, words="words"):
    return f"1\n{times}\n{words}\n\n2\n00:01:00,000 --> 00:01:01,000\nnext\n"


YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.389 align:start position:0%
\x20
hello<00:00:00.480><c> world</c><00:00:00.800><c> this</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
hello world this
\x20

00:00:02.399 --> 00:00:05.000 align:start position:0%
hello world this
is<00:00:03.000><c> a</c><00:00:03.500><c> test</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
is a test
\x20

00:00:05.010 --> 00:00:07.000 align:start position:0%
is a test
okay
"""
SPOKEN = (
    TimedText(0.16, 2.389, "hello world this"),
    TimedText(2.399, 5.0, "is a test"),
    TimedText(5.01, 7.0, "okay"),
)


def test_word_timed_captions_that_roll_are_kept_once_and_in_time(tmp_path):
    found = read(tmp_path, YOUTUBE, "s.vtt")

    assert found.cues == SPOKEN
    assert found.left_out == {REPEATED: 2}


def test_rolling_captions_are_known_without_inline_times_too(tmp_path):
    """As converters write them: the same cues as SubRip, without a tag."""
    times = ["00,160 --> 00:00:02,389", "02,389 --> 00:00:02,399", "02,399 --> 00:00:05,000"]
    times += ["05,000 --> 00:00:05,010", "05,010 --> 00:00:07,000"]
    lines = ["hello world this", "hello world this", "hello world this\nis a test", "is a test"]
    lines += ["is a test\nokay"]
    text = "".join(
        f"{number}\n00:00:{time}\n{line}\n\n"
        for number, (time, line) in enumerate(zip(times, lines, strict=True), start=1)
    )

    assert read(tmp_path, text).cues == SPOKEN


def test_lines_that_are_said_twice_are_kept_twice(tmp_path):
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\nNo!\n\n4\n00:00:04,000 --> 00:00:05,000\nWhy?\n"
    )
    sung = "WEBVTT\n\n" + "".join(
        f"00:0{start}.000 --> 00:0{start + 1}.000\nla<00:0{start}.500><c> la</c>\n\n" for start in (1, 2, 3)
    )

    assert [one.text for one in read(tmp_path, text).cues] == ["No.", "No.", "No!", "Why?"]
    expected = tuple(TimedText(start, start + 1.0, "la la") for start in (1.0, 2.0, 3.0))
    assert read(tmp_path, sung, "s.vtt").cues == expected


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("00:00:01 --> 00:00:02", 1.0, 2.0),
        ("00:01,5 --> 00:02,25", 1.5, 2.25),
        ("0:0:1.000 --> 0:0:2.000", 1.0, 2.0),
        ("00.00.01,500 -> 00.00.02,000", 1.5, 2.0),
        ("00:00:01:500 --> 00:00:02:000", 1.5, 2.0),
        ("00: 00: 01, 500 --> 00: 00: 02, 000", 1.5, 2.0),
        ("00:00:01,000 – > 00:00:02,000", 1.0, 2.0),
        ("00:00:01.000,00:00:02.000", 1.0, 2.0),
        ("00:00:01,000 --> 00:00:02,000  X1:100 X2:200", 1.0, 2.0),
        ("00:90 --> 00:91", 90.0, 91.0),
        ("\u202b00:00:01,000 --> 00:00:02,000\u202c", 1.0, 2.0),
        ("00:00:01,000 --› 00:00:02,000", 1.0, 2.0),
        ("00:00:01,000 --&gt; 00:00:02,000", 1.0, 2.0),
        ("00:00:01,000 −−> 00:00:02,000", 1.0, 2.0),
        ("00:00:01,000 -x- 00:00:02,000", 1.0, 2.0),
        ("00:00:01,000 --> 00:00:02,000 align:start position:0%", 1.0, 2.0),
    ],
)
def test_times_are_read_however_they_are_written(tmp_path, times, start, end):
    found = read(tmp_path, cue(times))

    assert TimedText(start, end, "words") in found.cues
    assert (found.num_found, found.num_mended, found.left_out) == (2, 0, {})


def test_times_of_a_hundred_hours_and_more(tmp_path):
    found = read(tmp_path, cue("123:00:00,000 --> 123:00:05,000"))
    assert found.cues[1] == TimedText(442800.0, 442805.0, "words")


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [
        ("-00:00:01,000 --> 00:00:02,000", 0.0, 2.0),
        ("00:00:0x,000 --> 00:00:09,000", 4.0, 9.0),
        ("--> 00:00:09,000", 4.0, 9.0),
        ("00:00:10,000 --> 00:00:1x,000", 10.0, 15.0),
        ("00:00:58,000 --> ", 58.0, 60.0),
        ("00:00:12,000 --> 00:00:11,000", 12.0, 17.0),
    ],
)
def test_a_time_that_cannot_be_is_mended_and_counted(tmp_path, times, start, end):
    found = read(tmp_path, cue(times))

    assert TimedText(start, end, "words") in found.cues
    assert (found.num_found, found.num_mended, found.left_out) == (2, 1, {})


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ("00:00:xx,000 --> 00:00:yy,000", NO_TIME),
        ("00:00:0x --> 00:0x:01", NO_TIME),
        ("-00:00:03,000 --> -00:00:02,000", TOO_EARLY),
        ("00:00:03,000 --> 00:00:03,000", NO_LENGTH),
    ],
)
def test_a_cue_that_cannot_be_kept_is_counted_with_its_reason(tmp_path, times, reason):
    found = read(tmp_path, cue(times))

    assert [one.text for one in found.cues] == ["next"]
    assert (found.num_found, found.left_out) == (2, {reason: 1})


def test_words_keep_what_only_looks_like_markup(tmp_path):
    words = "{\\an8}I <3 <i>you</i> {not} a --> b\n\nand more\n42"
    assert read(tmp_path, cue("00:00:01,000 --> 00:00:02,000", words)).cues[0].text == (
        "I <3 you {not} a --> b and more 42"
    )


ASS = """[Script Info]
Title: x
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}real {\\i1}words{\\i0}\\Nnext
Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,hidden
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\pos(1,2)\\p1}m 0 0 l 100 0
Dialogue: 1,0:00:05.00,0:00:06.00,Default,,0,0,0,,both layers
Dialogue: 2,0:00:05.00,0:00:06.00,Default,,0,0,0,,both layers
Dialogue: 2,0:00:0x.00,0:00:07.00,Default,,0,0,0,,words, and a comma
"""


def test_ass_without_drawings_comments_and_layers(tmp_path):
    found = read(tmp_path, ASS, "s.ass")

    assert found.cues == (
        TimedText(1.0, 2.0, "real words next"),
        TimedText(5.0, 6.0, "both layers"),
        TimedText(6.0, 7.0, "words, and a comma"),
    )
    assert (found.num_found, found.num_mended) == (6, 1)
    assert found.left_out == {COMMENT: 1, NO_WORDS: 1, REPEATED: 1}


def test_formats_that_pysubs2_reads(tmp_path):
    ttml = (
        '<tt xmlns="http://www.w3.org/ns/ttml"><body><div>'
        '<p begin="00:00:01.000" end="00:00:02.000">Hello<br/>you</p></div></body></tt>'
    )
    assert read(tmp_path, ttml).cues == (TimedText(1.0, 2.0, "Hello you"),)
    assert read(tmp_path, "{1}{1}25\n{25}{50}Hello|you\n").cues == (TimedText(1.0, 2.0, "Hello you"),)


WORDS = {
    "cp1251": ["Привет, как дела?", "Я не знаю, что сказать.", "Где ты был вчера вечером?"],
    "koi8_r": ["Привет, как дела?", "Я не знаю, что сказать.", "Где ты был вчера вечером?"],
    "cp1250": ["Cześć, jak się masz?", "Gdzie byłeś wczoraj?", "Musimy już iść, jest późno."],
    "cp1252": ["Ça va, mon frère ?", "Où étais-tu hier soir ?", "Nous devons rentrer, il est déjà tard."],
    "gbk": ["你好，你怎么样？", "我不知道该说什么。", "你昨天晚上在哪里？"],
    "big5": ["你好，你怎麼樣？", "我不知道該說什麼。", "你昨天晚上在哪裡？"],
    "shift_jis": ["こんにちは、元気ですか？", "何を言えばいいのか分からない。", "昨日の夜、どこにいたの？"],
    "cp949": ["안녕하세요, 잘 지내세요?", "무슨 말을 해야 할지 모르겠어요.", "어젯밤에 어디 있었어요?"],
    "cp1253": ["Γεια σου, τι κάνεις;", "Δεν ξέρω τι να πω.", "Πού ήσουν χθες το βράδυ;"],
    "cp1254": ["Merhaba, nasılsın?", "Dün akşam neredeydin?", "Eve gitmemiz gerek, geç oldu."],
}


def srt_of(lines):
    return "".join(
        f"{number}\n00:00:{number:02d},000 --> 00:00:{number:02d},900\n{line}\n\n"
        for number, line in enumerate(lines, start=1)
    )


@pytest.mark.parametrize("encoding", WORDS)
def test_old_encodings_are_guessed_and_the_guess_is_said(tmp_path, encoding):
    found = read(tmp_path, srt_of(WORDS[encoding]).encode(encoding))

    assert [one.text for one in found.cues] == WORDS[encoding]
    assert found.is_encoding_guessed
    assert not read(tmp_path, srt_of(WORDS[encoding]).encode()).is_encoding_guessed


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
@pytest.mark.parametrize("words", ["cp1251", "gbk"])
def test_utf_16_needs_no_byte_order_mark(tmp_path, encoding, words):
    found = read(tmp_path, srt_of(WORDS[words]).encode(encoding))

    assert [one.text for one in found.cues] == WORDS[words]
    assert not found.is_encoding_guessed


def test_an_encoding_that_is_given_is_used(tmp_path):
    data = srt_of(["Où?"]).encode("cp850")
    assert read(tmp_path, data, encoding="cp850").cues[0].text == "Où?"
    for name in ("no-such", "hex"):
        with pytest.raises(SubtitleError, match="There is no text encoding"):
            read(tmp_path, data, encoding=name)


def test_a_damaged_byte_does_not_change_the_encoding(tmp_path):
    data = srt_of(WORDS["cp1251"]).encode()
    found = read(tmp_path, data[:40] + b"\xff" + data[40:])

    assert (found.encoding, found.num_mended) == ("utf-8", 1)


def test_words_behind_the_times_are_kept(tmp_path):
    found = read(tmp_path, cue("00:00:01,000 --> 00:00:02,000 Who is", "there?"))

    assert found.cues[0] == TimedText(1.0, 2.0, "Who is there?")


def test_notes_of_webvtt_are_no_cues(tmp_path):
    text = (
        "WEBVTT\n\nNOTE 00:01.000 --> 00:02.000\nnot shown\n\nSTYLE\n::cue { color: red }\n\n"
        "00:03.000 --> 00:04.000\nshown\n\nNOTE\nnor this\n"
    )

    assert read(tmp_path, text, "s.vtt").cues == (TimedText(3.0, 4.0, "shown"),)
