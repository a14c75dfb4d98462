"""JSON from the command line: one vocabulary, and errors that programs can read."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.test_help import COMMANDS

NO_JSON = {"mcp", "serve", "ui"}
"""Commands that print no result."""


@pytest.mark.parametrize("words", [words for words in COMMANDS if words not in NO_JSON])
def test_every_command_that_prints_has_json(words):
    options = [option for parameter in COMMANDS[words].params for option in parameter.opts]

    assert "--json" in options


FAILING = {
    "search": ["search", "cat", "--library", "NONE"],
    "list": ["list", "--library", "NONE"],
    "captions show": ["captions", "cta.mp4"],
    "captions edit": ["captions", "edit", "cat.mp4", "words"],
    "recaption": ["recaption", "cta.mp4"],
    "remove": ["remove", "#99999999999999999999999"],
    "export": ["export", "cta.mp4", "-o", "out.srt"],
    "clip": ["clip", "99999999999999999999999999", "-o", "out.mp4"],
    "empty query": ["search", "  "],
}


@pytest.mark.parametrize("name", FAILING)
def test_an_error_is_json_on_stdout_with_the_same_exit_code(run, sample_library, tmp_path, name):
    words = [str(tmp_path / "none") if word == "NONE" else word for word in FAILING[name]]
    library = [] if "--library" in words else ["--library", sample_library]
    plain = run(*words, *library)
    result = run(*words, *library, "--json")

    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, plain.exit_code) == (1, 1)
    assert plain.stdout == ""
    assert error["type"] in ("LibraryNotFound", "VideoNotFound", "QueryError")
    assert plain.stderr == f"Error: {error['message']}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["search", "cat", "--json", "--no-such-option"],
        ["search", "cat", "--min-confidence", "7", "--json"],
        ["list", "--json", "too", "many"],
        ["captions", "show", "--json"],
        ["no-such-command", "--json"],
    ],
)
def test_a_command_that_is_not_understood_is_json_too(run, words):
    result = run(*words)

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["message"]


def test_one_name_means_one_thing_in_every_command(run, sample_library, sample_videos, tmp_path):
    """There were three words for a video's path ("video", "path", "id" for its number)."""
    own = tmp_path / "library"
    shutil.copytree(sample_library, own)
    calls = [
        ["search", "a cat", "-n", "1"],
        ["list"],
        ["captions", "cat.mp4"],
        ["captions", "cat.mp4", "--level", "chapter"],
        ["captions", "--all"],
        ["captions", "find", "cat"],
        ["captions", "edit", "cat.mp4@5", "Minka"],
        ["remove", "cat.mp4"],
    ]
    for words in calls:
        result = run(*words, "--json", "--library", own)
        assert result.exit_code == 0, result.output
        objects = list(_objects(json.loads(result.stdout)))
        described = [found for found in objects if "path" in found or "video_id" in found]
        assert described, words
        for found in described:
            assert isinstance(found["video_id"], int)
            assert found["path"].endswith(".mp4")
        keys = {key for found in objects for key in found}
        assert not keys & {"video", "id", "start", "end", "time", "seconds"}, words


def _objects(value):
    """Every object in a JSON value, but those that a query quotes."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key != "query":
                yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def test_captions_at_every_level_have_one_shape(run, sample_library):
    levels = ("video", "chapter", "shot", "frame")
    shown = [
        json.loads(run("captions", "cat.mp4", "--level", level, "--json", "--library", sample_library).stdout)
        for level in levels
    ]

    assert {tuple(each) for each in shown} == {tuple(shown[0])}
    assert [each["level"] for each in shown] == list(levels)
    assert len(shown[3]["frames"]) == 16
    assert shown[1]["sections"][0].keys() == {
        "start_seconds",
        "end_seconds",
        "frame_id",
        "caption",
        "support",
        "method",
    }
