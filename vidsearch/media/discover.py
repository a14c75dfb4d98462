"""Finds the videos among the paths that a user names. Opens no file and knows no decoder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    {
        *(".3g2", ".3gp", ".amv", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264"),
        *(
            ".h265",
            ".hevc",
            ".ivf",
            ".m1v",
            ".m2t",
            ".m2ts",
            ".m2v",
            ".m4v",
            ".mjpeg",
            ".mjpg",
            ".mkv",
            ".mod",
        ),
        *(".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb"),
        *(".tod", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m"),
    }
)
"""What is taken for a video inside a folder. A file that is named itself is always tried."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, in the order of the paths given; a folder's files sorted by path."""

    videos: tuple[Path, ...]
    problems: tuple[tuple[Path, str], ...]
    """Paths that gave nothing, each with the reason."""


def find_videos(paths: Iterable[Path]) -> Discovery:
    """Find the videos at `paths`: every file named, and by suffix those in folders, recursively.

    Hidden files and folders inside a folder are passed over. Links to folders are followed, each real folder
    once, so that a link to its own parent does no harm. A path that is found twice counts once.
    """
    videos: dict[Path, None] = {}
    problems: list[tuple[Path, str]] = []
    for path in paths:
        try:
            if path.is_dir():
                found, unreadable = _walk(path)
                problems.extend(unreadable)
                if not found and not unreadable:
                    problems.append((path, "no videos in this folder"))
                videos.update(dict.fromkeys(found))
            elif path.exists():
                videos[path] = None
            elif path.is_symlink():
                problems.append((path, "the link leads nowhere"))
            else:
                problems.append((path, "no such file or folder"))
        except OSError as error:
            problems.append((path, _reason(error)))
    return Discovery(tuple(videos), tuple(problems))


def _walk(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    found: list[Path] = []
    problems: list[tuple[Path, str]] = []
    seen: set[tuple[int, int]] = set()

    def on_error(error: OSError) -> None:
        problems.append((Path(os.fsdecode(error.filename)), _reason(error)))

    for parent, folders, files in os.walk(folder, onerror=on_error, followlinks=True):
        folders[:] = sorted(_not_seen(Path(parent), folders, seen))
        found.extend(
            Path(parent, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES
        )
    return sorted(found), problems


def _not_seen(parent: Path, names: Iterable[str], seen: set[tuple[int, int]]) -> Iterator[str]:
    """The folders to go into: neither hidden nor met before under another name."""
    status = parent.stat()
    seen.add((status.st_dev, status.st_ino))
    for name in names:
        if name.startswith("."):
            continue
        try:
            status = (parent / name).stat()
        except OSError:
            yield name  # os.walk meets the same error and reports it
            continue
        key = (status.st_dev, status.st_ino)
        if key not in seen:
            seen.add(key)
            yield name


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
