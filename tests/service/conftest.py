"""A library of the sample videos, made once through Python, and copies of it to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidsearch import Library


@pytest.fixture
def library(sample_folder: Path) -> Iterator[Library]:
    """The sample library, to read."""
    with Library.open(sample_folder) as opened:
        yield opened


@pytest.fixture
def own_library(sample_folder: Path, tmp_path: Path) -> Iterator[Library]:
    """A copy of the sample library, to change."""
    shutil.copytree(sample_folder, tmp_path / "library")
    with Library.open(tmp_path / "library") as opened:
        yield opened
