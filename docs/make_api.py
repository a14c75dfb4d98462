"""Makes the pages of the Python API from its docstrings, and checks that their links lead somewhere.

    python docs/make_api.py build/api

Needs nothing from the network, and neither do the pages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pdoc
import pdoc.render

import vidsearch

MODULES = (
    "vidsearch",
    "vidsearch.errors",
    "vidsearch.types",
    "vidsearch.search.answer",
    "vidsearch.search.query",
    "vidsearch.service.answer",
    "vidsearch.service.captions",
    "vidsearch.service.concepts",
    "vidsearch.service.index_settings",
    "vidsearch.service.indexing",
    "vidsearch.service.labels",
    "vidsearch.service.library",
    "vidsearch.service.queries",
    "vidsearch.service.reading",
    "vidsearch.service.searching",
)
"""The public names, and the modules that their types are in."""


class _Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            if name == "href" and value and tag == "a":
                self.links.append(value)


def main() -> None:
    """Make the pages in the folder that the command line names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/api")
    for name in vidsearch.__all__:
        getattr(vidsearch, name)  # they load on first use, and pdoc shows what is loaded
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)
    broken = list(broken_links(folder))
    if broken:
        sys.exit("\n".join(["These links lead nowhere:", *broken]))
    print(f"{folder / 'vidsearch.html'}")


def broken_links(folder: Path) -> Iterator[str]:
    """Yield each link between pages that leads to no page, or to no anchor in it."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    for path, page in sorted(pages.items()):
        for link in page.links:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            found = (path.parent / unquote(target.path)).resolve() if target.path else path.resolve()
            other = next((each for at, each in pages.items() if at.resolve() == found), None)
            if other is None or (target.fragment and unquote(target.fragment) not in other.anchors):
                yield f"{path.relative_to(folder)}: {link}"


if __name__ == "__main__":
    main()
