"""Find moments in video by describing them.

    from vidsearch import Library

    with Library.create("library") as library:
        library.index("videos", models="mini")
        for hit in library.search("a dog on grass"):
            print(hit.video.path, hit.time_seconds, hit.caption)

Names below load on first use, so that importing vidsearch is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidsearch.search.query import Query
    from vidsearch.service.answer import Answer
    from vidsearch.service.library import Library

    __version__: str

_HOMES = {
    "Answer": "vidsearch.service.answer",
    "Library": "vidsearch.service.library",
    "Query": "vidsearch.search.query",
}

__all__ = ["Answer", "Library", "Query", "__version__"]


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
