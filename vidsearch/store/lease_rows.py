"""Leases as rows: which video a worker has in work, until when, and how many died at it.

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
    """What is known of a content that is in work, or at which a worker died."""

    epoch: int
    holder: str | None
    """None where nobody has it in work."""
    has_expired: bool
    is_read_by_holder: bool
    deaths: int


def clock(connection: Connection) -> float:
    """Unix seconds, by the clock that all workers on this catalog share."""
    (now,) = connection.execute(f"SELECT {CLOCK}").fetchone()
    return float(now)


def lease_row(connection: Connection, content_hash: str) -> LeaseRow | None:
    """The lease on a content, if there is one."""
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
    """Give a content to a holder, who reads it, under a new epoch; whoever had it before has it no longer."""
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
    """Note that a content is not read by its holder any more."""
    query = "UPDATE leases SET is_read_by_holder = ? WHERE epoch = ?"
    connection.execute(query, (False, lease.epoch))


def renew(connection: Connection, epochs: Iterable[int], *, seconds: float) -> None:
    """Let leases last that much longer from now on; those that were lost stay lost."""
    expires = clock(connection) + seconds
    connection.executemany(
        "UPDATE leases SET expires_unix_seconds = ? WHERE epoch = ? AND holder IS NOT NULL",
        [(expires, epoch) for epoch in epochs],
    )


def check(connection: Connection, lease: Lease | None) -> None:
    """Raise LeaseLost where somebody else has a content by now."""
    if lease is None:
        return
    query = "SELECT 1 FROM leases WHERE epoch = ? AND holder IS NOT NULL"
    if connection.execute(query, (lease.epoch,)).fetchone() is None:
        raise LeaseLost("Another run has taken over this video: this one gave no sign of life for too long.")


def note_progress(connection: Connection, lease: Lease | None) -> None:
    """Forget the deaths at a content of which a part was kept: a file that kills does so at one place."""
    if lease is not None:
        connection.execute("UPDATE leases SET deaths = 0 WHERE epoch = ? AND deaths > 0", (lease.epoch,))


def delete_lease(connection: Connection, lease: Lease | None) -> None:
    """Forget a lease, and the deaths at its content."""
    if lease is not None:
        connection.execute("DELETE FROM leases WHERE epoch = ?", (lease.epoch,))


def give_back(connection: Connection, lease: Lease) -> None:
    """Let others have a content; deaths at it are remembered."""
    connection.execute("DELETE FROM leases WHERE epoch = ? AND deaths = 0", (lease.epoch,))
    connection.execute("UPDATE leases SET holder = NULL WHERE epoch = ?", (lease.epoch,))
