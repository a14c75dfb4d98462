"""How long the page takes to show its first screen, and to answer from a warm state.

    python benchmarks/page_latency.py [--frames 10000] [--videos 20] [--runs 10] [--unprepared]

Whole runs of the page's script are timed, within Streamlit's own test runner: the first screen, once as the
first visitor has it and once more; and searches, each with the search for 240 moments and all that the page
then sends. What the server does at its start is timed apart (imports, then the first screen's pictures and
example queries); with --unprepared the first visitor comes before it. Processor time is that of all threads.
The drawing in a browser is not in it. The library holds random vectors and captions of random words; its
models are `mini`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from made_up import add_video
from streamlit.testing.v1 import AppTest

from vidsearch.media.images import encode_jpeg
from vidsearch.models.registry import load_text_encoder
from vidsearch.store.store import Store
from vidsearch.types import Fingerprint, LibraryModels, VideoInfo

WORDS = (
    "man",
    "woman",
    "dog",
    "cat",
    "ball",
    "grass",
    "street",
    "car",
    "red",
    "blue",
    "runs",
    "sits",
    "water",
)


def build(path: Path, num_frames: int, num_videos: int) -> None:
    """Fill a library with videos of random vectors."""
    rng = np.random.default_rng(0)
    space = load_text_encoder("mini").space
    per_video = num_frames // num_videos
    jpeg = encode_jpeg(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8))
    with Store.open(path, create=True) as library:
        library.set_models(LibraryModels(("mini",), "mini"))
        for number in range(num_videos):
            info = VideoInfo(
                1000,
                "mp4",
                "h264",
                640,
                360,
                0,
                25.0,
                float(per_video),
                0,
                datetime(2024, 1, 1, tzinfo=UTC),
            )
            key = f"{number:064x}"
            file = path.parent / f"video {number}.mp4"
            file.write_bytes(key.encode())
            vectors = rng.normal(size=(per_video, space.dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            texts = [" ".join(rng.choice(WORDS, size=7)) for _ in range(per_video)]
            whole = Fingerprint(key, key, 64, number)
            add_video(library, file, whole, info, space, vectors, texts, model="mini", thumbnail_jpeg=jpeg)
        library.refresh_vectors()


def main() -> None:
    """Build the library, then time searches of different words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--unprepared", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        build(library, arguments.frames, arguments.videos)
        os.environ["VIDSEARCH_LIBRARY"] = str(library)
        print(f"{arguments.videos} videos, {arguments.frames} frames, milliseconds:")
        began = _now()
        from vidsearch.web import home, pages, show

        _say("imports of the page", _since(began))
        show.library()
        if not arguments.unprepared:
            began = _now()
            home.prepare()
            while not show.library().prepared("examples", list)[1]:
                time.sleep(0.001)
            _say("preparing it", _since(began))
        runs = []
        run_page = pages.main

        def timed(default: str = "search") -> None:
            began = _now()
            run_page(default)
            runs.append(_since(began))

        pages.main = timed
        app = AppTest.from_file(str(Path(pages.__file__).with_name("app.py")), default_timeout=120)
        for name in ("first screen", "first screen again"):
            app.run()
            _say(name, runs[-1])
        app.text_input(key="q").set_value("a dog").run()
        runs.clear()
        for number in range(arguments.runs):
            app.text_input(key="q").set_value(f"a {WORDS[number % len(WORDS)]} on the grass").run()
        if app.exception:
            raise SystemExit(app.exception[0].message)
        for name, values in zip(("search, wall", "search, processor"), zip(*runs, strict=True), strict=True):
            print(f"  {name:<20} median {1000 * np.median(values):6.0f}, most {1000 * max(values):6.0f}")


def _now() -> tuple[float, float]:
    """Seconds of wall and processor time."""
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    wall, processor = _now()
    return wall - began[0], processor - began[1]


def _say(name: str, took: tuple[float, float]) -> None:
    wall, processor = took
    print(f"  {name:<20} wall {1000 * wall:6.0f}, processor {1000 * processor:6.0f}")


if __name__ == "__main__":
    main()
