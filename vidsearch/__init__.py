"""Find moments in video by describing them.

    from vidsearch import Library, Query

    with Library.open("index") as library:
        for hit in library.search(Query(text="a dog on grass")).hits:
            print(hit.video.path, hit.time_seconds, hit.caption)

Names below load on first use, so that importing vidsearch is quick.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidsearch.index.library import Library
    from vidsearch.ingest import ingest
    from vidsearch.search.query import Query

try:
    __version__ = version("vidsearch")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0.0.0"

_HOMES = {
    "Library": "vidsearch.index.library",
    "Query": "vidsearch.search.query",
    "ingest": "vidsearch.ingest",
}

__all__ = ["Library", "Query", "__version__", "ingest"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
