"""The library that the contract of a store is tested with: in a folder, and on a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidsearch.store.store import Store


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a library can be made."""
    if request.param == "folder":
        return str(tmp_path / "library")
    return str(request.getfixturevalue("postgres_library"))


@pytest.fixture
def library(place: str) -> Iterator[Store]:
    """A new library."""
    with Store.open(place, create=True) as library:
        yield library
