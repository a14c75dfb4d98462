"""Finds the videos among the paths that a user names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import MediaError, QueryError
from vidsearch.media.source import source_of
from vidsearch.paths import Address

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

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
"""Suffixes taken for videos inside a folder. A file named by the user is always tried."""

_AMBIGUOUS_SUFFIXES = frozenset({".ts", ".mod"})
"""Also the suffixes of TypeScript and tracker music."""
_TRANSPORT_STREAM_SYNC = b"G"
_TRANSPORT_PACKET_BYTES = (188, 192, 204)
_PROGRAM_STREAM_START = b"\x00\x00\x01\xba"
_SNIFFED_BYTES = 1024

_SYSTEM_FOLDERS = frozenset(
    {
        *("#recycle", "@recycle", "$recycle.bin", "recycler", "recycled", "lost+found"),
        *("@eadir", "#snapshot", "@recently-snapshot", "@tmp", "system volume information"),
    }
)
"""Trash, previews and snapshots of operating systems and network drives, in lower case."""
_NO_MEDIA = ".nomedia"
"""Android's marker for folders whose media should not be listed."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The videos found, in the order of the paths given; a folder's files are sorted by path."""

    videos: tuple[Path, ...]
    problems: tuple[tuple[Path, str], ...]
    """Paths without videos, each with the reason."""
    sizes_bytes: Mapping[Path, int] = field(default_factory=dict)
    """Sizes of remote files, from their folders' listings."""


def find_videos(paths: Iterable[Path], *, exclude: Sequence[str] = ()) -> Discovery:
    """Find the videos at `paths`: every file named, and by suffix those in folders, recursively.

    Inside a folder, these are skipped: names that start with a dot; trash, preview and snapshot folders
    of systems and network drives; folders that hold a `.nomedia`; and non-video files
    with an ambiguous suffix (.ts, .mod). Links to folders are followed, each real folder once, so that link
    cycles are harmless. A path found twice counts once.

    An address may be a folder where its server has folders; an HTTP address is always a file.

    Args:
        paths: Files and folders. A named file is taken whatever its suffix.
        exclude: Patterns as in a .gitignore: "drafts/", "*.mkv", "!a.mkv".

    Raises:
        QueryError: A pattern is invalid.
    """
    excluded = _patterns(exclude)
    videos: dict[Path, None] = {}
    problems: list[tuple[Path, str]] = []
    sizes_bytes: dict[Path, int] = {}
    for path in paths:
        try:
            if isinstance(path, Address):
                listed = _list(path, excluded)
                if not listed:
                    problems.append((path, "no videos in this folder"))
                sizes_bytes.update(listed)
                videos.update(dict.fromkeys(listed))
            elif path.is_dir():
                found, unreadable = _walk(path, excluded)
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
        except MediaError as error:
            problems.append((path, error.reason))
    return Discovery(tuple(videos), tuple(problems), sizes_bytes)


def is_found_in(folder: Path, path: Path, *, exclude: Sequence[str] = ()) -> bool:
    """Whether `find_videos([folder])` finds the file at `path`, which lies inside the folder.

    Raises QueryError where a pattern of `exclude` is invalid.
    """
    inside = path.relative_to(folder)
    parents = [folder / parent for parent in inside.parents][:-1]
    return (
        not any(_is_passed_over(parent.name) or (parent / _NO_MEDIA).exists() for parent in parents)
        and not _patterns(exclude).match_file(inside.as_posix())
        and _is_video_name(path.name)
        and _may_be_video(path)
    )


def _patterns(exclude: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(exclude)
    except (ValueError, re.error) as error:  # of a range such as [z-a]
        raise QueryError(f"{list(exclude)} are no patterns as in a .gitignore: {error}") from error


def _walk(folder: Path, excluded: GitIgnoreSpec) -> tuple[list[Path], list[tuple[Path, str]]]:
    found: list[Path] = []
    problems: list[tuple[Path, str]] = []
    seen: set[tuple[int, int]] = set()

    def on_error(error: OSError) -> None:
        problems.append((Path(os.fsdecode(error.filename)), _reason(error)))

    for name, folders, files in os.walk(folder, onerror=on_error, followlinks=True):
        parent = Path(name)
        if _NO_MEDIA in files and parent != folder:
            folders.clear()
            continue
        inside = parent.relative_to(folder)
        names = [one for one in folders if not excluded.match_file(f"{(inside / one).as_posix()}/")]
        folders[:] = sorted(_not_seen(parent, names, seen))
        found.extend(
            parent / file
            for file in files
            if _is_video_name(file)
            and not excluded.match_file((inside / file).as_posix())
            and _may_be_video(parent / file)
        )
    return sorted(found), problems


def _list(address: Address, excluded: GitIgnoreSpec) -> dict[Path, int]:
    """The videos at an address, with their sizes: itself, or by suffix those below it. Raises MediaError."""
    from vidsearch.media.remote import RemoteFile

    files = RemoteFile(address).files_below()
    if files is None:
        return {address: 0}
    root = str(address).rstrip("/") + "/"
    inside = {file: str(file).removeprefix(root) for file, _ in files}
    unseen = {name.rpartition("/")[0] for name in inside.values() if name.endswith("/" + _NO_MEDIA)}
    return {
        file: size_bytes
        for file, size_bytes in files
        if _is_video_name(file.name)
        and not any(_is_passed_over(part) for part in inside[file].split("/")[:-1])
        and not excluded.match_file(inside[file])
        and not any(inside[file].startswith(folder + "/") for folder in unseen)
        and _may_be_video(file)
    }


def _is_video_name(name: str) -> bool:
    return not _is_passed_over(name) and Path(name).suffix.lower() in VIDEO_SUFFIXES


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _SYSTEM_FOLDERS


def _may_be_video(path: Path) -> bool:
    """False for an ambiguous suffix if the file does not begin like a transport or program stream."""
    if path.suffix.lower() not in _AMBIGUOUS_SUFFIXES:
        return True
    try:
        with source_of(path).open() as file:
            head = file.read(_SNIFFED_BYTES)
    except (OSError, MediaError):
        return True  # opening it will say why it cannot be read
    if head.startswith(_PROGRAM_STREAM_START):
        return True
    return any(
        head[start : start + 4 * length : length] == _TRANSPORT_STREAM_SYNC * 4
        for length in _TRANSPORT_PACKET_BYTES
        for start in range(length)
    )


def _not_seen(parent: Path, names: Iterable[str], seen: set[tuple[int, int]]) -> Iterator[str]:
    """The folders to descend into: neither skipped nor already visited under another name."""
    status = parent.stat()
    seen.add((status.st_dev, status.st_ino))
    for name in names:
        if _is_passed_over(name):
            continue
        try:
            status = (parent / name).stat()
        except OSError:
            yield name  # os.walk runs into the same error and reports it
            continue
        key = (status.st_dev, status.st_ino)
        if key not in seen:
            seen.add(key)
            yield name


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
