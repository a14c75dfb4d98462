"""The documentation's links lead somewhere, and the scripts that it names are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_PLACES = ("*.md", "docs/*.md", "[!.]*/README.md", "training/*/*.md")
PAGES = sorted({page for place in _PLACES for page in ROOT.glob(place)})
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SCRIPT = re.compile(r"(?:benchmarks|tests|training|docs)/[\w/]+\.py")


def anchors(page: Path) -> set[str]:
    """The names that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    targets = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    for target in targets:
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_scripts_that_are_named_are_there(page: Path):
    named = set(_SCRIPT.findall(page.read_text(encoding="utf-8")))
    assert [script for script in sorted(named) if not (ROOT / script).exists()] == []


def test_the_pages_of_the_python_api_are_made_and_their_links_lead_somewhere(tmp_path: Path):
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_api.py", tmp_path], capture_output=True, text=True, check=False
    )

    assert (made.returncode, made.stderr) == (0, "")
    page = (tmp_path / "vidsearch.html").read_text(encoding="utf-8")
    for name in (
        "Library.search",
        "Library.index",
        "Answer.to_pandas",
        "SearchOptions.then",
        "IndexSettings.fps",
    ):
        assert f'id="{name}"' in page
