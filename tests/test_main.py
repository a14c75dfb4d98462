"""The command line runs no code that lies beside the videos."""

import subprocess
import sys

import pytest

MODULES = ("typer", "signal", "json", "rich", "numpy", "av", "faiss", "pysubs2", "sqlite3", "pickle")


@pytest.mark.parametrize("words", [["--version"], ["list", "--library", "none"]])
def test_modules_in_the_working_folder_are_not_imported(tmp_path, words):
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('ran code of a stranger')")

    result = subprocess.run(
        [sys.executable, "-m", "vidsearch", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "stranger" not in result.stderr
    assert result.stdout.startswith("vidsearch ") or result.stderr.startswith("Error: ")
