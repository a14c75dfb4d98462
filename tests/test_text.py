"""Text of strangers neither steers a terminal nor hides in a machine format."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.text import counted, either, json_text, one_line, printable

NASTY = "a\x1b[2Jb\x07c\x9b31md\u202ee\u2028f\u200bg\ufeffh\x7fi\nj"


def unsafe(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]


def test_what_a_terminal_obeys_or_hides_is_escaped():
    assert printable(NASTY) == r"a\x1b[2Jb\x07c\x9b31md\u202ee\u2028f\u200bg\ufeffh\x7fi\nj"
    assert printable("d\udce9 😀 日本\u3000語") == "d\\udce9 😀 日本\u3000語"
    assert printable("one\ntwo\x1b", kept="\n") == "one\ntwo\\x1b"


def test_numbers_are_said_with_what_they_count():
    assert [counted(number, "frame") for number in (0, 1, 1200)] == ["0 frames", "1 frame", "1,200 frames"]


def test_one_line_keeps_the_joiners_that_words_are_spelled_with():
    assert one_line("  a\x1b\r\nb\u2028c ") == "a b c"
    assert one_line("\u202bשלום\u200f!\u202c") == "שלום!"
    assert one_line("می\u200cخواهم \U0001f468\u200d\U0001f469") == "می\u200cخواهم \U0001f468\u200d\U0001f469"
    assert one_line("hid\u200bden\ufeff \U000e0041\U000e0042") == "hidden"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [False, True])
@given(text=st.text())
def test_json_is_printable_and_means_the_same(text, indent, ascii_only):
    written = json_text({text: [text]}, indent=indent, ascii_only=ascii_only)
    assert json.loads(written) == {text: [text]}
    assert unsafe(written.replace("\n", "")) == []
    assert not ascii_only or written.isascii()


@given(st.text())
def test_nothing_printable_returns_is_unsafe(text):
    assert unsafe(printable(text)) == []


@pytest.mark.parametrize(
    ("names", "expected"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_alternatives_read_as_people_write_them(names, expected):
    """Three near names were "a or b or c"."""
    assert either(names) == expected
