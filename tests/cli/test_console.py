"""What the command line prints is safe to print, and lines up."""

from pathlib import Path

from vidsearch.cli import console


def test_a_file_name_cannot_move_the_cursor_or_break_a_line():
    assert console.printable("a\x1b[2Jb\nc\u202ed\udce9 😀") == "a\\x1b[2Jb\\nc\\u202ed\\udce9 😀"


def test_table_aligns_numbers_right_and_leaves_the_last_column_ragged(capsys):
    console.say_table(
        [(1, "cat.mp4", "a cat"), (10, "a.mp4", "")], header=("", "video", "caption"), right=frozenset({0})
    )

    assert capsys.readouterr().out == "    video    caption\n 1  cat.mp4  a cat\n10  a.mp4\n"


def test_a_table_without_rows_says_nothing(capsys):
    console.say_table([], header=("video",))

    assert capsys.readouterr().out == ""


def test_paths_are_shown_from_the_working_folder_where_that_is_shorter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert console.shown_path(tmp_path / "a" / "b.mp4") == "a/b.mp4"
    assert console.shown_path(tmp_path.parent / "c.mp4") == "../c.mp4"
    assert console.shown_path(Path("/c.mp4")) == "/c.mp4"


def test_data_goes_to_stdout_and_remarks_to_stderr(capsys):
    console.say("data")
    console.note("remark")
    console.warn("careful")
    console.fail("no")

    captured = capsys.readouterr()
    assert captured.out == "data\n"
    assert captured.err == "remark\nWarning: careful\nError: no\n"
