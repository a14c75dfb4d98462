"""From process start to printed hits: `vidsearch search` in 10,000 frames, and `vidsearch --help`.

    python benchmarks/cold_search.py [--runs 10]

The library is made on the spot: 100 videos of 100 frames, vectors in the space of `mini` drawn at random
around a centre for each video, and captions of everyday words. Each command is run as a process of its own,
once to warm the disk's cache (and Python's: modules are compiled, as installed ones are) and then `--runs`
times; wall and CPU seconds are given. Then the parts of such a search, in CPU milliseconds: the least of the
runs of a process that does one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from made_up import add_video

from vidsearch.models.mini import MiniTextEncoder
from vidsearch.store.store import Store
from vidsearch.types import Fingerprint, LibraryModels, VideoInfo

NUM_VIDEOS = 100
FRAMES_PER_VIDEO = 100
WORDS = ("man", "woman", "dog", "cat", "car", "street", "beach", "kitchen", "red", "walks", "sits", "people")

PARTS = {
    "start Python": "",
    "import the standard library's modules that follow": (
        "import dataclasses, datetime, enum, inspect, json, logging, pathlib, sqlite3, typing"
    ),
    "import Typer": "import typer",
    "import NumPy": "import numpy",
    "import ONNX Runtime": "import onnxruntime",
    "import tokenizers": "import tokenizers",
    "import vidsearch": (
        "import vidsearch.cli.app, vidsearch.cli.search, vidsearch.service.library, vidsearch.search.engine, "
        "vidsearch.store.vectors, vidsearch.store.sqlite.catalog, vidsearch.models.registry, "
        "vidsearch.models.mini.text as text, vidsearch.models.mini.weights as weights"
    ),
    "open the text tower": "tower = weights.session(weights.TEXT_GRAPH, num_threads=None)",
    "read its tokenizer": (
        "vocabulary = tokenizers.Tokenizer.from_file(str(weights.checked('tokenizer.json')));"
        "tokenizers.Tokenizer.from_file = lambda path: vocabulary"
    ),
    "read the command line, open the library, search, print": "vidsearch.cli.app.main()",
}
"""Statements, each after the ones before it."""
_RUN_PARTS = """
import sys, time, json
spent, before = {}, 0.0
for name, statement in PARTS.items():
    try:
        exec(statement)
    except SystemExit:
        pass
    now = time.process_time()
    spent[name], before = (now - before) * 1000, now
print(json.dumps(spent), file=sys.stderr)
"""


def main() -> None:
    """Make the library, and time the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "bytecode")
        write_library(library)
        print("| command | wall s, median (range) | CPU s, median |\n|---|---|---|")
        for words in (["--help"], ["search", "two people on a beach", "--library", str(library)]):
            measured = [run(words) for _ in range(runs + 1)][1:]
            walls, cpus = zip(*measured, strict=True)
            shown = f"{statistics.median(walls):.2f} ({min(walls):.2f}-{max(walls):.2f})"
            print(f"| vidsearch {words[0]} | {shown} | {statistics.median(cpus):.2f} |")
        print("\n| part of a search | CPU ms |\n|---|---|")
        of_runs = [parts(words) for _ in range(runs + 1)][1:]
        for name in of_runs[0]:
            print(f"| {name} | {min(each[name] for each in of_runs):.0f} |")


def parts(words: list[str]) -> dict[str, float]:
    """Run the parts of a search in a process of their own. Returns the CPU milliseconds of each."""
    program = f"PARTS = {PARTS!r}\n{_RUN_PARTS}"
    done = subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return found


def run(words: list[str]) -> tuple[float, float]:
    """Run `vidsearch` with these words. Returns wall and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "vidsearch", *words], check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_library(path: Path) -> None:
    """Write a library of 10,000 frames."""
    chance = np.random.default_rng(0)
    space = MiniTextEncoder().space
    info = VideoInfo(0, "mp4", "h264", 640, 360, 0, 25.0, float(FRAMES_PER_VIDEO), 0, None)
    with Store.open(path, create=True) as library:
        library.set_models(LibraryModels(("mini",), "mini"))
        for number in range(NUM_VIDEOS):
            file = path / f"video {number}.mp4"
            file.write_bytes(bytes([number]))
            stat = file.stat()
            fingerprint = Fingerprint(f"{number:064x}", f"{number:064x}", stat.st_size, stat.st_mtime_ns)
            rows = chance.standard_normal(space.dim) + 0.7 * chance.standard_normal(
                (FRAMES_PER_VIDEO, space.dim)
            )
            rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
            texts = [" ".join(chance.choice(WORDS, 8)) for _ in rows]
            add_video(library, file, fingerprint, info, space, rows, texts, model="mini")
        library.refresh_vectors()


if __name__ == "__main__":
    main()
