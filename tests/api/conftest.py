"""The HTTP application over a library of the sample videos, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from vidsearch import Library
from vidsearch.api.app import create_app
from vidsearch.api.serving import Served
from vidsearch.service.answer_pages import AnswerPages
from vidsearch.service.jobs import Jobs

TOKEN = "a-token-for-tests"


def served(library: Library, *folders: Path, is_read_only: bool = False) -> Served:
    return Served(library, Jobs(library, folders), AnswerPages(library), is_read_only=is_read_only)


def client(served: Served, *, token: str = TOKEN, **options) -> TestClient:
    app = create_app(served, token=TOKEN, names=frozenset({"testserver"}))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"}, **options)


@pytest.fixture(scope="module")
def reader(sample_folder: Path) -> Iterator[TestClient]:
    """A client of the sample library, which it does not change."""
    with Library.open(sample_folder) as library, client(served(library)) as opened:
        yield opened


@pytest.fixture
def videos_folder(sample_videos: Path, tmp_path: Path) -> Path:
    """A folder that may be indexed, with one video that no library knows yet."""
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(sample_videos / "space.mp4", folder)
    return folder


@pytest.fixture
def writer(sample_folder: Path, tmp_path: Path, videos_folder: Path) -> Iterator[TestClient]:
    """A client of a copy of the sample library without space.mp4, which may index `videos_folder`."""
    shutil.copytree(sample_folder, tmp_path / "library")
    with Library.open(tmp_path / "library") as library:
        library.remove("space.mp4")
        with client(served(library, videos_folder)) as opened:
            yield opened
