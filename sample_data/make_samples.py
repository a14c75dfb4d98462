"""Makes the sample videos and expected.json beside this file, from public-domain photographs in scikit-image.

    python sample_data/make_samples.py

Each shot is one photograph under a slow pan and zoom; shots follow each other by hard cuts at known times.
The photographs come with scikit-image's wheel, so nothing is downloaded. README.md names their sources and
terms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import skimage.data
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

WIDTH, HEIGHT, FRAME_RATE = 640, 360, 25


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera looks: its centre in [0, 1] of the photograph, and its magnification (1: it all)."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True, slots=True)
class SampleShot:
    """A photograph, how long it is shown, and what can be seen."""

    photograph: str
    seconds: float
    shows: str
    start: View
    end: View


@dataclass(frozen=True, slots=True)
class Query:
    """A question whose answer is known: the shot of `video` that shows `photograph`."""

    text: str
    video: str
    photograph: str


VIDEOS: dict[str, tuple[SampleShot, ...]] = {
    "cafe.mp4": (
        SampleShot("brick", 3.0, "a brick wall", View(0.4, 0.5, 1.1), View(0.6, 0.5, 1.1)),
        SampleShot(
            "coffee",
            8.0,
            "a cup of coffee with a spoon on a wooden table",
            View(0.5, 0.5, 1.0),
            View(0.45, 0.45, 1.5),
        ),
        SampleShot("coins", 5.0, "rows of old coins", View(0.4, 0.4, 1.5), View(0.6, 0.6, 1.5)),
    ),
    "cat.mp4": (
        SampleShot("grass", 4.0, "grass", View(0.4, 0.5, 1.2), View(0.6, 0.5, 1.2)),
        SampleShot("chelsea", 9.0, "the face of a ginger cat", View(0.5, 0.5, 1.3), View(0.5, 0.45, 1.0)),
        SampleShot("gravel", 3.0, "gravel", View(0.5, 0.4, 1.2), View(0.5, 0.6, 1.2)),
    ),
    "space.mp4": (
        SampleShot(
            "rocket",
            7.0,
            "a rocket on its launch pad at dusk",
            View(0.5, 0.6, 1.0),
            View(0.5, 0.4, 1.3),
        ),
        SampleShot(
            "astronaut",
            7.0,
            "a smiling woman in an orange space suit in front of a flag",
            View(0.45, 0.3, 1.0),
            View(0.45, 0.25, 1.3),
        ),
        SampleShot("hubble_deep_field", 6.0, "stars and galaxies", View(0.4, 0.4, 1.5), View(0.6, 0.6, 1.5)),
    ),
    "photographer.mp4": (
        SampleShot(
            "camera",
            8.0,
            "a man in a coat looking through a camera on a tripod",
            View(0.5, 0.3, 1.2),
            View(0.5, 0.45, 1.0),
        ),
        SampleShot(
            "retina",
            4.0,
            "the back of a human eye, with its blood vessels",
            View(0.5, 0.5, 1.0),
            View(0.5, 0.5, 1.3),
        ),
    ),
}

QUERIES = (
    Query("a cat looking at the camera", "cat.mp4", "chelsea"),
    Query("a cup of coffee", "cafe.mp4", "coffee"),
    Query("a rocket on a launch pad", "space.mp4", "rocket"),
    Query("a man with a camera on a tripod", "photographer.mp4", "camera"),
)


def main() -> None:
    """Write the videos and expected.json into this file's folder."""
    folder = Path(__file__).resolve().parent
    for name, shots in VIDEOS.items():
        write(folder / name, shots)
        kibibytes = (folder / name).stat().st_size / 1024
        print(f"{name}: {sum(shot.seconds for shot in shots):.0f} s, {kibibytes:.0f} KiB")
    text = json.dumps(expected(), indent=2, ensure_ascii=False)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


def expected() -> dict[str, object]:
    """What each video shows when, and which span should win each query."""
    spans = {name: _spans(shots) for name, shots in VIDEOS.items()}
    return {
        "videos": [
            {
                "video": name,
                "duration_seconds": spans[name][-1][1],
                "shots": [
                    {
                        "start_seconds": start,
                        "end_seconds": end,
                        "photograph": shot.photograph,
                        "shows": shot.shows,
                    }
                    for shot, (start, end) in zip(shots, spans[name], strict=True)
                ],
            }
            for name, shots in VIDEOS.items()
        ],
        "queries": [
            {"query": query.text, "video": query.video, "start_seconds": start, "end_seconds": end}
            for query in QUERIES
            for shot, (start, end) in zip(VIDEOS[query.video], spans[query.video], strict=True)
            if shot.photograph == query.photograph
        ],
    }


def write(path: Path, shots: tuple[SampleShot, ...]) -> None:
    """Encode shots one after the other as H.264 with BT.709 colours."""
    with av.open(str(path), "w", options={"movflags": "faststart", "fflags": "bitexact"}) as output:
        stream = output.add_stream(
            "libx264", rate=FRAME_RATE, options={"crf": "27", "preset": "veryslow", "g": "125"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace = 1
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.thread_count = 1
        number = 0
        for shot in shots:
            photograph = _photograph(shot.photograph)
            num_frames = round(shot.seconds * FRAME_RATE)
            for position in np.linspace(0.0, 1.0, num_frames):
                frame = VideoFrame.from_ndarray(
                    _look(photograph, _between(shot, float(position))), format="rgb24"
                )
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
                output.mux(stream.encode(frame))
                number += 1
        output.mux(stream.encode(None))


def _photograph(name: str) -> UInt8Image:
    image: UInt8Image = getattr(skimage.data, name)()
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _spans(shots: tuple[SampleShot, ...]) -> list[tuple[float, float]]:
    ends = np.cumsum([shot.seconds for shot in shots]).tolist()
    return list(zip([0.0, *ends[:-1]], ends, strict=True))


def _between(shot: SampleShot, position: float) -> View:
    def mix(a: float, b: float) -> float:
        return a + (b - a) * position

    return View(
        mix(shot.start.x, shot.end.x), mix(shot.start.y, shot.end.y), mix(shot.start.zoom, shot.end.zoom)
    )


def _look(photograph: UInt8Image, view: View) -> UInt8Image:
    """Cut the view out of a photograph, never past its edges."""
    height, width = photograph.shape[:2]
    scale = max(WIDTH / width, HEIGHT / height) * view.zoom
    half_width, half_height = WIDTH / scale / 2, HEIGHT / scale / 2
    x = min(max(view.x * width, half_width), width - half_width)
    y = min(max(view.y * height, half_height), height - half_height)
    matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
    looked: UInt8Image = cv2.warpAffine(
        photograph,
        matrix,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return looked


if __name__ == "__main__":
    main()
