"""How fast are sampled frames had from a video, against decoding all of it?

    python benchmarks/decode.py [--seconds 40] [--fps 1.0] [--threads 2]

Makes 1080p H.264 clips at 30 pictures a second with different group-of-pictures (GOP) structures, and gets
from each the frames at `--fps`, scaled to 224 pixels, in four ways: `vidsearch.media.decode.frames`; a PyAV
loop that decodes everything and converts what is sampled; the same without converting anything; and OpenCV's
`VideoCapture.read` over everything. Times are wall clock and process CPU seconds, the best of `--repeats`
interleaved rounds; ratios are within the run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from vidsearch.bench import write_clip
from vidsearch.bench.clip import FRAME_RATE
from vidsearch.media.decode import frames
from vidsearch.media.images import resize_short_side
from vidsearch.types import SamplingPlan

SHORT_SIDE = 224

STRUCTURES = {
    "x264's defaults: key frames at cuts, B-frames": {},
    "key frames 2 s apart, B-frames (streaming)": {"g": "60", "keyint_min": "60", "sc_threshold": "0"},
    "key frames 1 s apart, no B-frames (cameras)": {
        "g": "30",
        "keyint_min": "30",
        "bf": "0",
        "sc_threshold": "0",
    },
    "key frames at cuts, no B-frames": {"bf": "0"},
}


def main() -> None:
    """Make the clips, time the four ways, print a table for each clip."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="keep the clips here, and use those that are here already"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, options) in enumerate(STRUCTURES.items()):
            path = folder / f"structure-{number}-{arguments.seconds:.0f}s.mp4"
            if not path.exists():
                write_clip(path, seconds=arguments.seconds, encoder_options=options)
            report(name, path, arguments)


def report(name: str, path: Path, arguments: argparse.Namespace) -> None:
    """Time all ways on one clip, and print how they compare."""
    plan = SamplingPlan(fps=arguments.fps)
    ways: dict[str, Callable[[], int]] = {
        "vidsearch": lambda: len(
            list(frames(path, plan, short_side_pixels=SHORT_SIDE, num_threads=arguments.threads))
        ),
        "PyAV, all decoded, sampled ones converted": lambda: with_pyav(
            path, arguments.fps, arguments.threads
        ),
        "PyAV, all decoded, none converted": lambda: with_pyav(path, 0.0, arguments.threads),
        "OpenCV VideoCapture.read": lambda: with_opencv(path, arguments.fps, arguments.threads),
    }
    best: dict[str, tuple[float, float]] = {}
    counts: dict[str, int] = {}
    for _ in range(arguments.repeats):
        for way, run in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            counts[way] = run()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            best[way] = min(best.get(way, spent), spent)
    print(f"\n{name} ({path.stat().st_size / 2**20:.1f} MiB)")
    print(f"  {'':43} {'frames':>6} {'wall s':>7} {'CPU s':>7} {'x real time':>11} {'CPU of vidsearch':>16}")
    for way, (wall, cpu) in best.items():
        print(
            f"  {way:43} {counts[way]:6} {wall:7.2f} {cpu:7.2f} {arguments.seconds / wall:11.1f} "
            f"{cpu / best['vidsearch'][1]:15.2f}x"
        )


def with_pyav(path: Path, fps: float, num_threads: int) -> int:
    """Decode everything; convert the picture on screen at each k / fps."""
    num_converted = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.thread_count = "AUTO", num_threads
        for picture in container.decode(stream):
            if fps and picture.time >= num_converted / fps - 1e-6:
                resize_short_side(np.asarray(picture.to_ndarray(format="rgb24"), np.uint8), SHORT_SIDE)
                num_converted += 1
    return num_converted


def with_opencv(path: Path, fps: float, num_threads: int) -> int:
    """Read everything (always converted to BGR); scale the picture on screen at each k / fps."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, num_threads])
    number = num_sampled = 0
    while True:
        is_read, picture = capture.read()
        if not is_read:
            capture.release()
            return num_sampled
        if number / FRAME_RATE >= num_sampled / fps - 1e-6:
            resize_short_side(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), SHORT_SIDE)
            num_sampled += 1
        number += 1


if __name__ == "__main__":
    main()
