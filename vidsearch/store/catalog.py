"""The database of a library: SQLite in its folder, or PostgreSQL on a server."""

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
    """The database of one library. Thread-safe."""

    @property
    def address(self) -> str:
        """The library's folder, or its server's address without the password: for messages."""
        ...

    @property
    def folder(self) -> Path:
        """The folder on this machine for files beside the database, such as vector files."""
        ...

    @property
    def read_only(self) -> bool: ...

    @property
    def keeps_files(self) -> bool:
        """Whether files may be written in `folder`."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Open one snapshot for reading. Never waits for a writer. May be nested, also inside `write`."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Open a transaction, which is committed on leaving and rolled back on an error. Writers take turns.

        Raises:
            LibraryNotWritable: The library is read-only, or the disk is full.
        """
        ...

    def close(self) -> None:
        """Close all connections. A closed catalog cannot be opened again."""
        ...

    def size_bytes(self) -> int:
        """Return the size of everything that the library stores."""
        ...

    def stamp(self) -> object:
        """Return a value that changes with each write by any process."""
        ...

    def counters(self, connection: Connection) -> dict[str, int]:
        """Return the last id that each table has assigned, whether or not its row still exists."""
        ...

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """Assign ids above these, and above all existing ones, from now on."""
        ...

    def settle(self) -> None:
        """Update the statistics that the query planner uses, after large writes."""
        ...

    def check(self, *, repair: bool) -> Iterator[Problem]:
        """Check the database itself, and yield its problems; with `repair`, with what was done about each."""
        ...


def open_catalog(path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Catalog:
    """Open the catalog in a folder, or on a server.

    Args:
        path: The folder, or `postgresql://host/database`.
        create: Whether to create the library if there is none.
        read_only: Never write.

    Raises:
        LibraryNotFound, LibraryDamaged, LibraryTooNew, LibraryNotWritable: See `Store.open`.
    """
    url = server_url(path)
    if url is not None:
        from vidsearch.store.postgres.catalog import PostgresCatalog

        return PostgresCatalog(url, create=create, read_only=read_only)
    from vidsearch.store.sqlite.catalog import SqliteCatalog

    return SqliteCatalog(Path(path), create=create, read_only=read_only)
