"""What strangers wrote reaches no terminal raw; encodings, closed pipes and Ctrl-C end in no traceback."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

NASTY = "\x1b]0;owned\x07\x9b31m\u202ename\u200b\u2028日本"
STYLE = re.compile(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[\d*[AK]|\x1b\[2K")
"""What the command line itself sends to a terminal: colours, and the moves of the progress line."""

COMMANDS = [
    ["search", "cat"],
    ["search", "cat", "--json"],
    ["search", NASTY, "--json"],
    ["list"],
    ["list", "--json"],
    ["list", "--failed"],
    ["list", "--failed", "--json"],
    ["captions", "cat"],
    ["captions", "cat", "--json"],
    ["captions", "--all"],
    ["captions", "find", "owned"],
    ["captions", "find", "owned", "--json"],
    ["export", "all", "-f", "json", "-o", "-"],
    ["export", "all", "-f", "jsonl", "-o", "-"],
    ["export", "all", "-f", "csv", "-o", "-"],
    ["export", "cat", "-f", "srt", "-o", "-"],
    ["export", "cat", "-f", "vtt", "-o", "-"],
    ["export", "cat", "-f", "txt", "-o", "-"],
    ["export", "cat", "-f", "html", "-o", "-"],
    ["verify"],
    ["info", "--json"],
]
ERRORS = [
    ["search", f"--{NASTY}"],
    [NASTY],
    ["search", "cat", "--mode", NASTY],
    ["captions", f"no {NASTY}"],
    ["export", "cat", "-f", NASTY, "-o", "-"],
    ["clip", f"cat@{NASTY}", "-o", "a.mp4"],
    ["explain", "a cat", "cat@1", "-o", f"a.{NASTY}"],
    ["search", "cat", "--queries", NASTY],
    ["import", "captions", NASTY, "cat"],
]


@pytest.fixture(scope="module")
def nasty_library(run, sample_videos, tmp_path_factory):
    """A library whose names, captions and subtitles try to steer the terminal."""
    folder = tmp_path_factory.mktemp("nasty")
    (folder / NASTY).mkdir()
    shutil.copy(sample_videos / "cat.mp4", folder / NASTY / f"{NASTY} cat.mp4")
    (folder / NASTY / f"{NASTY} bad.mp4").write_text("words, not pictures")
    (folder / "s.srt").write_text(f"1\n00:00:01,000 --> 00:00:02,000\nowned {NASTY}\n")
    library = folder / "library"
    for words in (
        ["index", folder / NASTY, "--models", "mini", "--fps", 0.2],
        ["captions", "edit", "cat@0", f"owned {NASTY}"],
        ["import", "captions", folder / "s.srt", "cat", "--name", NASTY],
    ):
        result = run(*words, "--library", library)
        assert result.exit_code == 0, result.output
    return library


def unsafe(text):
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n", "\r", "\t"}


def on_a_terminal(*words, env=None):
    """What a command sends to a terminal, stdout and stderr together."""
    command = [sys.executable, "-m", "vidsearch", *map(str, words)]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm", **(env or {})}
    )
    os.close(slave)
    sent = b""
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:
            break
        if not read:
            break
        sent += read
    os.close(master)
    process.wait()
    return STYLE.sub("", sent.decode())


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(map(ascii, words)))
def test_nothing_raw_is_printed(run, nasty_library, words):
    result = run(*words, "--library", nasty_library)

    assert result.exit_code == 0, result.output
    assert unsafe(STYLE.sub("", result.output)) == set()


@pytest.mark.parametrize("words", ERRORS, ids=lambda words: " ".join(map(ascii, words)))
def test_no_error_quotes_anything_raw(run, nasty_library, words):
    library = [] if words[0] == NASTY else ["--library", nasty_library]
    result = run(*words, *library)

    assert result.exit_code in (1, 2)
    assert not isinstance(result.exception, (TypeError, ValueError, OSError))
    assert unsafe(STYLE.sub("", result.output)) == set()


def test_a_terminal_gets_nothing_raw_either(nasty_library, tmp_path):
    videos = next(path for path in nasty_library.parent.iterdir() if path.name.startswith("\x1b"))
    shown = [
        on_a_terminal("index", videos, "--models", "mini", "--library", tmp_path / "library"),
        on_a_terminal("search", "cat", "--library", nasty_library),
        on_a_terminal("export", "cat", "-f", "srt", "-o", "-", "--library", nasty_library),
        on_a_terminal("search", f"--{NASTY}"),
    ]

    assert "\\x1b]0;owned" in shown[0] + shown[1]
    assert [unsafe(text) for text in shown] == [set()] * 4


def test_json_keeps_names_exactly(run, nasty_library):
    for words in (["list"], ["search", "cat"]):
        result = run(*words, "--json", "--library", nasty_library)
        found = json.loads(result.stdout)
        entry = (found["hits"] if isinstance(found, dict) else found)[0]
        assert f"{NASTY} cat.mp4" in (entry.get("video") or entry["path"])


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [["--help"], ["list", "--json"], ["captions", "find", "owned"]])
def test_no_encoding_of_the_output_stops_a_command(nasty_library, env, words):
    result = subprocess.run(
        [sys.executable, "-m", "vidsearch", *words],
        capture_output=True,
        check=False,
        env={**os.environ, "VIDSEARCH_LIBRARY": str(nasty_library), **env},
    )

    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
    assert result.stdout
    if "--json" in words:
        encoding = env.get("PYTHONIOENCODING", "utf-8")
        assert NASTY in json.loads(result.stdout.decode(encoding))[0]["path"]


@pytest.mark.parametrize(
    "words", [["export", "all", "-f", "html", "-o", "-"], ["list", "--json"], ["--help"]]
)
def test_a_reader_that_leaves_early_is_no_error(nasty_library, words):
    command = [sys.executable, "-m", "vidsearch", *words]
    env = {**os.environ, "VIDSEARCH_LIBRARY": str(nasty_library)}
    read, write = os.pipe()
    os.close(read)

    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, env=env)

    os.close(write)
    assert result.stderr == b""


@pytest.mark.parametrize("pauses", [(0.2, 0.05), (1.5, 0.02), (2.5, 0.1, 0.1)])
def test_ctrl_c_again_and_again_leaves_no_traceback(sample_videos, tmp_path, pauses):
    command = [sys.executable, "-m", "vidsearch", "index", sample_videos, "--models", "mini"]
    process = subprocess.Popen(
        [*command, "--library", tmp_path / "library"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    for pause in pauses:
        time.sleep(pause)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode in (0, 130, -signal.SIGINT)
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


@pytest.mark.parametrize("words", [["list"], ["export", "all", "-f", "html", "-o", "-"], ["--help"]])
def test_an_output_that_is_full_is_one_line(nasty_library, words):
    command = [sys.executable, "-m", "vidsearch", *words]
    env = {**os.environ, "VIDSEARCH_LIBRARY": str(nasty_library)}

    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, env=env)

    assert result.returncode == 1
    assert result.stderr == b"Error: Could not write the output: No space left on device.\n"
