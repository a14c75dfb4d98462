"""A moment in the system's own player: the first one found that can begin at a time."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vidsearch.errors import VidsearchError

VARIABLE = "VIDSEARCH_PLAYER"
"""Names the player: one of `PLAYERS`, or a command with {file} and {seconds} in it."""
PLAYERS: Mapping[str, str] = MappingProxyType(
    {
        "mpv": "mpv --start={seconds} --force-window {file}",
        "iina": "iina --mpv-start={seconds} {file}",
        "celluloid": "celluloid --mpv-start={seconds} {file}",
        "vlc": "vlc --start-time={seconds} {file}",
        "ffplay": "ffplay -loglevel error -autoexit -ss {seconds} {file}",
        "mplayer": "mplayer -ss {seconds} {file}",
    }
)
"""Commands, those that people like best first."""
_ELSEWHERE = {"vlc": ("/Applications/VLC.app/Contents/MacOS/VLC", r"C:\Program Files\VideoLAN\VLC\vlc.exe")}
_STARTS_WITHIN_SECONDS = 0.7
"""A player that ends sooner than this, and not well, has not played anything."""


def play(path: Path, seconds: float) -> str:
    """Start playing a file at a time, and return the player's name; it goes on when this process ends.

    Raises:
        VidsearchError: There is no such player, or it ended at once.
    """
    command = command_for(path, seconds)
    name = Path(command[0]).stem
    try:
        player = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise VidsearchError(f"Cannot start the player {command[0]}: {error.strerror}.") from error
    try:
        code = player.wait(_STARTS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        player.returncode = 0  # it plays, and is nobody's to wait for
        return name
    if code:
        raise VidsearchError(
            f"The player {name} ended at once with code {code}. It may have no screen to play on; run "
            f"`{shlex.join(command)}` to see what it says."
        )
    return name


def command_for(path: Path, seconds: float) -> list[str]:
    """Return the command that plays a file from a time on. Raises VidsearchError where there is no player."""
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted:
        template = PLAYERS.get(wanted, wanted if "{file}" in wanted else f"{wanted} {{file}}")
        program = shlex.split(template)[0]
        if _found(program) is None:
            raise VidsearchError(f"{VARIABLE} names {program}, which is not there. Install it, or unset it.")
    else:
        template = next((line for name, line in PLAYERS.items() if _found(name)), "")
        if not template:
            raise VidsearchError(
                f"No player that can begin at a time was found ({', '.join(PLAYERS)}). Install mpv or VLC, "
                f"or name one: {VARIABLE}='player --start={{seconds}} {{file}}'."
            )
    words = shlex.split(template)
    values = {"file": str(path), "seconds": f"{seconds:.3f}"}
    command = [word.format(**values) if "{" in word else word for word in words]
    return [_found(command[0]) or command[0], *command[1:]]


def _found(program: str) -> str | None:
    """Where a program is, on the path or where its installer puts it."""
    places = (
        shutil.which(program),
        *(place for place in _ELSEWHERE.get(program, ()) if Path(place).is_file()),
    )
    return next((place for place in places if place), None)
