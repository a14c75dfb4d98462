"""Fixtures that every part of the suite may use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests import postgres
from vidsearch import Library
from vidsearch.store.store import Store

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """A folder of real videos beside the checkout; skips where there is none."""
    folder = SHARED / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real videos at {folder}")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    """An empty library in a folder."""
    with Store.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of an empty database on a server that runs for these tests; skips where there is none."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    with postgres.server(programs) as address:
        yield address


@pytest.fixture
def postgres_library(postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a library that is not there yet, whose local files are this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"{postgres_server}?schema=test_{next(_NUMBERS)}"


_NUMBERS = count(1)


@pytest.fixture(scope="session")
def sample_videos() -> Path:
    """The sample videos that the repository ships."""
    return REPOSITORY / "sample_data"


@pytest.fixture(scope="session")
def sample_folder(sample_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library of the sample videos, by name, indexed with mini: to read, or to copy."""
    folder = tmp_path_factory.mktemp("samples") / "library"
    with Library.create(folder) as library:
        for path in sorted(sample_videos.glob("*.mp4")):
            assert library.index(path, models="mini").num_indexed == 1
    return folder
