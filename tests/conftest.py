"""Fixtures that every part of the suite may use."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """A folder of real videos beside the checkout; skips where there is none."""
    folder = SHARED / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real videos at {folder}")
    return folder


@pytest.fixture(scope="session")
def sample_videos() -> Path:
    """The sample videos that the repository ships."""
    return REPOSITORY / "sample_data"
