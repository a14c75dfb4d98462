"""How well the parts of an ingest overlap: each alone, and the whole.

    python benchmarks/ingest_parts.py                      # 1080p made on the spot, CLIP B/32
    python benchmarks/ingest_parts.py VIDEO --captions     # a video of yours, with BLIP captions too

Two videos are made: one as x264 makes them by default, and one without B-frames, in which every picture has
to be decoded. Weights are random, so that nothing is downloaded. Wall times want an idle machine; CPU seconds
do not.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from vidsearch.bench import NO_B_FRAMES, X264_DEFAULTS, BenchReport, Part, bench, write_clip
from vidsearch.models.device import choose_device
from vidsearch.models.random_weights import random_captioner, random_embedder

KINDS = {"x264's defaults": X264_DEFAULTS, "no B-frames": NO_B_FRAMES}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=180, help="length of the videos that are made")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--captions", action="store_true", help="with BLIP base captions")
    options = parser.parse_args()
    device = choose_device(precision=options.precision)
    embedder = random_embedder("clip", device=device)
    captioner = random_captioner("blip", device=device) if options.captions else None
    with tempfile.TemporaryDirectory() as folder:
        if options.video:
            videos = [options.video]
        else:
            videos = [
                write_clip(Path(folder) / f"{name}.mp4", seconds=options.seconds, encoder_options=how)
                for name, how in KINDS.items()
            ]
        for video in videos:
            print(f"\n{video.stem}, {video.stat().st_size / 1e6:.0f} MB", flush=True)
            report = bench(video, embedders=[embedder], captioner=captioner, on_part=show)
            summarise(report, device.describe())


def show(part: Part) -> None:
    """Print a line."""
    times = f"{part.wall_seconds:9.2f} s wall{part.cpu_seconds:9.2f} s CPU"
    print(
        f"{part.name:12}{part.num_frames:6} frames{times}{part.frames_per_second:9.1f} frames/s", flush=True
    )


def summarise(report: BenchReport, device: str) -> None:
    """Print what the parts come to together."""
    models, peak = report.models_memory_bytes / 2**20, report.peak_memory_bytes / 2**20
    print(f"{device}, {report.num_cores} cores, {report.video_seconds:.0f} s of video")
    print(f"times real time                 {report.times_real_time:.1f}")
    print(f"whole / slowest part            {report.whole_to_slowest_part:.2f}")
    print(f"whole / (CPU of parts / cores)  {report.whole_to_ideal:.2f}")
    print(f"memory with models              {models:.0f} MiB")
    print(f"peak over that                  {peak - models:.0f} MiB")


if __name__ == "__main__":
    main()
