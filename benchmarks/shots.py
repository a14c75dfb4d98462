"""How many cuts are found, and how many of those found are cuts?

    python benchmarks/shots.py [--clips 8]

Makes clips from the photographs that scikit-image ships: shots of 1 to 5 s, each under its own pan, zoom or
shake, with noise, and with what is easily taken for a cut: flashes, quick pans, things that cross the
picture. The cuts are known. Compares `vidsearch.media.shots` with PySceneDetect's two detectors, where that
is installed (`pip install scenedetect-headless`), on the same decoded pictures, and does the same for the
sample videos. A cut counts as found within one picture of where it is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import skimage.data
from av.video.frame import VideoFrame

from vidsearch.media.container import open_video
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.picture import to_image
from vidsearch.media.shots import ANALYSIS_PIXELS, mark_cuts

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

WIDTH, HEIGHT, FRAME_RATE = 320, 180, 25
PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "retina",
    "rocket",
)

Detector = Callable[[list[tuple[float, "UInt8Image"]]], list[float]]


def main() -> None:
    """Make the clips, run every detector over them and the sample videos, print precision and recall."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.clips)
    with tempfile.TemporaryDirectory() as folder:
        report(
            f"{arguments.clips} made clips", [make_clip(Path(folder, f"{seed}.mp4"), seed) for seed in seeds]
        )
    report("sample videos", sample_clips())


def report(name: str, clips: list[tuple[Path, list[float]]]) -> None:
    """Print what each detector finds in `clips`, each with its true cuts in seconds."""
    pictures = {path: small_pictures(path) for path, _ in clips}
    print(
        f"\n{name}: {sum(len(cuts) for _, cuts in clips)} cuts in {sum(map(len, pictures.values()))} pictures"
    )
    for detector_name, detector in detectors().items():
        num_true = num_found = num_right = 0
        spent = time.process_time()
        for path, cuts in clips:
            found = detector(pictures[path])
            num_true, num_found = num_true + len(cuts), num_found + len(found)
            num_right += sum(any(abs(cut - other) < 1.5 / FRAME_RATE for other in found) for cut in cuts)
        spent = time.process_time() - spent
        precision, recall = num_right / max(num_found, 1), num_right / max(num_true, 1)
        score = 2 * precision * recall / max(precision + recall, 1e-9)
        pace = sum(map(len, pictures.values())) / spent
        print(
            f"  {detector_name:32} precision {precision:.3f}  recall {recall:.3f}  F1 {score:.3f}"
            f"  {pace:8.0f} pictures/CPU s"
        )


def detectors() -> dict[str, Detector]:
    """Ours, and PySceneDetect's where it is installed."""
    found: dict[str, Detector] = {"vidsearch": with_vidsearch}
    try:
        import scenedetect
        from scenedetect.detectors import AdaptiveDetector, ContentDetector
    except ImportError:
        return found

    def with_scenedetect(make: Callable[[], object]) -> Detector:
        def detect(pictures: list[tuple[float, UInt8Image]]) -> list[float]:
            detector = make()
            cuts: list[float] = []
            for number, (_, image) in enumerate(pictures):
                at = scenedetect.FrameTimecode(number, fps=float(FRAME_RATE))
                bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
                cuts += [pictures[cut.frame_num][0] for cut in detector.process_frame(at, bgr)]  # type: ignore[attr-defined]
            return cuts

        return detect

    found["PySceneDetect AdaptiveDetector"] = with_scenedetect(AdaptiveDetector)
    found["PySceneDetect ContentDetector"] = with_scenedetect(ContentDetector)
    return found


def with_vidsearch(pictures: list[tuple[float, UInt8Image]]) -> list[float]:
    """The times at which shots start, but for the first."""
    marked = mark_cuts((seconds, image, None) for seconds, image in pictures)
    return [one.time_seconds for one in marked if one.starts_shot][1:]


def small_pictures(path: Path) -> list[tuple[float, UInt8Image]]:
    """All pictures of a clip, as the detectors see them."""
    with open_video(path) as video:
        return [
            (video.seconds(ticks), to_image(picture, short_side_pixels=ANALYSIS_PIXELS))
            for ticks, picture in PictureDecoder(video).all_pictures()
        ]


def sample_clips() -> list[tuple[Path, list[float]]]:
    """The sample videos, with the cuts that expected.json names."""
    folder = Path(__file__).parents[1] / "sample_data"
    videos = json.loads((folder / "expected.json").read_text())["videos"]
    return [
        (folder / video["video"], [shot["start_seconds"] for shot in video["shots"][1:]]) for video in videos
    ]


def make_clip(path: Path, seed: int) -> tuple[Path, list[float]]:
    """Encode a clip of 20 shots. Returns its path and its cuts in seconds."""
    random = np.random.default_rng(seed)
    cuts, number = [], 0
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        names = [
            PHOTOGRAPHS[n % len(PHOTOGRAPHS)]
            for n in np.concatenate([random.permutation(10) for _ in range(2)])
        ]
        for name in names:
            cuts.append(number / FRAME_RATE)
            for image in make_shot(name, random):
                frame = VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
                output.mux(stream.encode(frame))
                number += 1
        output.mux(stream.encode(None))
    return path, cuts[1:]


def make_shot(name: str, random: np.random.Generator) -> Iterator[UInt8Image]:
    """A photograph under a camera that moves, with disturbances."""
    photograph = getattr(skimage.data, name)()
    photograph = photograph if photograph.ndim == 3 else np.repeat(photograph[:, :, None], 3, axis=2)
    height, width = photograph.shape[:2]
    num_frames = int(random.integers(FRAME_RATE, 5 * FRAME_RATE))
    zoom = random.uniform(1.2, 2.0) + np.linspace(0, random.uniform(-0.2, 0.5), num_frames)
    centre = random.uniform(0.3, 0.7, 2) + np.linspace(0, 1, num_frames)[:, None] * random.uniform(
        -0.4, 0.4, 2
    )
    shake = random.normal(0, random.choice([0.0, 0.002, 0.006]), (num_frames, 2))
    flash_at = int(random.integers(5, num_frames - 5)) if random.random() < 0.3 else -1
    crosses_from = int(random.integers(0, num_frames)) if random.random() < 0.3 else num_frames
    noise = random.choice([0.0, 3.0, 8.0])
    for n in range(num_frames):
        scale = max(WIDTH / width, HEIGHT / height) * zoom[n]
        half = np.array([WIDTH, HEIGHT]) / scale / 2
        x, y = np.clip((centre[n] + shake[n]) * [width, height], half, np.array([width, height]) - half)
        matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
        image = cv2.warpAffine(photograph, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA).astype(np.float32)
        if n >= crosses_from:
            left = (n - crosses_from) * 25 - 150
            image[:, max(left, 0) : max(left + 150, 0)] = (60, 40, 120)
        if n == flash_at:
            image = image * 0.3 + 180
        image += random.normal(0, noise, image.shape) if noise else 0
        yield np.clip(image, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
