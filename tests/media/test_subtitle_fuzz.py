"""Damaged subtitle files end in cues or in one clear error, every cue is accounted for, and soon."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.test_subtitles import ASS, SRT, VTT, WORDS, YOUTUBE, srt_of
from vidsearch.errors import SubtitleError
from vidsearch.media.subtitle_files import read_subtitles

SOURCES = [
    *(text.encode() for text in (SRT, VTT, YOUTUBE, ASS)),
    srt_of(WORDS["cp1251"]).encode("cp1251"),
    srt_of(WORDS["shift_jis"]).encode("shift_jis"),
    srt_of(WORDS["gbk"]).encode("utf-16"),
    b"0:00:01.000,0:00:02.000\nhi there\n\n",
    b'<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="1s" end="2s">Hello<br/>you</p></body></tt>',
    b"{1}{1}25\n{10}{50}Hello|you\n{60}{90}{y:i}x\n",
    b"[10][50]Hello|x\n[60][90]/y\n",
]
PIECES = [
    b"-->",
    b"{\\",
    b"<",
    b"\n\n",
    b"\0",
    b"9" * 20,
    b"-",
    b"&#99;",
    b"\xff\xfe",
    b"WEBVTT",
    b"Dialogue:",
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    text = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 10, 50))):
        at = rng.randrange(len(text) + 1)
        change = rng.randrange(6)
        if change == 0:
            text[at : at + 1] = rng.randbytes(1)
        elif change == 1:
            del text[at : at + rng.randrange(20)]
        elif change == 2:
            text[at:at] = rng.randbytes(5)
        elif change == 3:
            text[at:at] = text[at : at + 40]
        elif change == 4:
            text[at:at] = rng.choice(PIECES)
        else:
            del text[max(at, 1) :]
    return bytes(text)


def check(path) -> int:
    """Read a file; returns how many cues were kept."""
    try:
        found = read_subtitles(path)
    except SubtitleError:
        return 0
    assert found.num_found == len(found.cues) + sum(found.left_out.values())
    assert all(cue.text and 0 <= cue.start_seconds < cue.end_seconds for cue in found.cues)
    assert all("\n" not in cue.text and "\x1b" not in cue.text for cue in found.cues)
    return len(found.cues)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_files_are_read_or_refused(tmp_path, seed):
    """8 times 500 files."""
    rng = random.Random(seed)
    path = tmp_path / "s.srt"
    num_kept = 0
    for _ in range(500):
        path.write_bytes(mutated(rng.choice(SOURCES), rng))
        num_kept += check(path) > 0

    assert num_kept > 100, "mutations that break every file test nothing"


@given(st.text(alphabet=st.sampled_from("01:,.-> \n<>{}\\WEBVTa&;#"), max_size=200))
def test_no_text_breaks_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.srt"
    path.write_text(text)
    check(path)


REPEATED_PIECES = [
    (head, piece)
    for head, pieces in {
        "1\n00:00:01,000 --> 00:00:02,000\n": [
            "{\\",
            "<a",
            "<1:",
            "}",
            "-->",
            "- -",
            " ",
            "a\n",
            "\n",
            "1,",
            "1:",
        ],
        "WEBVTT\n\n00:01.000 --> 00:02.000\n": ["<", "<a", "&#", "&#9", "&#9;", "NOTE", "\n"],
        "[Events]\nDialogue: 0,0:0:1.0,0:0:2.0,,,,,,,": ["{\\p1}", "{", "\\N", ","],
        "": ["0:0:0,", "\0", "é", " ", "-", "<tt>", "{1}{2}|", "00:00:01,000 --> 00:00:02,000\na\n\n"],
    }.items()
    for piece in pieces
]


@pytest.mark.parametrize(("head", "piece"), REPEATED_PIECES)
def test_time_grows_with_length_and_no_faster(tmp_path, head, piece):
    """What needs quadratic time for these takes minutes or hours."""
    path = tmp_path / "s.srt"
    path.write_text(head + piece * (500_000 // len(piece)))
    check(path)


def test_an_endless_file_is_refused():
    with pytest.raises(SubtitleError, match="too large"):
        read_subtitles(Path("/dev/zero"))
