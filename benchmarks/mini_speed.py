"""How fast `mini` is: images/s embedding and captioning, seconds to load, peak memory. Uses made-up pictures.

python benchmarks/mini_speed.py [--num-threads 2] [--num-images 128]
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

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

    rng = np.random.default_rng(0)
    # Smooth pictures, as frames are: noise would make resizing no cheaper and captions no likelier.
    # Few, and shown again and again: the pictures' own memory is none of the models'.
    pictures = [
        np.kron(rng.integers(0, 256, (9, 16, 3), np.uint8), np.ones((40, 40, 1), np.uint8)) for _ in range(16)
    ]
    images = [pictures[i % len(pictures)] for i in range(arguments.num_images)]
    embedder = MiniEmbedder(num_threads=arguments.num_threads)
    embedder.embed_images(pictures)
    start = time.perf_counter()
    embedder.embed_images(images)
    embedding = time.perf_counter() - start
    captioner = MiniCaptioner(num_threads=arguments.num_threads)
    captioner.captions(pictures)
    start = time.perf_counter()
    captioner.captions(images)
    captioning = time.perf_counter() - start
    print(
        json.dumps(
            {
                "num_threads": arguments.num_threads,
                "embedding, images/s": round(len(images) / embedding, 1),
                "captioning, images/s": round(len(images) / captioning, 1),
                "import and load the text tower, s (best of 5)": round(min(load for load, _ in loads), 3),
                "first query, s (best of 5)": round(min(query for _, query in loads), 4),
                "peak memory, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
