"""Tables fit the terminal, whatever is in them."""

from __future__ import annotations

import pytest

from vidsearch.cli.tables import lines_of, width_of

ROWS = [
    ["", "time", "span", "sure", "score", "frame", "video", "caption"],
    ["1", "0:04", "0:03-0:11", "98%", "3.891", "21", "holidays/2024/cafe.mp4", "a cup of coffee on a table"],
    ["2", "1:12:12", "1:12:11-1:12:16", "30%", "0.359", "12345", "b.mp4", "日本語の字幕 and more words"],
]


def table(rows, width=None):
    """A table as answers are printed: without the score first, paths by their ends."""
    right, ends = frozenset({0, 3, 4, 5}), frozenset({6})
    return lines_of(rows, right=right, optional=(4, 2, 5, 3), ends=ends, width=width)


@pytest.mark.parametrize("width", [120, 80, 60, 40, 30])
def test_no_line_is_wider_than_the_terminal(width):
    lines = table(ROWS, width)
    assert all(width_of(line) <= width for line in lines), lines
    assert all(row[1] in line for row, line in zip(ROWS, lines, strict=True))


def test_a_pipe_gets_all_of_it():
    lines = table(ROWS)
    assert all(cell in line for row, line in zip(ROWS, lines, strict=True) for cell in row)


def test_a_narrow_terminal_does_without_what_is_needed_least():
    assert table(ROWS[:2], 60) == [
        "   time  sure  frame  video               caption",
        "1  0:04   98%     21  …ays/2024/cafe.mp4  a cup of coffee o…",
    ]
    assert table(ROWS[:2], 40) == [
        "   time  video           caption",
        "1  0:04  …2024/cafe.mp4  a cup of coffe…",
    ]


def test_wide_characters_take_two_columns():
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    first, second = lines_of([["日本", "a"], ["abcd", "b"]])
    assert (first, second) == ("日本  a", "abcd  b")


def test_names_that_people_type_are_never_cut():
    """`models list` printed "clip-ope…" in 60 columns."""
    rows = [["name", "terms", "source"], ["siglip2-large-of-google", "Apache-2.0", "google/siglip2-large"]]
    assert lines_of(rows, optional=(2,), whole=frozenset({0}), width=36) == [
        "name                     terms",
        "siglip2-large-of-google  Apache-2.0",
    ]
    assert (
        lines_of(rows, optional=(2,), whole=frozenset({0}), width=30)[1] == "siglip2-large-of-google  Apac…"
    )
