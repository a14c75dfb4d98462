"""A library on a server answers every command as the one in a folder that it is a copy of."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.postgres import crash
from vidsearch.store import leases, ledger

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


@pytest.fixture
def after_two_chunks(monkeypatch):
    """Have something happen in a run, before its third chunk is kept."""

    def arrange(happen: Callable[[], object]) -> None:
        append, num_chunks = ledger.append, count(1)

        def append_later(*arguments: Any) -> None:
            if next(num_chunks) == 3:
                happen()
            append(*arguments)

        monkeypatch.setattr(ledger, "append", append_later)

    return arrange


def assert_is_whole(run, library, sample_library) -> None:
    assert run("verify", "--library", library).exit_code == 0
    of_both = [
        json.loads(run("list", "--json", "--library", each).stdout) for each in (library, sample_library)
    ]
    there, here = ([(video["path"], video["num_frames"]) for video in each] for each in of_both)
    assert sorted(there) == sorted(here)


def test_a_server_that_is_started_again_in_a_run_is_not_noticed(
    run, postgres_server, postgres_library, sample_library, sample_videos, after_two_chunks
):
    after_two_chunks(lambda: crash(postgres_server)())
    result = run("index", sample_videos, "--models", "mini", "--library", postgres_library)
    assert (result.exit_code, result.stderr.count("cannot be reached")) == (0, 0), result.output
    assert_is_whole(run, postgres_library, sample_library)


@pytest.mark.slow  # the program waits ten seconds for the server to come back
def test_a_server_that_stops_in_a_run_is_one_line_and_the_next_run_goes_on(
    run, postgres_server, postgres_library, sample_library, sample_videos, after_two_chunks, monkeypatch
):
    # Both runs are in this process, which lives on; of one that has ended, leases are free at once.
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1.0)
    starts: list[Callable[[], None]] = []
    after_two_chunks(lambda: starts.append(crash(postgres_server)))
    index = ("index", sample_videos, "--models", "mini", "--library", postgres_library)
    stopped = run(*index)
    starts[0]()
    assert stopped.exit_code == 1, stopped.output
    assert stopped.stderr.count("cannot be reached") == 1
    assert "Traceback" not in stopped.output
    assert run(*index).exit_code == 0
    assert_is_whole(run, postgres_library, sample_library)
