"""The SQLite file of a library: connections, transactions, and conversion of SQLite's errors.

Reading uses a snapshot and never waits. Writing waits for its turn, and is one transaction. Each thread has
its own connection. The SQL is in `*_rows.py`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from vidsearch.errors import LibraryDamaged, LibraryError, LibraryNotFound, LibraryNotWritable, LibraryTooNew
from vidsearch.outputs import CATALOG_FILE
from vidsearch.store import setting_rows
from vidsearch.store.lock import WriteLock
from vidsearch.store.sqlite import check, schema
from vidsearch.store.sqlite.connection import SqliteConnection

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.store.records import Problem

LOCK_FILE = "write.lock"
BUSY_SECONDS = 120.0
"""How long to wait for another program that locks the file, such as a backup or a database browser."""

_WHAT_TO_DO = "Put a copy back if you have one; else move the folder away and index the videos again."
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_FULL_OR_FORBIDDEN = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "it is not permitted",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked",
}


class SqliteCatalog:
    """One library's SQLite file; see `vidsearch.store.catalog.Catalog`.

    Opening migrates an older format, unless `read_only`. Raises LibraryNotFound, LibraryDamaged,
    LibraryTooNew, LibraryNotWritable.
    """

    def __init__(self, folder: Path, *, create: bool = False, read_only: bool = False) -> None:
        try:
            folder.exists()
        except (OSError, ValueError) as error:
            raise LibraryNotFound(f"{folder} cannot be a library's folder: {error}. Name another.") from error
        self.folder = folder
        self.address = str(folder)
        self.path = folder / CATALOG_FILE
        self._threads = threading.local()
        self._is_closed = False
        self._connections: list[tuple[threading.Thread, SqliteConnection]] = []
        self._connections_lock = threading.Lock()
        self.read_only = read_only
        self._write_lock = WriteLock(folder / LOCK_FILE)
        if create and not read_only:
            self._create()
        self._check_folder()
        if not read_only and not os.access(folder, os.W_OK):
            self.read_only = True
        with self.errors():
            version = self._format_version()
            if 0 < version < schema.FORMAT_VERSION and not self.read_only:
                self._migrate()
                version = self._format_version()
        if version != schema.FORMAT_VERSION:
            self.close()
            raise self._wrong_format(version)

    @property
    def keeps_files(self) -> bool:
        return not self.read_only

    @property
    def connection(self) -> SqliteConnection:
        """This thread's connection. Outside a transaction, each statement sees the latest state."""
        connection: SqliteConnection | None = getattr(self._threads, "connection", None)
        if connection is None:
            if self._is_closed:
                raise LibraryError(f"The library {self.folder} is closed. Open it again to use it.")
            connection = self._connect()
            self._threads.connection = connection
            self._keep(connection)
        return connection

    @contextmanager
    def read(self) -> Iterator[SqliteConnection]:
        """See `Catalog.read`."""
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        with self.errors():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _end(connection, "COMMIT")

    @contextmanager
    def write(self) -> Iterator[SqliteConnection]:
        """See `Catalog.write`."""
        if self.read_only:
            raise LibraryNotWritable(f"The library {self.folder} is read-only. Copy it to write into it.")
        connection = self.connection
        with self._write_lock.turn(), self.errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _end(connection, "ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert SQLite's errors to the library's."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a bug in vidsearch, not a fault of the file
        except sqlite3.DatabaseError as error:
            raise self._in_words(error) from error

    def close(self) -> None:
        """Close all threads' connections.

        When the last process closes, SQLite merges the write-ahead log into the file.
        """
        self._is_closed = True
        with self._connections_lock:
            for _, connection in self._connections:
                connection.close()
            self._connections.clear()
        self._threads = threading.local()

    def size_bytes(self) -> int:
        """Return the size of all files below the folder. Files that disappear meanwhile are ignored."""
        total = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118  (half the time of pathlib)
        return total

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """See `Catalog.stamp`."""
        found = []
        for name in (CATALOG_FILE, f"{CATALOG_FILE}-wal"):
            with suppress(OSError):
                stat = (self.folder / name).stat()
                found.append((name, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def settle(self) -> None:
        """Do nothing: SQLite's plans do not depend on statistics here."""

    def check(self, *, repair: bool) -> Iterator[Problem]:
        """See `Catalog.check`."""
        return check.check(self, repair=repair)

    def counters(self, connection: Connection) -> dict[str, int]:
        """See `Catalog.counters`."""
        return dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """See `Catalog.set_counters`."""
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        known = self.counters(connection)
        for (name,) in connection.execute(query).fetchall():
            last = max(known.get(name, 0), counters.get(name, 0))
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last))

    def _keep(self, connection: SqliteConnection) -> None:
        """Keep a connection for `close`, and close the connections of threads that have ended."""
        with self._connections_lock:
            for thread, ended in self._connections:
                if not thread.is_alive():
                    ended.close()
            living = [(thread, kept) for thread, kept in self._connections if thread.is_alive()]
            self._connections = [*living, (threading.current_thread(), connection)]

    def _create(self) -> None:
        if self.path.exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise LibraryNotFound(f"{self.folder} is a file. A library is a folder: name another.") from error
        except OSError as error:
            raise LibraryNotWritable(f"Cannot make {self.folder}: {error.strerror or error}.") from error
        with self._write_lock.turn(), self.errors():
            if self.path.exists():
                return
            for left_by_a_kill in self.folder.glob(f".{CATALOG_FILE}.*"):
                left_by_a_kill.unlink(missing_ok=True)
            # Created under another name, then renamed: no process sees an incomplete catalog.
            beside = self.folder / f".{CATALOG_FILE}.{os.getpid()}"
            connection = sqlite3.connect(beside, isolation_level=None, factory=SqliteConnection)
            try:
                connection.execute(f"PRAGMA page_size = {schema.PAGE_BYTES}")
                connection.execute("PRAGMA synchronous = OFF")  # it is synced before the rename below
                schema.migrate(connection)
                setting_rows.put(connection, setting_rows.LIBRARY_ID, uuid.uuid4().hex)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.close()
                with beside.open("rb+") as file:
                    os.fsync(file.fileno())
                beside.replace(self.path)
            finally:
                connection.close()
                beside.unlink(missing_ok=True)

    def _check_folder(self) -> None:
        if self.folder.is_file():
            raise LibraryNotFound(f"{self.folder} is a file. A library is a folder: name another.")
        if not self.path.is_file():
            raise LibraryNotFound(
                f"There is no library in {self.folder}. Make one: vidsearch index VIDEO_OR_FOLDER "
                f"--library {self.folder}"
            )

    def _connect(self) -> SqliteConnection:
        if not self.read_only:
            return self._connect_with("rw")
        try:
            connection = self._connect_with("ro")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # SQLite cannot create shared memory in this folder, so no other process writes to it.
            return self._connect_with("ro&immutable=1")
        return connection

    def _connect_with(self, mode: str) -> SqliteConnection:
        uri = f"file:{quote(os.fsencode(self.path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(
            uri,
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
            factory=SqliteConnection,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: consistent after a crash of the process
        return connection

    def _format_version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    def _migrate(self) -> None:
        with self._write_lock.turn():
            if self._format_version() < schema.FORMAT_VERSION:
                schema.migrate(self.connection)

    def _wrong_format(self, version: int) -> LibraryError:
        if version == 0:  # also an empty file, which no library has
            return LibraryDamaged(f"{self.path} is not a catalog of vidsearch. {_WHAT_TO_DO}")
        if version > schema.FORMAT_VERSION:
            return LibraryTooNew(
                f"The library {self.folder} has format {version}; this program knows formats up to "
                f"{schema.FORMAT_VERSION}. Update vidsearch: pip install --upgrade vidsearch"
            )
        return LibraryNotWritable(
            f"The library {self.folder} has the older format {version} and is read-only, so it cannot be "
            f"brought to format {schema.FORMAT_VERSION}. Copy it to a folder that can be written."
        )

    def _in_words(self, error: sqlite3.DatabaseError) -> LibraryError:
        primary_code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if primary_code in _FULL_OR_FORBIDDEN:
            return LibraryNotWritable(
                f"The library {self.folder} cannot be used: {_FULL_OR_FORBIDDEN[primary_code]} ({error}). "
                "What was in it before is safe."
            )
        if primary_code in _DAMAGED:
            return LibraryDamaged(
                f"{self.path} is not a sound catalog ({error}). `vidsearch verify --repair` may mend it. "
                f"{_WHAT_TO_DO}"
            )
        return LibraryError(
            f"The catalog {self.path} could not answer ({error}). It was not changed. If this happens again, "
            "`vidsearch verify` says whether the library is sound."
        )


def _end(connection: SqliteConnection, statement: str) -> None:
    # After an error such as a full disk, SQLite may have rolled back already.
    if connection.in_transaction:
        connection.execute(statement)
