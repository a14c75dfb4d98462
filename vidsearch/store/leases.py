"""Leases: which process may index which content.

A lease has an *epoch*, a number that is never used twice. Each transaction under a lease checks that its
epoch is still the current one, so that a worker that hung and resumes late is refused. The death of a process
on this machine is detected at once; that of one on another machine, when its lease expires.
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
from typing import Self

from vidsearch.errors import LibraryError
from vidsearch.store import lease_rows
from vidsearch.store.catalog import Catalog
from vidsearch.store.records import Lease

LEASE_SECONDS = 60.0
"""A lease that is not renewed for this long expires."""
RENEWAL_SECONDS = 15.0
_START_TOLERANCE_SECONDS = 5.0
"""Setting the system's clock shifts the reported start times of running processes."""


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
    """Renews leases from a thread of its own while it is open."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="vidsearch-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(RENEWAL_SECONDS):
            with suppress(LibraryError):  # the next write under a lease raises it
                self._renew()


def _this_process() -> str:
    """A name for this process, unique across machines."""
    import psutil  # here and below: takes 15 ms to import, and readers take no leases

    pid = os.getpid()
    return f"{_host()}/{pid}/{psutil.Process(pid).create_time():.2f}"


def _is_dead(holder: str) -> bool:
    """Whether a process is known to be dead. Processes of other machines are not."""
    import psutil

    try:
        host, pid, started = holder.split("/")
        number, started_at = int(pid), float(started)
    except ValueError:  # corrupt: no process has this name
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
    """A name for the machine or container within which process ids are unique."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()
    return f"{parts[0].replace('/', '-')}-{digest}"
