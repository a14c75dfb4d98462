"""Who works on which video: a lease, which a worker holds until it is done, dies, or gives no sign of life.

A lease has an *epoch*, a number that is never used twice. Whatever is written under a lease checks in its own
transaction that the epoch is still the content's, so a worker that hangs and comes back late is refused. The
death of a process on this machine is seen at once; that of one elsewhere, when its lease has expired.
"""

from __future__ import annotations

import hashlib
import os
import platform
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from vidsearch.errors import LibraryError
from vidsearch.store import lease_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.records import Lease

LEASE_SECONDS = 60.0
"""A worker on another machine that is not heard of for so long has lost its lease."""
RENEWAL_SECONDS = 15.0
_START_TOLERANCE_SECONDS = 5.0
"""A system's clock that is set moves the times at which its processes are said to have started."""


def take(catalog: Catalog, content_hash: str) -> Lease | None:
    """See `Store.take_lease`."""
    with catalog.write() as connection:
        row = lease_rows.lease_row(connection, content_hash)
        if row is not None and row.holder is not None and not row.has_expired and not _is_dead(row.holder):
            return None
        deaths = 0 if row is None else row.deaths
        if row is not None and row.holder is not None and row.is_read_by_holder:
            deaths += 1
        return lease_rows.put_lease(
            connection,
            content_hash,
            holder=_this_process(),
            seconds=LEASE_SECONDS,
            deaths=deaths,
        )


def note_death(catalog: Catalog, lease: Lease) -> Lease:
    """See `Store.note_death`."""
    with catalog.write() as connection:
        lease_rows.check(connection, lease)
        row = lease_rows.lease_row(connection, lease.content_hash)
        assert row is not None
        return lease_rows.put_lease(
            connection,
            lease.content_hash,
            holder=_this_process(),
            seconds=LEASE_SECONDS,
            deaths=row.deaths + 1,
        )


def hand_over(catalog: Catalog, lease: Lease) -> None:
    """See `Store.hand_over`."""
    with catalog.write() as connection:
        lease_rows.hand_over(connection, lease)


def renew(catalog: Catalog, leases: Iterable[Lease]) -> None:
    """See `Store.renew_leases`."""
    with catalog.write() as connection:
        lease_rows.renew(connection, [lease.epoch for lease in leases], seconds=LEASE_SECONDS)


def give_back(catalog: Catalog, lease: Lease) -> None:
    """See `Store.give_back`."""
    with catalog.write() as connection:
        lease_rows.give_back(connection, lease)


class Heartbeat:
    """Renews leases in a thread of its own for as long as it is open."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="vidsearch-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(RENEWAL_SECONDS):
            with suppress(LibraryError):  # what cannot be written is told by whoever has something to write
                self._renew()


def _this_process() -> str:
    """A name for this process that no other one has, on this machine or elsewhere."""
    import psutil  # here and below, as who reads has no lease, and it takes 15 ms

    pid = os.getpid()
    return f"{_host()}/{pid}/{psutil.Process(pid).create_time():.2f}"


def _is_dead(holder: str) -> bool:
    """Whether a process is known to be dead; of another machine's nothing is known."""
    import psutil

    try:
        host, pid, started = holder.split("/")
        number, started_at = int(pid), float(started)
    except ValueError:  # damage: that is nobody
        return True
    if host != _host():
        return False
    try:
        process = psutil.Process(number)
        is_same = abs(process.create_time() - started_at) < _START_TOLERANCE_SECONDS
        return not is_same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@cache
def _host() -> str:
    """A name for what this process and others see each other's numbers in: a machine, or a container."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()
    return f"{parts[0].replace('/', '-')}-{digest}"
