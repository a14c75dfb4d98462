"""What do false marks of key frames cost, and how many threads does a lone AV1 video want?

    python benchmarks/key_frames.py [--seconds 60] [--fps 1.0] [--repeats 3]

Makes a 1080p H.264 clip as cameras do (no B-frames, one picture of reference, key frames 2 s apart), with
I-slices between the key frames that FFmpeg marks as key frames too. Gets its frames at `--fps` in three ways:
trusting the marks, where the first wrong one makes the decoder go over everything; by the packets' NAL units,
as `vidsearch.media` does; and by decoding everything. Then an AV1 clip with 1 to 5 threads. CPU and wall
seconds, the best of interleaved rounds; ratios are of CPU seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import av
import numpy as np

from vidsearch.bench import write_clip
from vidsearch.media.container import open_video
from vidsearch.media.decode import frames
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.references import References
from vidsearch.types import SamplingPlan

SHORT_SIDE = 224
CAMERA = {"preset": "veryfast", "bf": "0", "x264-params": "keyint=60:min-keyint=31:scenecut=400:ref=1"}


def main() -> None:
    """Make the clips, time the ways, print a table for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = write_clip(folder / "camera.mp4", seconds=arguments.seconds, encoder_options=CAMERA)
        num_marked, num_true = count_marks(path)
        plan = SamplingPlan(fps=arguments.fps)

        def sampled(num_threads: int = 2, of: Path = path) -> list[np.ndarray]:
            return [
                frame.image
                for frame in frames(of, plan, short_side_pixels=SHORT_SIDE, num_threads=num_threads)
            ]

        def by_marks() -> list[np.ndarray]:
            with mock.patch.object(References, "begins_gop", lambda self, packet: bool(packet.is_keyframe)):
                return sampled()

        ways: dict[str, Callable[[], object]] = {
            "trusting the marks": by_marks,
            "by NAL units": sampled,
            "all decoded, none converted": lambda: decode_all(path),
        }
        same = all(map(np.array_equal, by_marks(), sampled()))
        print(f"\nH.264, {num_true} of {num_marked} marks are true; pictures the same: {same}")
        report(ways, arguments.repeats)
        film = encode_av1(path, folder / "film.mp4", max_pictures=120)
        print("\nAV1, 1080p, 4 s, all its pictures at 5 a second")
        plan = SamplingPlan(fps=5.0)
        report({f"{n} threads": partial(sampled, n, film) for n in (1, 2, 3, 5)}, arguments.repeats)


def report(ways: dict[str, Callable[[], object]], repeats: int) -> None:
    """Time each way, and print it with the ratio of its CPU seconds to the first's."""
    best: dict[str, tuple[float, float]] = {}
    for _ in range(repeats):
        for name, run in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            spent = time.process_time() - cpu, time.perf_counter() - wall
            best[name] = min(best.get(name, spent), spent)
    first, _ = next(iter(best.values()))
    for name, (cpu, wall) in best.items():
        print(f"  {name:30} {cpu:7.2f} CPU s {wall:7.2f} wall s {cpu / first:6.2f}", flush=True)


def count_marks(path: Path) -> tuple[int, int]:
    """Count the packets that are marked as key frames, and those with which decoding may begin."""
    with av.open(str(path)) as container:
        references = References("h264", container.streams.video[0].codec_context.extradata)
        marked = [packet for packet in container.demux(video=0) if packet.is_keyframe]
        return len(marked), sum(map(references.begins_gop, marked))


def encode_av1(path: Path, copy: Path, *, max_pictures: int) -> Path:
    """Encode the first pictures of a video once more, as AV1."""
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream("libsvtav1", rate=30, options={"preset": "10", "crf": "35"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number, picture in enumerate(source.decode(video=0)):
            if number == max_pictures:
                break
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return copy


def decode_all(path: Path) -> int:
    """Decode everything, and convert nothing."""
    with open_video(path, num_threads=2) as video:
        return sum(1 for _ in PictureDecoder(video).all_pictures())


if __name__ == "__main__":
    main()
