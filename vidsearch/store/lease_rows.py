"""SQL for leases: who works on which content, until when, and how many workers died at it.

All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vidsearch.errors import LeaseLost
from vidsearch.store.connection import CLOCK, Connection
from vidsearch.store.records import Lease


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """The lease on a content, or the deaths of workers at it."""

    epoch: int
    holder: str | None
    """None if nobody works on it."""
    has_expired: bool
    is_read_by_holder: bool
    deaths: int


def clock(connection: Connection) -> float:
    """Unix seconds, by the database's clock, which all workers share."""
    (now,) = connection.execute(f"SELECT {CLOCK}").fetchone()
    return float(now)


def lease_row(connection: Connection, content_hash: str) -> LeaseRow | None:
    """The lease on a content, or None."""
    row = connection.execute(
        """
        SELECT epoch, holder, expires_unix_seconds, deaths, is_read_by_holder FROM leases
        WHERE content_hash = ?
        """,
        (content_hash,),
    ).fetchone()
    if row is None:
        return None
    epoch, holder, expires, deaths, is_read_by_holder = row
    return LeaseRow(epoch, holder, expires <= clock(connection), bool(is_read_by_holder), deaths)


def put_lease(
    connection: Connection,
    content_hash: str,
    *,
    holder: str,
    seconds: float,
    deaths: int,
) -> Lease:
    """Give the lease on a content to a holder, under a new epoch. An earlier holder loses it."""
    connection.execute("DELETE FROM leases WHERE content_hash = ?", (content_hash,))
    (epoch,) = connection.execute(
        """
        INSERT INTO leases (content_hash, holder, expires_unix_seconds, is_read_by_holder, deaths)
        VALUES (?, ?, ?, ?, ?) RETURNING epoch
        """,
        (content_hash, holder, clock(connection) + seconds, True, deaths),
    ).fetchone()
    return Lease(content_hash, epoch, deaths)


def hand_over(connection: Connection, lease: Lease) -> None:
    """Note that the holder does not read the content itself any more."""
    query = "UPDATE leases SET is_read_by_holder = ? WHERE epoch = ?"
    connection.execute(query, (False, lease.epoch))


def renew(connection: Connection, epochs: Iterable[int], *, seconds: float) -> None:
    """Extend leases by some seconds from now. Lost leases stay lost."""
    expires = clock(connection) + seconds
    connection.executemany(
        "UPDATE leases SET expires_unix_seconds = ? WHERE epoch = ? AND holder IS NOT NULL",
        [(expires, epoch) for epoch in epochs],
    )


def check(connection: Connection, lease: Lease | None) -> None:
    """Raise LeaseLost if another holder has the content now."""
    if lease is None:
        return
    query = "SELECT 1 FROM leases WHERE epoch = ? AND holder IS NOT NULL"
    if connection.execute(query, (lease.epoch,)).fetchone() is None:
        raise LeaseLost("Another run has taken over this video: this run did not renew its lease in time.")


def note_progress(connection: Connection, lease: Lease | None) -> None:
    """Reset the count of deaths at a content after a commit: a file that kills fails at one place."""
    if lease is not None:
        connection.execute("UPDATE leases SET deaths = 0 WHERE epoch = ? AND deaths > 0", (lease.epoch,))


def delete_lease(connection: Connection, lease: Lease | None) -> None:
    """Delete a lease, and the count of deaths at its content."""
    if lease is not None:
        connection.execute("DELETE FROM leases WHERE epoch = ?", (lease.epoch,))


def give_back(connection: Connection, lease: Lease) -> None:
    """Release a lease, but keep the count of deaths at its content."""
    connection.execute("DELETE FROM leases WHERE epoch = ? AND deaths = 0", (lease.epoch,))
    connection.execute("UPDATE leases SET holder = NULL WHERE epoch = ?", (lease.epoch,))
