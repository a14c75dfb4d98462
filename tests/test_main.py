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


def test_a_thread_that_is_still_at_work_does_not_abort_the_process():
    """Whisper's was ended as Python shut down, and C++ aborted: exit code -6 in place of 130."""
    code = """
import threading, time, sys
from vidsearch import __main__
from vidsearch.cli import app

def run():
    threading.Thread(target=time.sleep, args=(60,), name="vidsearch-listen", daemon=True).start()
    print("Stopped.")
    raise SystemExit(130)

app.main = run
import atexit
atexit.register(print, "Python shut down with a thread at work")
__main__.main()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "Stopped.\n", "")
