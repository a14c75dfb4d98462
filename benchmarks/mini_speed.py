"""How fast `mini` is on frames of the sample videos: images/s, CPU milliseconds an image, seconds to load,
peak memory.

python benchmarks/mini_speed.py [--num-threads 2] [--num-images 128]
"""

import argparse
import functools
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

SAMPLES = Path(__file__).parents[1] / "sample_data"
_LOAD = (
    "import time; start = time.perf_counter();"
    "from vidsearch.models.mini import MiniTextEncoder;"
    "encoder = MiniTextEncoder(num_threads={threads}); loaded = time.perf_counter();"
    "encoder.embed_texts(['a dog']); print(loaded - start, time.perf_counter() - loaded)"
)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--num-images", type=int, default=128)
    arguments = parser.parse_args()
    command = [sys.executable, "-c", _LOAD.format(threads=arguments.num_threads)]
    loads = [
        [float(x) for x in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]
        for _ in range(5)
    ]

    from vidsearch.models.mini import MiniCaptioner, MiniEmbedder

    # Windows of frames of the sample videos: different pictures, which take no memory of their own.
    frames = [
        np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        for path in sorted(SAMPLES.glob("*.mp4"))
        for number, frame in enumerate(av.open(str(path)).decode(video=0))
        if number % 60 == 0
    ]
    windows = (
        frame[y : y + 300, x : x + 500] for y in range(0, 40, 4) for x in range(0, 60, 4) for frame in frames
    )
    embedded, captioned, both = (list(itertools.islice(windows, arguments.num_images)) for _ in range(3))
    embedder = MiniEmbedder(num_threads=arguments.num_threads)
    captioner = MiniCaptioner(num_threads=arguments.num_threads)
    captioner.captions(list(itertools.islice(windows, 16)))
    embedding = timed(lambda: embedder.embed_images(embedded))
    captioning = timed(lambda: captioner.captions(captioned))
    captioning_embedded = (0.0, 0.0)
    for start in range(0, len(both), 32):
        batch = both[start : start + 32]
        embedder.embed_images(batch)
        spent = timed(functools.partial(captioner.captions, batch))
        captioning_embedded = (captioning_embedded[0] + spent[0], captioning_embedded[1] + spent[1])
    speeds = {
        "embedding": embedding,
        "captioning": captioning,
        "captioning what was just embedded, as an ingest does": captioning_embedded,
    }
    count = arguments.num_images
    print(
        json.dumps(
            {
                "num_threads": arguments.num_threads,
                **{f"{name}, images/s": round(count / wall, 1) for name, (wall, _) in speeds.items()},
                **{f"{name}, CPU ms": round(cpu / count * 1000, 1) for name, (_, cpu) in speeds.items()},
                "import and load the text tower, s (best of 5)": round(min(load for load, _ in loads), 3),
                "first query, s (best of 5)": round(min(query for _, query in loads), 4),
                "peak memory, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            },
            indent=1,
        )
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
