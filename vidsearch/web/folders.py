"""Folders of this machine, for someone who chooses one with a mouse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidsearch.media.discover import VIDEO_SUFFIXES

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds, as far as one who looks for videos wants to know."""

    path: Path
    folders: tuple[Path, ...]
    """By name, without hidden ones; at most MAX_LISTED."""
    num_videos: int
    """Files directly in it that have a video's suffix."""


def look_into(path: Path) -> Folder:
    """List a folder. One that cannot be read looks empty."""
    folders: list[Path] = []
    num_videos = 0
    try:
        for entry in path.iterdir():
            if entry.name.startswith("."):
                continue
            if entry.suffix.lower() in VIDEO_SUFFIXES:
                num_videos += 1
            elif len(folders) < MAX_LISTED and entry.is_dir():
                folders.append(entry)
    except OSError:
        pass
    return Folder(path, tuple(sorted(folders, key=lambda one: one.name.casefold())), num_videos)


def first_folder() -> Path:
    """Where looking begins: the user's folder of videos, else the user's own."""
    home = Path.home()
    return next((one for name in ("Videos", "Movies") if (one := home / name).is_dir()), home)
