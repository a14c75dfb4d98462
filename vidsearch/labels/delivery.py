"""Delivers alerts from the outbox to functions, commands and URLs.

Each target has a thread of its own, so that a slow or unavailable one delays neither the others nor indexing.
Failed deliveries are retried after a second, then after twice as long each time, up to ten minutes.
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
    """A target did not accept an alert. The text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver of alerts."""

    key: str
    """Identifies it in the outbox. A digest, as URLs and commands may contain secrets."""
    name: str
    """Its name in messages."""
    deliver: Callable[[str], None]
    """Delivers an event, as JSON. Raises DeliveryFailed."""
    seconds: float
    """The maximum duration of a delivery."""


def to_function(tell: Callable[[str], None]) -> Target:
    """Return a target that calls a function."""
    return Target(PRINT, "this window", tell, 1.0)


def to_command(command: str) -> Target:
    """Return a target that runs a command, without a shell, with the event on stdin and in VIDSEARCH_ALERT.

    Raises:
        QueryError: It is not a valid command.
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
    """Return a target that posts each alert to a URL, as JSON, with its id in the Idempotency-Key header.

    Raises:
        QueryError: It is not a valid URL.
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
    """A context in which threads deliver alerts from the outbox of a library.

    On leaving it, deliveries that are due get a moment to finish; the rest stays in the outbox.

    Args:
        store: The library.
        targets: The receivers.
        on_failure: Called with a message at the first of several consecutive failures of a target.
        first_wait_seconds: The wait before the first retry.
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
            with contextlib.suppress(VidsearchError):  # a locked library: tried again
                done = self._deliver_next(target, is_failing=is_failing)
            if done is None:
                self._stop.wait(_LOOK_SECONDS)
            else:
                is_failing = not done

    def _deliver_next(self, target: Target, *, is_failing: bool) -> bool | None:
        """Deliver the next alert. Returns whether it was accepted; None if none is due."""
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
