"""Connects to a Ray cluster, and finds room for workers in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidsearch.errors import QueryError

_TOKEN = Path("~/.ray/auth_token")
"""The file of Ray's authentication token."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Which cluster, and how workers are placed in it."""

    address: str = "ray"
    """"ray" for this machine's cluster, started if necessary; "ray://HEAD:10001" for another."""
    num_workers: int | None = None
    """None for one per node or, with `gpus_per_worker`, as many as the GPUs allow."""
    gpus_per_worker: float = 0.0
    path_map: Mapping[str, str] = field(default_factory=dict)
    """Maps local folders to their paths on the workers."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for the workers."""

    def path_of(self, path: Path) -> Path:
        """A file's path on the workers, by the longest mapped folder that contains it."""
        for here in sorted(self.path_map, key=len, reverse=True):
            with suppress(ValueError):
                return Path(self.path_map[here]) / path.absolute().relative_to(Path(here).absolute())
        return path.absolute()


@dataclass(frozen=True, slots=True)
class Room:
    """What a cluster has room for."""

    num_workers: int
    """The number requested, or as many as fit."""
    cores_per_worker: int


def parse_path_map(pairs: Sequence[str]) -> dict[str, str]:
    """Read LOCAL=REMOTE. Raises QueryError."""
    found = {}
    for pair in pairs:
        here, sign, there = pair.partition("=")
        if not (here and sign and there):
            raise QueryError(
                f"{pair!r} is not a folder mapping. Write LOCAL=REMOTE, as in /mnt/videos=/data/videos."
            )
        found[here] = there
    return found


def connected(options: RayOptions) -> Any:
    """Return Ray's module, connected to the cluster. Raises QueryError."""
    if options.address != "ray" and not options.address.startswith("ray://"):
        raise QueryError(f"--on {options.address} is not a cluster. Write ray, or ray://HEAD:10001.")
    _show_token()
    try:
        import ray
    except ImportError as error:
        raise QueryError('Workers on Ray need an extra: pip install "vidsearch[ray]"') from error
    if not ray.is_initialized():
        address = None if options.address == "ray" else options.address
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise QueryError(
                f"No cluster answers at {options.address} ({error}). Is it running, can its port be reached, "
                f"and is the {_TOKEN} here the same as on its head node?"
            ) from error
        with suppress(ImportError, AttributeError, KeyError):
            # Ray prints messages about dead workers to stdout, where a command's JSON goes.
            from ray._private.ray_logging import global_worker_stdstream_dispatcher

            global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
    return ray


def room_in(nodes: Sequence[Mapping[str, Any]], options: RayOptions) -> Room:
    """The room on the nodes listed by `ray.nodes()`."""
    able = [node["Resources"] for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if options.gpus_per_worker:
        by_node = [int(node.get("GPU", 0) / options.gpus_per_worker + 1e-9) for node in able]
        able = [node for node, num_workers in zip(able, by_node, strict=True) if num_workers]
        most, fit = max(by_node, default=0), sum(by_node)
    else:
        most, fit = 1, len(able)
    if options.num_workers is not None:
        most = -(-options.num_workers // max(1, len(able)))
        fit = options.num_workers
    fewest_cores = int(min((node["CPU"] for node in able), default=1))
    # If nothing fits yet, nodes may still join: one worker waits for them.
    return Room(max(1, fit), max(1, fewest_cores // max(1, most)))


def _show_token() -> None:
    """Make Ray's client send the local token, as Ray's other connections do by default.

    The client reads the setting when it is imported.
    """
    named = "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ
    if "RAY_AUTH_MODE" not in os.environ and (named or _TOKEN.expanduser().is_file()):
        os.environ["RAY_AUTH_MODE"] = "token"
