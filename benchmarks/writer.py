"""How many frames the one writer of a library takes in, and what of a machine of its own that leaves.

Appends chunks as an ingest does (64 frames, a vector and a small picture each, one transaction), with nothing
decoded and no model run, and gives frames per second of CPU and of the clock.

    python benchmarks/writer.py --frames 40000 --dim 512
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from vidsearch.media.images import thumbnail
from vidsearch.store.store import Store
from vidsearch.tracks import Chunk, SegmentRecord, TrackSpec
from vidsearch.types import EmbeddingSpace, Fingerprint, SamplingPlan, VideoInfo

FRAMES_PER_VIDEO = 3600
CHUNK_FRAMES = 64


def main() -> None:
    """Measure with the sizes that the command line gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--dim", type=int, default=512)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    rows = random.standard_normal((4096, options.dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ramp = np.linspace(0, 255, 224 * 398, dtype=np.uint8).reshape(224, 398, 1)
    noise = random.integers(0, 24, (224, 398, 3), dtype=np.uint8)
    jpeg = thumbnail(np.minimum(ramp.repeat(3, axis=2), 231) + noise)
    space = EmbeddingSpace("made up", "0" * 40, "none", options.dim)
    info = VideoInfo(1, "mov", "h264", 1920, 1080, 0, 25.0, 3600.0, 0, datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/library", create=True) as store:
        cpu, wall, num_frames = time.process_time(), time.perf_counter(), 0
        while num_frames < options.frames:
            number = num_frames // FRAMES_PER_VIDEO
            file = Fingerprint(f"{number:040x}", f"{number:040x}", 1, 1)
            spec = TrackSpec("frames", "sampling", asdict(SamplingPlan()))
            opened = store.begin_video(store.path / f"{number}.mp4", file, info, [spec], [space])
            for start in range(0, FRAMES_PER_VIDEO, CHUNK_FRAMES):
                times = range(start, min(start + CHUNK_FRAMES, FRAMES_PER_VIDEO))
                records = tuple(
                    SegmentRecord(
                        float(at),
                        float(at + 1),
                        vectors={space: rows[(num_frames + at) % len(rows)]},
                        thumbnail_jpeg=jpeg,
                    )
                    for at in times
                )
                chunk = Chunk(float(times[-1] + 1), {opened.tracks[0].id: records}, (space,))
                store.append(opened.video.id, chunk)
            store.finish_video(
                opened.video.id,
                [track.id for track in opened.tracks],
                frames_track_id=opened.tracks[0].id,
                spaces=[space],
            )
            num_frames += FRAMES_PER_VIDEO
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        size = sum(path.stat().st_size for path in store.path.iterdir() if path.is_file())
    print(f"{num_frames:,} frames of {options.dim} dimensions, {len(jpeg):,} bytes of picture each")
    print(f"{num_frames / cpu:,.0f} frames per second of CPU, {num_frames / wall:,.0f} per second")
    print(f"{size / num_frames:,.0f} bytes per frame on disk")


if __name__ == "__main__":
    main()
