"""A library on a server answers every command as the one in a folder that it is a copy of."""

from __future__ import annotations

import json

import pytest

ALIKE = (
    ["search", "a cat on a couch", "--json"],
    ["search", "a couch", "--mode", "caption", "--json"],
    ["list", "--json"],
    ["tracks", "cat.mp4", "--json"],
    ["captions", "show", "cat.mp4", "--json"],
)


@pytest.fixture(scope="module")
def server_library(run, sample_library, postgres_server, tmp_path_factory) -> str:
    address = f"{postgres_server}?schema=samples"
    result = run("copy", sample_library, address)
    assert result.exit_code == 0, result.output
    assert "Copied 4 videos" in result.stderr
    return address


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key != "took_seconds"}
    return [without_times(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("words", ALIKE, ids=lambda words: words[0])
def test_commands_say_the_same_of_both(run, sample_library, server_library, words):
    there, here = (run(*words, "--library", library) for library in (server_library, sample_library))
    assert (there.exit_code, there.stderr) == (here.exit_code, here.stderr)
    assert without_times(json.loads(there.stdout)) == without_times(json.loads(here.stdout))


def test_a_library_on_a_server_is_changed_checked_and_named_without_its_password(
    run, server_library, sample_videos
):
    library = ("--library", server_library.replace("tests@", "tests:secret@"))
    indexed = run("index", sample_videos, "--json", *library)
    assert json.loads(indexed.stdout)["num_skipped"] == 4
    assert run("captions", "edit", "cat.mp4@1", "A tabby", *library).exit_code == 0
    assert "A tabby" in run("search", "tabby", *library).stdout
    assert run("remove", "space.mp4", *library).exit_code == 0
    assert run("verify", *library).exit_code == 0
    info = json.loads(run("info", "--json", *library).stdout)
    assert (info["num_videos"], info["path"]) == (3, server_library)
