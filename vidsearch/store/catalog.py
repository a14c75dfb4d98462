"""Where a library keeps its rows: a database with transactions, on this machine or on a server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from vidsearch.store.connection import Connection
from vidsearch.store.postgres.address import server_url
from vidsearch.store.records import Problem


class Catalog(Protocol):
    """The database of one library. Safe to use from several threads."""

    @property
    def address(self) -> str:
        """What names the library to people: its folder, or its server without a password."""
        ...

    @property
    def folder(self) -> Path:
        """Where files beside the rows are, on this machine."""
        ...

    @property
    def read_only(self) -> bool: ...

    @property
    def keeps_files(self) -> bool:
        """Whether files may be written in `folder`."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """All that is read inside is of one moment. Never waits for a writer. Nests, in `write` too."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction: all of what is written inside is kept, or nothing. Writers take turns.

        Raises LibraryNotWritable.
        """
        ...

    def close(self) -> None:
        """Close every connection; the catalog stays closed."""
        ...

    def size_bytes(self) -> int:
        """The bytes of all that the library keeps."""
        ...

    def stamp(self) -> object:
        """A value that is another one after each write of any process."""
        ...

    def counters(self, connection: Connection) -> dict[str, int]:
        """The last number that each table which counts has given a row, of those gone too."""
        ...

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Go on counting after these numbers, and after all that are there."""
        ...

    def settle(self) -> None:
        """Let the database see what it holds, after much was written."""
        ...

    def check(self, *, repair: bool) -> Iterator[Problem]:
        """What is wrong with the database itself, and with `repair`, what was done about it."""
        ...


def open_catalog(path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Catalog:
    """Open the catalog in a folder, or on a server, as `postgresql://host/database`.

    Raises LibraryNotFound, LibraryDamaged, LibraryTooNew, LibraryNotWritable.
    """
    url = server_url(path)
    if url is not None:
        from vidsearch.store.postgres.catalog import PostgresCatalog

        return PostgresCatalog(url, create=create, read_only=read_only)
    from vidsearch.store.sqlite.catalog import SqliteCatalog

    return SqliteCatalog(Path(path), create=create, read_only=read_only)
