"""How fast is a library on a PostgreSQL server, against one in a folder?

    python benchmarks/postgres.py [--server postgresql://HOST/DATABASE] [--frames 100000]

Makes the same library in both: made-up videos of 1,000 frames, 512-d vectors, a thumbnail of 5 kB and a
caption of common and rare words a frame, in chunks of 64. Then asks both the same. Without --server it starts
one here, as the tests do but with `fsync`: then one machine does the work of two, and CPU times are of both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from made_up import add_video

from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import EmbeddingSpace, Fingerprint

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import postgres
from tests.store.examples import info

DIM, FRAMES_PER_VIDEO, CHUNK_FRAMES, THUMBNAIL_BYTES = 512, 1000, 64, 5000
SPACE = EmbeddingSpace("made-up", "1", "none", DIM)
CAPTIONS = [WordKind("caption")]
QUERIES = ("man", "dog grass", "a red car on the street", '"red car"', "street*", "word77", "word5 man dog")
NUM_ROUNDS = 100


def captions(rng: np.random.Generator, count: int) -> list[str]:
    """Sentences of a few common words and two of a thousand rarer ones."""
    common = np.array(["man", "dog", "grass", "red", "car", "street", "woman", "table"])
    return [
        f"a {' '.join(rng.choice(common, 3, replace=False))} word{rng.zipf(1.3) % 1000} "
        f"word{rng.integers(1000)}"
        for _ in range(count)
    ]


def fill(library: Store, num_frames: int) -> float:
    """Add the videos. Returns frames per second."""
    rng = np.random.default_rng(0)
    started, paused = time.perf_counter(), 0.0
    for number in range(num_frames // FRAMES_PER_VIDEO):
        at = time.perf_counter()
        vectors = rng.standard_normal((FRAMES_PER_VIDEO, DIM), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        said = captions(rng, FRAMES_PER_VIDEO)
        paused += time.perf_counter() - at
        name = f"{number:06d}"
        print_of_file = Fingerprint(content_hash=name, quick_key=name, size_bytes=1, mtime_ns=1)
        path = Path(f"/made-up/{name}.mp4")
        jpeg = rng.bytes(THUMBNAIL_BYTES)
        add_video(
            library, path, print_of_file, info(), SPACE, vectors, said,
            thumbnail_jpeg=jpeg, chunk_frames=CHUNK_FRAMES,
        )  # fmt: skip
    return num_frames / (time.perf_counter() - started - paused)


def took(work: Callable[[], object], *, is_here: bool) -> str:
    """How long something takes each time, and where all of it is done here, its CPU time."""
    work()
    ticks, cpu = server_ticks(), time.process_time()
    median = statistics.median(milliseconds(work) for _ in range(NUM_ROUNDS))
    cpu = time.process_time() - cpu + (server_ticks() - ticks) / os.sysconf("SC_CLK_TCK")
    return f"{median:.2f} ms" + (f" ({1000 * cpu / NUM_ROUNDS:.2f} of CPU)" if is_here else "")


def server_ticks() -> int:
    """What the connections to servers on this machine have had of the CPU."""
    total = 0
    for process in psutil.process_iter(["cmdline"]):
        if "postgres: tests" in " ".join(process.info["cmdline"] or ()):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total


def milliseconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Compare the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server")
    parser.add_argument("--frames", type=int, default=100_000)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        server = arguments.server
        if server is None:
            programs = postgres.programs()
            assert programs is not None, "no PostgreSQL server is installed"
            server = stack.enter_context(postgres.server(programs, {"fsync": "on", "autovacuum": "on"}))
        places = {"folder": str(folder / "library"), "server": f"{server}?schema=benchmark_{os.getpid()}"}
        libraries = {
            name: stack.enter_context(Store.open(place, create=True)) for name, place in places.items()
        }
        for name, library in libraries.items():
            print(f"{name}: {fill(library, arguments.frames):,.0f} frames/s written", flush=True)
        for name, library in libraries.items():
            print(f"{name}: vector files in {milliseconds(library.refresh_vectors):,.0f} ms")
        query = np.eye(1, DIM, dtype=np.float32)
        work: dict[str, Callable[[Store], object]] = {
            "nearest 10": lambda library: library.nearest(SPACE, query, 10),
            "10 frames by id": lambda library: library.frames_by_id(range(1, 11)),
            **{
                f"words {words}": lambda library, words=words: library.match(words, 10, kinds=CAPTIONS)  # type: ignore[misc]
                for words in QUERIES
            },
        }
        for what, ask in work.items():
            answers = [
                f"{name} {took(partial(ask, library), is_here=name == 'folder' or arguments.server is None)}"
                for name, library in libraries.items()
            ]
            print(f"{what}: {', '.join(answers)}", flush=True)


if __name__ == "__main__":
    main()
