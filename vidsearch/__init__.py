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
    from vidsearch.errors import VidsearchError
    from vidsearch.search.query import Query
    from vidsearch.service.answer import Answer
    from vidsearch.service.index_settings import IndexSettings
    from vidsearch.service.library import Library
    from vidsearch.service.queries import SearchOptions
    from vidsearch.types import FrameFilter, SearchHit, Video

    __version__: str

_HOMES = {
    "Answer": "vidsearch.service.answer",
    "FrameFilter": "vidsearch.types",
    "IndexSettings": "vidsearch.service.index_settings",
    "Library": "vidsearch.service.library",
    "Query": "vidsearch.search.query",
    "SearchHit": "vidsearch.types",
    "SearchOptions": "vidsearch.service.queries",
    "Video": "vidsearch.types",
    "VidsearchError": "vidsearch.errors",
}

__all__ = [
    "Answer",
    "FrameFilter",
    "IndexSettings",
    "Library",
    "Query",
    "SearchHit",
    "SearchOptions",
    "Video",
    "VidsearchError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vidsearch")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0.0.0"
