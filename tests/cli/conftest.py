"""A library of the sample videos, made once through the command itself, and a way to call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vidsearch.cli.app import app

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Call `vidsearch` with these words, in this process."""

    def call(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def sample_library(run: Run, sample_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample videos, indexed with mini. Tests that write make a copy."""
    library = tmp_path_factory.mktemp("samples") / "library"
    result = run("index", sample_videos, "--models", "mini", "--library", library)
    assert result.exit_code == 0, result.output
    return library
