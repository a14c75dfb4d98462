"""Options of commands whose work may be done by workers on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import options

if TYPE_CHECKING:
    from vidsearch.ingest.ray_cluster import RayOptions

_option = options.in_panel("Workers on Ray")

On = Annotated[
    str | None,
    _option("--on", metavar="ray[://HEAD:10001]", help="Index with workers on a Ray cluster."),
]
Workers = Annotated[
    int | None,
    _option(min=1, help="Number of workers. [default: one per node, or as many as its GPUs allow]"),
]
GpusPerWorker = Annotated[
    float, _option(min=0.0, help="GPUs for each worker; with 0.5, two workers share one.")
]
PathMap = Annotated[
    list[str] | None,
    _option(metavar="LOCAL=REMOTE", help="Where workers find a local folder. Repeatable."),
]


def ray_options(
    on: str | None, workers: int | None, gpus_per_worker: float, path_map: list[str]
) -> RayOptions | None:
    """Return what these options ask for; None for this machine alone.

    Raises:
        QueryError: A path map that maps nothing.
        typer.BadParameter: Workers are described, and no cluster.
    """
    if on is None:
        if workers is not None or gpus_per_worker or path_map:
            raise typer.BadParameter("Workers on Ray are asked for with --on ray.", param_hint="--workers")
        return None
    from vidsearch.ingest.ray_cluster import RayOptions, parse_path_map

    return RayOptions(
        address=on,
        num_workers=workers,
        gpus_per_worker=gpus_per_worker,
        path_map=parse_path_map(path_map),
    )
