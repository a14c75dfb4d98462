"""A catalog on a PostgreSQL server: connections, transactions, and conversion of the server's errors.

Each read is a snapshot. Writers on all machines take turns by an advisory lock, which ends with their
transaction, so that the lock of a writer that dies is released. Vector files are built from the rows on each
machine that searches.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from vidsearch.errors import LibraryError, LibraryNotFound, LibraryNotWritable, LibraryTooNew
from vidsearch.store import setting_rows
from vidsearch.store.lock import WRITE_TIMEOUT_SECONDS
from vidsearch.store.postgres.address import server_address

try:
    import psycopg
    from psycopg_pool import ConnectionPool, PoolTimeout
except ImportError as error:  # also of a psycopg without the library that it is made on
    message = 'A library on a PostgreSQL server needs psycopg: pip install "vidsearch[postgres]"'
    raise LibraryError(message) from error

from vidsearch.store.postgres import schema as server_schema
from vidsearch.store.postgres.connection import PostgresConnection
from vidsearch.store.sqlite.schema import FORMAT_VERSION
from vidsearch.store.tables import tables

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.store.records import Problem

CONNECT_SECONDS = 10
IDLE_SECONDS = 60
"""A writer whose machine disappears holds the lock for at most this long."""
_CONNECTING: dict[str, Any] = {"autocommit": True, "connect_timeout": CONNECT_SECONDS}
_MAX_CONNECTIONS = 16
_CHANGED_ROWS, _CHANGED_SHARE = 50, 0.1
"""After this many changes the planner's statistics are updated, as autovacuum does."""
_LOCK_CLASS = 0x76737263
"""The class of vidsearch's advisory locks."""
_CUT_OFF = (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout, PoolTimeout)
_FORBIDDEN = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.DiskFull,
)

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # it logs errors that are raised here


class PostgresCatalog:
    """One library in one schema of a database; see `vidsearch.store.catalog.Catalog`."""

    def __init__(self, url: str, *, create: bool = False, read_only: bool = False) -> None:
        try:
            self._at = server_address(url)
        except ValueError as error:
            raise LibraryNotFound(f"This is not an address of a library: {error}.") from error
        self.address = self._at.shown
        self.read_only = read_only
        self.keeps_files = True
        self._threads = threading.local()
        self._has_written = False
        with self.errors(), psycopg.connect(self._at.conninfo, **_CONNECTING) as raw:
            if create and not read_only:
                self._create(raw)
            library_id = self._checked(raw)
        self.folder = Path(platformdirs.user_cache_path("vidsearch")) / "libraries" / library_id
        with suppress(OSError):  # searches then read the vectors from the server
            self.folder.mkdir(parents=True, exist_ok=True)
        self._pool = self._open_pool(self._at.conninfo)
        replica = self._at.replica_conninfo
        self._replica = None if replica is None else self._open_pool(replica)

    @contextmanager
    def read(self) -> Iterator[PostgresConnection]:
        """See `Catalog.read`. Uses the replica, if there is one, until this process writes."""
        current: PostgresConnection | None = getattr(self._threads, "current", None)
        if current is not None:
            yield current
            return
        with self.errors(), self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[PostgresConnection]:
        """See `Catalog.write`."""
        if self.read_only:
            raise LibraryNotWritable(f"The library {self.address} was opened to be read only.")
        self._has_written = True
        lock = f"pg_advisory_xact_lock({_LOCK_CLASS}, '{self._at.schema}'::regnamespace::oid::int)"
        with self.errors(), self._begun(f"BEGIN; SELECT {lock}, nextval('writes')") as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert the server's errors to the library's."""
        try:
            yield
        except (psycopg.IntegrityError, psycopg.DataError):
            raise  # a bug in vidsearch, not a fault of the server
        except _FORBIDDEN as error:
            raise LibraryNotWritable(
                f"The library {self.address} cannot be written: {_first_line(error)}."
            ) from error
        except psycopg.errors.LockNotAvailable as error:
            raise LibraryNotWritable(
                f"Another process has been writing into {self.address} for {WRITE_TIMEOUT_SECONDS:.0f} "
                "seconds. Stop it (or wait for it), then try again."
            ) from error
        except _CUT_OFF as error:
            raise LibraryError(
                f"The library {self.address} cannot be reached: {_first_line(error)}. "
                "What was committed is safe."
            ) from error
        except psycopg.ProgrammingError:
            raise
        except psycopg.Error as error:
            raise LibraryError(
                f"The library {self.address} could not answer: {_first_line(error)}."
            ) from error

    def close(self) -> None:
        """See `Catalog.close`."""
        self._pool.close()
        if self._replica is not None:
            self._replica.close()

    def size_bytes(self) -> int:
        """Return the size of the library's tables on the server."""
        with self.read() as connection:
            query = """
                SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
                WHERE relnamespace = ?::regnamespace AND relkind = 'r'
            """
            return int(connection.execute(query, (self._at.schema,)).fetchone()[0])

    def stamp(self) -> int:
        """See `Catalog.stamp`."""
        with self.read() as connection:
            return int(connection.execute("SELECT last_value FROM writes").fetchone()[0])

    def settle(self) -> None:
        """Update the planner's statistics if the library's size has changed much.

        Autovacuum may do so only a minute later.
        """
        if self.read_only:
            return
        with self.read() as connection:
            (num_then,) = connection.execute(
                "SELECT reltuples FROM pg_class WHERE oid = 'segments'::regclass"
            ).fetchone()
            (num_now,) = connection.execute("SELECT coalesce(sum(num_segments), 0) FROM tracks").fetchone()
        if abs(num_now - max(num_then, 0)) > _CHANGED_ROWS + _CHANGED_SHARE * max(num_then, 0):
            with self.write() as connection:
                connection.execute(
                    "ANALYZE segments_fts, segments_words, segments, tracks, vectors, thumbnails"
                )

    def check(self, *, repair: bool) -> Iterator[Problem]:
        """See `Catalog.check`."""
        from vidsearch.store.postgres.check import check

        return check(self, repair=repair)

    def counters(self, connection: Connection) -> dict[str, int]:
        """See `Catalog.counters`."""
        query = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(?, ?)::regclass), 0)"
        return {
            table.name: int(connection.execute(query, (table.name, table.key[0])).fetchone()[0])
            for table in tables()
            if table.counts_up
        }

    def set_counters(self, connection: Connection, counters: Mapping[str, int]) -> None:
        """See `Catalog.set_counters`."""
        for table in tables():
            if table.counts_up:
                key = table.key[0]
                connection.execute(
                    f"""
                    SELECT setval(pg_get_serial_sequence(?, ?), greatest(
                        1, ?::bigint, (SELECT max({key}) FROM {table.name})
                    ))
                    """,
                    (table.name, key, counters.get(table.name, 0)),
                )

    @contextmanager
    def _begun(self, statement: str) -> Iterator[PostgresConnection]:
        """Begin a transaction on a connection of the pool, which this thread keeps until it ends."""
        raw = self._taken(statement)
        try:
            connection = PostgresConnection(raw)
            self._threads.current = connection
            try:
                yield connection
                raw.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):
                    raw.execute("ROLLBACK")
                raise
            finally:
                self._threads.current = None
        finally:
            self._pool_of(raw).putconn(raw)

    def _taken(self, statement: str) -> psycopg.Connection[Any]:
        """Take a connection that the server has not closed, and execute its first statement."""
        pools = [self._pool]
        if self._replica is not None and not self._has_written:
            pools.insert(0, self._replica)
        for pool in pools:
            for attempts_left in reversed(range(_MAX_CONNECTIONS + 1)):
                try:
                    raw = pool.getconn()
                except PoolTimeout:
                    if pool is self._pool:
                        raise
                    break  # the replica is gone: use the server itself
                try:
                    raw.execute(statement)
                except psycopg.OperationalError:
                    is_closed = raw.closed
                    pool.putconn(raw)
                    if not is_closed or not attempts_left:
                        raise
                except BaseException:
                    pool.putconn(raw)
                    raise
                else:
                    return raw
        raise AssertionError("unreachable")

    def _pool_of(self, raw: psycopg.Connection[Any]) -> ConnectionPool:
        return self._replica if self._replica is not None and raw._pool is self._replica else self._pool

    def _open_pool(self, conninfo: str) -> ConnectionPool:
        return ConnectionPool(
            conninfo,
            min_size=0,
            max_size=_MAX_CONNECTIONS,
            open=True,
            num_workers=1,
            timeout=CONNECT_SECONDS,
            configure=self._configure,
            kwargs={**_CONNECTING, "cursor_factory": psycopg.RawCursor},
        )

    def _configure(self, raw: psycopg.Connection[Any]) -> None:
        raw.execute(
            f"SET search_path TO {self._at.schema}, pg_catalog; "
            f"SET idle_in_transaction_session_timeout TO '{IDLE_SECONDS}s'; "
            f"SET lock_timeout TO '{WRITE_TIMEOUT_SECONDS:.0f}s'; "
            # Plans for the actual words, and no JIT, which would take longer than the queries do:
            # benchmarks/postgres.py.
            "SET plan_cache_mode TO force_custom_plan; SET jit TO off"
        )
        raw.adapters.register_loader("numeric", _WholeNumber)

    def _create(self, raw: psycopg.Connection[Any]) -> None:
        """Create the library if there is none, in one transaction."""
        if self._has_library(raw):
            return
        with raw.transaction():
            raw.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCK_CLASS,))
            if self._has_library(raw):
                return
            raw.execute(f"CREATE SCHEMA IF NOT EXISTS {self._at.schema}".encode())
            raw.execute(server_schema.create(self._at.schema).encode())
            raw.execute(
                "INSERT INTO settings (key, value) VALUES (%s, %s)",
                (setting_rows.LIBRARY_ID, uuid.uuid4().hex),
            )

    def _checked(self, raw: psycopg.Connection[Any]) -> str:
        """The library's id. Raises LibraryNotFound, LibraryTooNew."""
        if not self._has_library(raw):
            raise LibraryNotFound(
                f"There is no library at {self.address}. Make one: vidsearch index VIDEO_OR_FOLDER "
                f"--library {self.address}"
            )
        query = f"SELECT key, value FROM {self._at.schema}.settings"
        settings = dict(raw.execute(query.encode()).fetchall())
        version = int(settings[setting_rows.FORMAT_VERSION])
        if version < FORMAT_VERSION:
            raise LibraryNotWritable(
                f"The library {self.address} has the older format {version}, and this program format "
                f"{FORMAT_VERSION}. With the program that made it, copy it to a folder; with this one, copy "
                "that to another schema."
            )
        if version > FORMAT_VERSION:
            raise LibraryTooNew(
                f"The library {self.address} has format {version}; this program knows format "
                f"{FORMAT_VERSION}. Update vidsearch: pip install --upgrade vidsearch"
            )
        return str(settings[setting_rows.LIBRARY_ID])

    def _has_library(self, raw: psycopg.Connection[Any]) -> bool:
        row = raw.execute("SELECT to_regclass(%s)", (f"{self._at.schema}.settings",)).fetchone()
        return row is not None and row[0] is not None


class _WholeNumber(psycopg.adapt.Loader):
    """Loads sums of integers as integers, as other databases return them."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
