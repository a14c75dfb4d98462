"""What decoding again for windows of moving pictures costs, without their model.

    python benchmarks/window_decoding.py VIDEO ...

Processor seconds for each second of video, of reading frames at the rate and size that `--moving` asks for:
X-CLIP's two a second at 224 pixels, PE-AV's two a second at 336; beside them a frame a second at 224.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vidsearch.ingest.windows import ClipAnalyzer
from vidsearch.media.decode import frames
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.models.protocols import VideoEmbedder


class _Sizes:
    """What of an embedder says how frames are read."""

    def __init__(self, num_frames: int, window_seconds: float, short_side_pixels: int) -> None:
        self.num_frames = num_frames
        self.window_seconds = window_seconds
        self.short_side_pixels = short_side_pixels


_MODELS = {"xclip": _Sizes(8, 4.0, 224), "pe-av": _Sizes(16, 8.0, 336)}


def _seconds(read: Any) -> tuple[float, float]:
    """Processor seconds of reading all frames, and the time of the last."""
    before = time.process_time()
    last = 0.0
    for frame in read:
        last = frame.time_seconds
    return time.process_time() - before, last


def main() -> None:
    """Measure, and print a line for each video."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    plan = SamplingPlan()
    for video in options.videos:
        taken: dict[str, float] = {}
        for _ in range(options.runs):
            once = frames(video, replace(plan, fps=1.0), short_side_pixels=224, num_threads=1)
            found = {"a frame a second": _seconds(once)}
            for name, sizes in _MODELS.items():
                analyzer = ClipAnalyzer(cast("VideoEmbedder", sizes))
                found[name] = _seconds(analyzer.read(video, plan, from_seconds=0, timeout_seconds=None)())
            for name, (cost, last) in found.items():
                taken[name] = min(taken.get(name, cost), cost / max(last, 1.0))
        parts = ", ".join(f"{name} {cost:.4f}" for name, cost in taken.items())
        print(f"{video.name}: {parts} CPU seconds a second of video", flush=True)


if __name__ == "__main__":
    main()
