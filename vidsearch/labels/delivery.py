"""Delivers alerts out of the outbox: to a function, a command, or an address.

Each target has a thread of its own: one that is slow or down holds up neither the others nor indexing.
What fails is tried again after a second, then after twice as long, up to ten minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vidsearch.errors import QueryError, VidsearchError

if TYPE_CHECKING:
    from vidsearch.store.store import Store

PRINT = "print"
COMMAND_SECONDS = 60.0
ADDRESS_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 600.0
_LOOK_SECONDS = 0.5


class DeliveryFailed(Exception):
    """A target did not take an alert; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who is told."""

    key: str
    """What the outbox knows it by: no address and no command, which may hold secrets."""
    name: str
    """What to call it to a person."""
    deliver: Callable[[str], None]
    """Takes an event, JSON. Raises DeliveryFailed."""
    seconds: float
    """The longest that a delivery takes."""


def to_function(tell: Callable[[str], None]) -> Target:
    """A target in this program."""
    return Target(PRINT, "this window", tell, 1.0)


def to_command(command: str) -> Target:
    """A program that is run for each alert, by no shell: the event is its stdin, and in VIDSEARCH_ALERT.

    Raises QueryError for what is no command.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise QueryError(f"--exec {command!r} is no command: {error}.") from error
    if not words:
        raise QueryError("--exec needs a command, as in --exec 'notify-send vidsearch'.")

    def run(event: str) -> None:
        values = json.loads(event)
        known = {f"VIDSEARCH_ALERT_{name.upper()}": str(value) for name, value in values.items()}
        try:
            done = subprocess.run(
                words,
                input=f"{event}\n".encode(),
                env={**os.environ, "VIDSEARCH_ALERT": event, **known},
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeliveryFailed(f"it took longer than {COMMAND_SECONDS:g} s") from error
        except (OSError, ValueError) as error:
            raise DeliveryFailed(str(error)) from error
        if done.returncode:
            raise DeliveryFailed(f"it ended with {done.returncode}")

    return Target(_key("exec", command), words[0], run, COMMAND_SECONDS)


def to_address(address: str) -> Target:
    """An address that each alert is posted to, as JSON; its id is in the header Idempotency-Key too.

    Raises QueryError for what is no address.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise QueryError(f"--webhook {address!r} is no address: give one as https://example.org/alerts.")

    def post(event: str) -> None:
        from http.client import HTTPException
        from urllib.request import Request, urlopen

        headers = {"Content-Type": "application/json", "Idempotency-Key": json.loads(event)["id"]}
        request = Request(address, data=event.encode(), headers=headers, method="POST")
        try:
            with urlopen(request, timeout=ADDRESS_SECONDS):
                pass
        except (OSError, HTTPException, ValueError) as error:
            raise DeliveryFailed(str(error)) from error

    return Target(_key("webhook", address), parts.hostname, post, 2 * ADDRESS_SECONDS)


def _key(kind: str, what: str) -> str:
    return f"{kind}:{hashlib.sha256(what.encode()).hexdigest()[:16]}"


class Deliverer:
    """Threads that empty the outbox of a library, while it is used as a context.

    Leaving it gives what is due a moment to be delivered; the rest stays for the next time.

    Args:
        store: The library.
        targets: Who is told.
        on_failure: Called with a line for a person, where a target fails for the first time in a row.
        first_wait_seconds: When what failed is tried again first.
    """

    def __init__(
        self,
        store: Store,
        targets: Sequence[Target],
        *,
        on_failure: Callable[[str], None],
        first_wait_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._on_failure = on_failure
        self._first_wait_seconds = first_wait_seconds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(target,), name=f"alerts to {target.name}", daemon=True)
            for target in targets
        ]

    def __enter__(self) -> Deliverer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=3.0)

    def _run(self, target: Target) -> None:
        is_failing = False
        while not self._stop.is_set():
            done = None
            with contextlib.suppress(VidsearchError):  # a locked library: looked at again
                done = self._deliver_next(target, is_failing=is_failing)
            if done is None:
                self._stop.wait(_LOOK_SECONDS)
            else:
                is_failing = not done

    def _deliver_next(self, target: Target, *, is_failing: bool) -> bool | None:
        """Whether the next alert was delivered; None where none is due."""
        delivery = self._store.alerts.take_due(
            target.key, unix_seconds=time.time(), for_seconds=2 * target.seconds
        )
        if delivery is None:
            return None
        try:
            target.deliver(delivery.event)
        except DeliveryFailed as error:
            wait = min(self._first_wait_seconds * 2.0 ** min(delivery.attempts, 20), _LONGEST_WAIT_SECONDS)
            self._store.alerts.put_off(delivery, until_unix_seconds=time.time() + wait)
            if not is_failing:
                self._on_failure(
                    f"{target.name} did not take an alert: {error}. It is kept, and tried again."
                )
            return False
        self._store.alerts.delivered(delivery)
        return True
