"""The sample videos that come with vidsearch."""

from __future__ import annotations

from pathlib import Path

from vidsearch.errors import VidsearchError


def sample_folder() -> Path:
    """The sample videos: in the installed package, or at the top of a checkout. Raises VidsearchError."""
    package = Path(__file__).parent
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / "expected.json").is_file():
            return folder
    raise VidsearchError(f"The sample videos are not beside {package}. Install vidsearch again.")
