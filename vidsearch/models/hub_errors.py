"""What can go wrong between this machine and a model hub: when to try again, and what to tell the user."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vidsearch.errors import ModelUnavailable

Result = TypeVar("Result")

NUM_TRIES = 5
_LONGEST_PAUSE_SECONDS = 120.0
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


def hub_errors() -> tuple[type[Exception], ...]:
    """Return what the hub client raises: its own errors, and those of the HTTP client beneath it."""
    from huggingface_hub import errors, utils

    client: Any = utils  # it offers its HTTP client here, whichever its version uses
    return (OSError, ValueError, errors.HfHubHTTPError, client.httpx.HTTPError)


def with_retries(call: Callable[[], Result]) -> Result:
    """Call, and call again after a pause while the hub answers that it is busy. Raises the last error."""
    for attempt in range(NUM_TRIES):
        try:
            return call()
        except hub_errors() as error:
            seconds = pause_seconds(error, attempt)
            if seconds is None or attempt == NUM_TRIES - 1:
                raise
            time.sleep(seconds)
    raise AssertionError


def pause_seconds(error: Exception, attempt: int) -> float | None:
    """Return how long to wait before trying again after a hub's answer; None where that is of no use.

    As long as the hub asks for (Retry-After), but not for minutes; else 1, 2, 4, ... seconds.
    """
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) not in _TRY_AGAIN:
        return None
    asked = _asked_seconds(response.headers)  # type: ignore[union-attr]
    if asked is None:
        return 2.0**attempt
    return asked if asked <= _LONGEST_PAUSE_SECONDS else None


def unavailable(hub_id: str, error: Exception) -> ModelUnavailable:
    """Return the error for a model that could not be fetched: what happened, and what to do."""
    from huggingface_hub import constants, errors

    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    page = f"{constants.ENDPOINT}/{hub_id}"
    sign_in = "sign in with `hf auth login` or set HF_TOKEN"
    if constants.is_offline_mode():
        return _unreachable(hub_id, "HF_HUB_OFFLINE is set")
    if isinstance(error, errors.GatedRepoError):
        return ModelUnavailable(
            f"{hub_id} is given only to people who ask for it (HTTP {status}). Accept its terms at {page}, "
            f"then {sign_in}."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelUnavailable(
            f"The hub {constants.ENDPOINT} shows no model {hub_id} (HTTP {status}). Check the name; for a "
            f"private model, {sign_in}."
        )
    if status == 401:
        return ModelUnavailable(
            f"The hub {constants.ENDPOINT} does not accept the access token (HTTP 401). To go on, "
            f"{sign_in} with one that is valid, or sign out with `hf auth logout`."
        )
    if status == 403:
        return ModelUnavailable(
            f"The hub {constants.ENDPOINT} forbids fetching {hub_id} (HTTP 403): the access token lacks "
            f"the right to read it. See {page}."
        )
    if status == 429:
        seconds = _asked_seconds(getattr(response, "headers", {}))
        when = "later" if seconds is None else f"in {seconds:.0f} s"
        return ModelUnavailable(
            f"The hub {constants.ENDPOINT} takes no more requests from here for now (HTTP 429). Try again "
            f"{when}; it allows more to those who {sign_in}."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelUnavailable(
            f"The disk of {constants.HF_HUB_CACHE} became full while {hub_id} was fetched. Free some "
            f"space, or set HF_HUB_CACHE to a folder on another disk; what has come is kept."
        )
    if isinstance(error, PermissionError):
        return ModelUnavailable(
            f"{error.filename or constants.HF_HUB_CACHE} cannot be written: {error.strerror}. Set "
            f"HF_HUB_CACHE to a folder of yours."
        )
    reason = error.__cause__ or error
    return _unreachable(hub_id, (str(reason).strip() or type(reason).__name__).splitlines()[0])


def too_little_space(hub_id: str, folder: Path, *, needed_bytes: int, free_bytes: int) -> ModelUnavailable:
    """Return the error for a model that the disk has no room for."""
    return ModelUnavailable(
        f"{hub_id} needs {needed_bytes:,} bytes more in {folder}, whose disk has {free_bytes:,} free. Free "
        f"some space, or set HF_HUB_CACHE to a folder on another disk."
    )


def _unreachable(hub_id: str, reason: str) -> ModelUnavailable:
    from huggingface_hub import constants

    return ModelUnavailable(
        f"{hub_id} is not on this machine and could not be fetched.\n"
        f"Tried the cache {constants.HF_HUB_CACHE} and the hub {constants.ENDPOINT} ({reason}).\n"
        f"Go on in one of these ways:\n"
        f"  - on a connected machine run `vidsearch models pull {hub_id}`, then copy the folder that "
        f"`vidsearch models where {hub_id}` shows (cp -rL: its files are links)\n"
        f"  - name such a folder where {hub_id} is named\n"
        f"  - for pictures and captions, use the built-in models, which need no download: --models mini"
    )


def _asked_seconds(headers: Mapping[str, str]) -> float | None:
    """Read how long a hub asks to wait: Retry-After in seconds or as a date, or RateLimit's "t"."""
    asked = headers.get("Retry-After")
    if asked is None:
        limit = re.search(r"\bt\s*=\s*(\d+)", headers.get("RateLimit") or "")
        return float(limit[1]) if limit else None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", asked):
        return float(asked)
    from email.utils import parsedate_to_datetime  # imports sockets, which a search has no use for

    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
