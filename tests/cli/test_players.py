"""`search --open`: a moment in the player that is there, from its time on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vidsearch.cli import players
from vidsearch.errors import VidsearchError
from vidsearch.paths import Address

VIDEO = Path("/videos/a holiday.mp4")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An empty folder that is all of the path, and no player in the environment."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(players.VARIABLE, raising=False)
    return tmp_path


def install(folder, name, script="sleep 5"):
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_the_first_player_that_is_there_begins_at_the_time(programs):
    install(programs, "ffplay")
    vlc = install(programs, "vlc")
    assert players.command_for(VIDEO, 62.5) == ([vlc, "--start-time=62.500", "/videos/a holiday.mp4"], True)
    mpv = install(programs, "mpv")
    assert players.command_for(VIDEO, 0.0)[0][:2] == [mpv, "--start=0.000"]


def test_without_a_player_it_says_what_to_install(programs):
    with pytest.raises(VidsearchError, match="Install mpv or VLC, or name one: VIDSEARCH_PLAYER="):
        players.command_for(VIDEO, 1.0)


@pytest.mark.parametrize(("system", "opener"), [("linux", "xdg-open"), ("darwin", "open")])
def test_the_systems_own_opener_is_the_last_resort(programs, monkeypatch, system, opener):
    monkeypatch.setattr("sys.platform", system)
    own = install(programs, opener)
    assert players.command_for(VIDEO, 62.5) == ([own, str(VIDEO)], False)
    mpc = install(programs, "mpc-hc64")
    assert players.command_for(VIDEO, 62.5) == ([mpc, str(VIDEO), "/start", "62500"], True)


@pytest.mark.parametrize(
    ("wanted", "arguments"),
    [
        ("mine", ["/videos/a holiday.mp4"]),
        ("mine --at {seconds} -- {file}", ["--at", "1.500", "--", "/videos/a holiday.mp4"]),
    ],
)
def test_the_player_can_be_named(programs, monkeypatch, wanted, arguments):
    mine = install(programs, "mine")
    install(programs, "mpv")
    monkeypatch.setenv(players.VARIABLE, wanted)
    assert players.command_for(VIDEO, 1.5) == ([mine, *arguments], "{seconds}" in wanted)


def test_a_named_player_that_is_not_there_is_said(programs, monkeypatch):
    install(programs, "mpv")
    monkeypatch.setenv(players.VARIABLE, "mine")
    with pytest.raises(VidsearchError, match="VIDSEARCH_PLAYER names mine, which was not found"):
        players.command_for(VIDEO, 1.5)


def test_a_player_gets_the_file_and_goes_on_by_itself(programs, tmp_path):
    note = tmp_path / "note"
    install(programs, "mpv", f'echo "$@" > {note}; /bin/sleep 2')
    assert players.play(VIDEO, 12.0) == ("mpv", True)
    for _ in range(50):
        if note.exists() and note.read_text():
            break
        time.sleep(0.05)
    assert note.read_text() == "--start=12.000 --force-window /videos/a holiday.mp4\n"


def test_a_player_that_ends_at_once_is_no_success(programs):
    install(programs, "mpv", "exit 3")
    with pytest.raises(VidsearchError, match="The player mpv ended at once with code 3"):
        players.play(VIDEO, 12.0)


def test_an_address_that_no_player_opens_is_said_with_what_does(programs):
    mpv = install(programs, "mpv")
    with pytest.raises(VidsearchError, match="No player opens s3:// addresses"):
        players.command_for(Address("s3://films/a.mp4"), 1.0)
    command, _ = players.command_for(Address("https://host/a.mp4"), 1.0)
    assert (command[0], command[-1]) == (mpv, "https://host/a.mp4")
