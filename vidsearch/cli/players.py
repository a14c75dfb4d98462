"""A moment in the system's own player: the first one found that can begin at a time."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vidsearch.errors import VidsearchError
from vidsearch.paths import Address

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
        "mpc-hc64": "mpc-hc64 {file} /start {milliseconds}",
    }
)
"""Commands, those that people like best first."""
_OPENERS = {"darwin": "open", "win32": "explorer"}
"""What opens a file in the program that is set for such files, from its start; elsewhere xdg-open."""
_ELSEWHERE = {
    "mpv": ("/Applications/mpv.app/Contents/MacOS/mpv",),
    "iina": ("/Applications/IINA.app/Contents/MacOS/iina-cli",),
    "vlc": ("/Applications/VLC.app/Contents/MacOS/VLC", r"C:\Program Files\VideoLAN\VLC\vlc.exe"),
    "mpc-hc64": (r"C:\Program Files\MPC-HC\mpc-hc64.exe",),
}
_PLAYED_SCHEMES = frozenset({"http", "https", "ftp", "sftp", "smb"})
"""Of addresses that players open by themselves."""
_STARTS_WITHIN_SECONDS = 0.7
"""A player that ends sooner than this, and not well, has not played anything."""


def play(path: Path, seconds: float) -> tuple[str, bool]:
    """Start playing a file at a time, in a process that goes on when this one ends.

    Returns:
        The player's name, and whether it begins at the time: the system's own opener begins at the start.

    Raises:
        VidsearchError: There is no such player, or it ended at once.
    """
    command, begins_there = command_for(path, seconds)
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
        return name, begins_there
    if code and name != "explorer":  # which says 1 when all is well
        raise VidsearchError(
            f"The player {name} ended at once with code {code}. It may have no screen to play on; run "
            f"`{shlex.join(command)}` to see what it says."
        )
    return name, begins_there


def command_for(path: Path, seconds: float) -> tuple[list[str], bool]:
    """Return the command that plays a file, and whether it does so from the time on.

    Raises VidsearchError where there is no player.
    """
    if isinstance(path, Address) and path.scheme not in _PLAYED_SCHEMES:
        raise VidsearchError(
            f"No player opens {path.scheme}:// addresses. See the moment on the page (vidsearch ui), or cut "
            "it out (vidsearch clip)."
        )
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted:
        template = PLAYERS.get(wanted, wanted if "{file}" in wanted else f"{wanted} {{file}}")
        program = shlex.split(template)[0]
        if _found(program) is None:
            raise VidsearchError(
                f"{VARIABLE} names {program}, which was not found. Install it, or unset {VARIABLE}."
            )
    else:
        template = next((line for name, line in PLAYERS.items() if _found(name)), "")
        opener = _found(_OPENERS.get(sys.platform, "xdg-open"))
        if not template and opener is not None:
            return [opener, str(path)], False
        if not template:
            raise VidsearchError(
                f"No player that can start at a time was found ({', '.join(PLAYERS)}). Install mpv or VLC, "
                f"or name one: {VARIABLE}='player --start={{seconds}} {{file}}'."
            )
    words = shlex.split(template)
    values = {"file": str(path), "seconds": f"{seconds:.3f}", "milliseconds": str(round(seconds * 1000))}
    command = [word.format(**values) if "{" in word else word for word in words]
    begins_there = "{seconds}" in template or "{milliseconds}" in template
    return [_found(command[0]) or command[0], *command[1:]], begins_there


def _found(program: str) -> str | None:
    """Where a program is, on the path or where its installer puts it."""
    places = (
        shutil.which(program),
        *(place for place in _ELSEWHERE.get(program, ()) if Path(place).is_file()),
    )
    return next((place for place in places if place), None)
