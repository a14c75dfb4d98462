"""Find moments in video by describing them.

    from vidsearch import Library, Query

    with Library.open("index") as library:
        for hit in library.search(Query(text="a dog on grass")).hits:
            print(hit.video.path, hit.time_seconds, hit.caption)

Names below load on first use, so that importing vidsearch is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidsearch.search.query import Query
    from vidsearch.store.library import Library

    __version__: str

_HOMES = {
    "Library": "vidsearch.store.library",
    "Query": "vidsearch.search.query",
}

__all__ = ["Library", "Query", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("vidsearch")
        except PackageNotFoundError:  # a checkout that is not installed
            return "0.0.0"
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
