"""Fetching a large file over a line that breaks: the program's own code, beside huggingface_hub.

    python benchmarks/model_download.py [--megabytes 64] [--breaks 6]

A hub on this machine (tests/models/fake_hub.py) serves one file. First its line breaks a few times in one
process; then it breaks for good at half of the file, and another process goes on; then it sends other content
than it announced.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.models.fake_hub import FakeHub, serve  # noqa: E402

_HUB_ID = "some/model"
_FETCH = {
    "vidsearch": (
        "import sys\n"
        "from vidsearch.models.hub import _list_files\n"
        "from vidsearch.models.downloads import download\n"
        "download(sys.argv[1], _list_files(sys.argv[1])['model.safetensors'])\n"
    ),
    "huggingface_hub": (
        "import sys\n"
        "from huggingface_hub import hf_hub_download\n"
        "hf_hub_download(sys.argv[1], 'model.safetensors')\n"
    ),
}


def main() -> None:
    """Measure, and print a line for each case and way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--breaks", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "model"
        folder.mkdir()
        size = options.megabytes * 1_000_000
        (folder / "model.safetensors").write_bytes(os.urandom(size))
        with serve({_HUB_ID: folder}) as hub:
            for way in _FETCH:
                hub.break_after_bytes, hub.num_breaks = size // (options.breaks + 1) + 1, None
                _report(hub, way, Path(root) / f"{way} breaks", f"{options.breaks} breaks, one process", size)
            for way in _FETCH:
                cache = Path(root) / f"{way} stops"
                hub.break_after_bytes, hub.num_breaks = size // 2, 1
                _report(hub, way, cache, "stopped at half", size)
                hub.break_after_bytes, hub.num_breaks = None, None
                _report(hub, way, cache, "then another process", size)
            hub.damages = True
            for way in _FETCH:
                _report(hub, way, Path(root) / f"{way} damaged", "damaged content", size)


def _report(hub: FakeHub, way: str, cache: Path, case: str, size: int) -> None:
    hub.num_bytes = 0
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _FETCH[way], _HUB_ID],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    outcome = "fetched" if done.returncode == 0 else "failed"
    print(
        f"{case:24} {way:16} {outcome:8} {hub.num_bytes / size:5.2f} of the file sent, {seconds:5.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
