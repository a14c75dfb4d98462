"""Which way to scale a decoded 1080p picture down costs least for the same quality?

    python benchmarks/scaling.py VIDEO...

Takes one picture a second of each video and turns it into RGB with a shorter side of 224 pixels, by swscale
in one pass with several filters, and by a full-size conversion followed by OpenCV's. Quality is PSNR against
exact area averaging of the full-size picture in floating point.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from vidsearch.media.container import open_video
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.images import size_for_short_side

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

SHORT_SIDE = 224

Scale = Callable[["VideoFrame", tuple[int, int]], "NDArray[np.uint8]"]


def one_pass(interpolation: Interpolation) -> Scale:
    """Scaling and conversion in swscale together."""

    def scale(picture: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        scaled = picture.reformat(
            *size, format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=interpolation, threads=1
        )
        return np.asarray(scaled.to_ndarray(), np.uint8)

    return scale


def two_passes(interpolation: int) -> Scale:
    """Full-size RGB first, then OpenCV."""

    def scale(picture: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(full_size(picture), size, interpolation=interpolation), np.uint8)

    return scale


def full_size(picture: VideoFrame) -> NDArray[np.uint8]:
    """RGB at the picture's own size, as exact as swscale makes it."""
    accurate = Interpolation.BICUBIC | FULL_CHROMA | Interpolation.ACCURATE_RND
    rgb = picture.reformat(format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=accurate, threads=1)
    return np.asarray(rgb.to_ndarray(), np.uint8)


FULL_CHROMA = Interpolation.FULL_CHR_H_INT

WAYS: dict[str, Scale] = {
    "swscale, area, full chroma": one_pass(Interpolation.AREA | FULL_CHROMA),
    "swscale, bilinear, full chroma": one_pass(Interpolation.BILINEAR | FULL_CHROMA),
    "swscale, bicubic, full chroma": one_pass(Interpolation.BICUBIC | FULL_CHROMA),
    "swscale, Lanczos, full chroma": one_pass(Interpolation.LANCZOS | FULL_CHROMA),
    "swscale, area": one_pass(Interpolation.AREA),
    "swscale, fast bilinear": one_pass(Interpolation.FAST_BILINEAR),
    "full-size RGB, then OpenCV area": two_passes(cv2.INTER_AREA),
    "full-size RGB, then OpenCV linear": two_passes(cv2.INTER_LINEAR),
}


def main() -> None:
    """Time every way on every picture, and compare each result with the exact one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=20)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for path in arguments.videos:
        with open_video(path, num_threads=2) as video:
            wanted = [float(second) for second in range(arguments.pictures)]
            pictures = [picture for _, picture in PictureDecoder(video).pictures_at(wanted)][
                : arguments.pictures
            ]
        size = size_for_short_side(pictures[0].width, pictures[0].height, SHORT_SIDE)
        exact = [
            cv2.resize(full_size(picture).astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for picture in pictures
        ]
        print(f"\n{path.name}, {pictures[0].width} x {pictures[0].height} to {size[0]} x {size[1]}")
        for name, scale in WAYS.items():
            times = []
            for _ in range(5):
                started = time.process_time()
                results = [scale(picture, size) for picture in pictures]
                times.append((time.process_time() - started) / len(pictures))
            error = np.mean(
                [np.mean((result - right) ** 2) for result, right in zip(results, exact, strict=True)]
            )
            print(f"  {name:34} {min(times) * 1e3:6.2f} ms  PSNR {10 * np.log10(255**2 / error):5.1f} dB")


if __name__ == "__main__":
    main()
