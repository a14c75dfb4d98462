"""How long the page takes to show its first screen, and to answer from a warm state.

    python benchmarks/page_latency.py [--frames 10000] [--videos 20] [--runs 10]

Whole script runs are timed through Streamlit's own test runner: for the first screen, once from a cold state
(imports, library, covers, example queries) and once more; for a search, the text encoder, the search for 240
moments, and all that the page then sends. The drawing in a browser is not in it. The library holds random
vectors and captions of random words; its models are `mini`.
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

import vidsearch.web
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
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        build(library, arguments.frames, arguments.videos)
        os.environ["VIDSEARCH_LIBRARY"] = str(library)
        script = str(Path(vidsearch.web.__file__).with_name("app.py"))
        app = AppTest.from_file(script, default_timeout=120)
        print(f"{arguments.videos} videos, {arguments.frames} frames, milliseconds:")
        for name in ("first screen, cold", "first screen again"):
            began, began_processor = time.perf_counter(), time.process_time()
            app.run()
            took = (time.perf_counter() - began, time.process_time() - began_processor)
            print(f"  {name:<20} wall {1000 * took[0]:6.0f}, processor {1000 * took[1]:6.0f}")
        app.text_input(key="q").set_value("a dog").run()
        wall, processor = [], []
        for number in range(arguments.runs):
            app.text_input(key="q").set_value(f"a {WORDS[number % len(WORDS)]} on the grass")
            began, began_processor = time.perf_counter(), time.process_time()
            app.run()
            wall.append(time.perf_counter() - began)
            processor.append(time.process_time() - began_processor)
        if app.exception:
            raise SystemExit(app.exception[0].message)
        for name, values in (("search, wall", wall), ("search, processor", processor)):
            print(f"  {name:<20} median {1000 * np.median(values):6.0f}, most {1000 * max(values):6.0f}")


if __name__ == "__main__":
    main()
