"""Where a command may write, and how: one rule for every file that leaves the program.

- A source video of the library, another input of the command, and whatever lies inside a library's folder are
  never written to, by whatever name or link they are reached.
- Any other file that exists is replaced only with `overwrite`.
- A file is written beside its place, flushed to disk and then renamed: it appears whole, or not at all.
- A pipe or a character device is written to as it stands: there is nothing to replace.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from vidsearch.errors import ExportError

if TYPE_CHECKING:
    from vidsearch.types import Video

CATALOG_FILE = "catalog.sqlite3"
"""The file that makes a folder a library."""

STDOUT_NAMES = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""`s3://bucket/a.srt`, which a path has as `s3:/bucket/a.srt`. A single letter is a drive of Windows."""
_MAX_STEM_CHARACTERS, _MAX_SUFFIX_CHARACTERS = 30, 20


class LibraryFiles(Protocol):
    """What the rule asks of a library."""

    @property
    def path(self) -> Path: ...

    def videos(self) -> Sequence[Video]: ...


@dataclass(frozen=True, slots=True)
class OutputRule:
    """What one command may write to."""

    overwrite: bool = False
    """Whether files that exist may be replaced."""
    inputs: tuple[Path, ...] = ()
    """Files that are never written to. They need not exist."""

    @classmethod
    def for_library(
        cls, library: LibraryFiles, *, overwrite: bool = False, inputs: Sequence[Path] = ()
    ) -> OutputRule:
        """Return the rule for a command that reads a library, and perhaps other `inputs`."""
        sources = [path for video in library.videos() for path in video.paths]
        kept = [path for path in library.path.glob("*") if path.is_file()]
        return cls(overwrite, (*inputs, *sources, *kept))

    def check(self, path: Path) -> None:
        """Raise ExportError unless `path` may be written. Commands call it before work that takes long."""
        if path.parts[:1] == ("-",):
            raise ExportError("- stands for stdout, which this cannot be written to. Name a file.")
        if _ADDRESS.match(str(path)) and not os.path.lexists(path.parts[0]):
            raise ExportError(f"{path} is an address, and files are written on this machine. Name a file.")
        try:
            found = _stat(path)
            real = Path(os.path.realpath(path))
        except OSError as error:
            raise _not_written(path, error) from error
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise ExportError(f"{path} is a folder. Name a file to write.")
        for folder in (real, *real.parents):
            if os.path.isfile(folder / CATALOG_FILE):  # noqa: PTH113 (false where it may not be looked at)
                raise ExportError(f"{path} is inside the library {folder}. Choose another place.")
        for source in self.inputs:
            if _is_same_file(source, path, found, real):
                raise ExportError(f"{path} is {source}, which is read and never written. Name another file.")
        if found is not None and _is_stream(found):
            return
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise ExportError(f"{path} is not a file that can be written. Name another one.")
        if _is_device_folder(Path(os.path.realpath(path.parent))):
            raise ExportError(f"{path.parent} is no place for files. Choose another one.")
        if not self.overwrite and os.path.lexists(path):
            raise _exists(path)

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file for writing bytes; it appears under `path` once the block ends without an error.

        Missing parent folders are made. A symlink at `path` is itself replaced, and not what it points to.
        Raises ExportError.
        """
        self.check(path)
        found = _stat(path)
        try:
            if found is not None and _is_stream(found):
                with os.fdopen(os.open(path, os.O_WRONLY), "wb") as out:
                    yield out
                return
            with self.beside(path) as draft, draft.open("wb") as out:
                yield out
        except OSError as error:
            if error.filename not in (None, str(path)):
                raise
            raise _not_written(path, error) from error

    @contextmanager
    def beside(self, path: Path) -> Iterator[Path]:
        """Yield a path in `path`'s folder, with its suffix, to write to; it is renamed once the block ends.

        For writers that need a path of their own and not an open file. Raises ExportError.
        """
        self.check(path)
        if path.exists() and not path.is_file():
            raise ExportError(f"{path} is a pipe or a device, and this needs a file. Name one.")
        suffix = path.suffix[:_MAX_SUFFIX_CHARACTERS]
        draft = path.parent / f".{path.stem[:_MAX_STEM_CHARACTERS]}.{secrets.token_hex(4)}.part{suffix}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.open("xb").close()
                yield draft
                with draft.open("rb+") as whole:
                    os.fsync(whole.fileno())
                self._put(draft, path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            if error.filename not in (None, str(draft), str(path), str(path.parent)):
                raise
            raise _not_written(path, error) from error

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file. Raises ExportError."""
        with self.open(path) as out:
            out.write(data)

    def _put(self, draft: Path, path: Path) -> None:
        """Give a file that is whole its name. A file that has appeared there meanwhile is not replaced."""
        if self.overwrite:
            draft.replace(path)
            return
        try:
            path.hardlink_to(draft)
        except FileExistsError as error:
            raise _exists(path) from error
        except OSError:  # a file system without hard links: FAT, some network drives
            if os.path.lexists(path):
                raise _exists(path) from None
            draft.replace(path)


DEFAULT_RULE = OutputRule()
"""Replaces nothing."""


def is_stdout(path: Path) -> bool:
    """Whether a path stands for standard output: -, /dev/stdout and its other names."""
    return os.path.normpath(path) in STDOUT_NAMES


def _stat(path: Path) -> os.stat_result | None:
    """Return what a path leads to, links followed; None where there is nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None  # making the parent folder says so, with its name


def _is_same_file(source: Path, path: Path, found: os.stat_result | None, real: Path) -> bool:
    """Whether writing to `path` would write to `source`, by inode where both exist and by name otherwise."""
    if found is not None:
        try:
            return os.path.samestat(source.stat(), found)
        except OSError:
            return False
    # Resolving is slow over many thousand sources, so only where the last part fits.
    return source.name.casefold() == real.name.casefold() and Path(os.path.realpath(source)) == real


def _is_stream(found: os.stat_result) -> bool:
    return stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode)


def _is_device_folder(folder: Path) -> bool:
    """Whether a folder's entries are no files: renaming over /dev/stderr would take it from everybody."""
    return folder == Path("/dev") or folder.parts[:2] == ("/", "proc")


def _exists(path: Path) -> ExportError:
    return ExportError(f"{path} exists. Name another file, or replace it with --overwrite.")


def _not_written(path: Path, error: OSError) -> ExportError:
    return ExportError(
        f"Could not write {path}: {error.strerror or error}. Choose another place, or make room there."
    )
