"""Measure how well a moment's span is found, on videos made of photographs with known cuts.

    python benchmarks/search_moments.py --data ../shared/data/flickr8k_224 [--model mini] [--num-videos 40]

Each made-up video shows eight photographs of Flickr8k's development split, each for 4 to 20 seconds, one
frame a second, through a window that drifts over the photograph as a hand-held camera would. A query is a
caption of one of the photographs, and the right answer the chunk of that video that shows it.

Compared: the best frame alone; the best frame with five seconds to each side; the span around it that this
project finds (`search.moments`), for several levels, and within the true cuts; chance; and the same chunk
of every video. R1@0.5 is the share of queries whose first span overlaps the right one by half (intersection
over union); intervals are 95%, from resampling videos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.evaluation.metrics import moment_figures
from vidsearch.evaluation.retrieval import random_spans, usual_spans
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder
from vidsearch.search import moments
from vidsearch.types import Shot

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

Span = tuple[float, float]
PHOTOS_PER_VIDEO = 8


@dataclass(frozen=True)
class Made:
    """A made-up video: its frames' vectors, where its photographs are, and their captions' vectors."""

    frames: Float32
    shots: list[Shot]
    captions: Float32


def drifting(image: UInt8Image, num_frames: int, rng: np.random.Generator) -> list[UInt8Image]:
    """A photograph through a window of 80% of its sides that moves over it."""
    height, width = image.shape[:2]
    corners = rng.random((2, 2)) * 0.2
    pictures = []
    for share in np.linspace(0, 1, num_frames):
        top, left = (corners[0] * (1 - share) + corners[1] * share) * (height, width)
        window = image[int(top) : int(top + 0.8 * height), int(left) : int(left + 0.8 * width)]
        pictures.append(cv2.resize(window, (224, 224), interpolation=cv2.INTER_LINEAR))
    return pictures


def make(data: Path, model: str, num_videos: int) -> list[Made]:
    """Make the videos, and embed them."""
    rng = np.random.default_rng(0)
    embedder = load_embedder(model, device=choose_device())
    dataset = open_dataset(data, kind="flickr8k-lines", split="dev")
    assert isinstance(dataset, RetrievalSet)
    texts: dict[int, str] = {}
    for text, number in zip(dataset.texts, dataset.described, strict=True):
        texts.setdefault(number, text)
    numbers = rng.permutation(len(dataset.paths))
    made = []
    for video in range(num_videos):
        chosen = numbers[video * PHOTOS_PER_VIDEO : (video + 1) * PHOTOS_PER_VIDEO]
        lengths = rng.integers(4, 21, size=len(chosen))
        pictures = [
            picture
            for number, length in zip(chosen, lengths, strict=True)
            for picture in drifting(read_image(dataset.paths[number]), int(length), rng)
        ]
        ends = np.cumsum(lengths).tolist()
        shots = [Shot(float(start), float(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        frames = np.concatenate(
            [embedder.embed_images(pictures[i : i + 32]) for i in range(0, len(pictures), 32)]
        )
        made.append(Made(frames, shots, embedder.embed_texts([texts[int(number)] for number in chosen])))
    return made


def standard(cosines: Float32) -> Float32:
    """Standard scores within one video."""
    return np.asarray((cosines - cosines.mean()) / max(float(cosines.std()), 1e-6), dtype=np.float32)


def around_peak(kept: float, *, in_shots: bool) -> Callable[[Float32, list[Shot]], Span]:
    """The span of the best frame, at a level of `kept` of its height."""

    def find(cosines: Float32, shots: list[Shot]) -> Span:
        curve = standard(cosines)
        peak, bounds = int(curve.argmax()), (0, len(curve))
        if in_shots:
            bounds = moments.shot_bounds(np.arange(len(curve)), float(peak), shots)
        span = moments.span_around(peak, lambda first, end: curve[first:end], bounds, kept_height=kept)
        return float(span.first), float(span.end)

    return find


def window(before: float, after: float) -> Callable[[Float32, list[Shot]], Span]:
    """The best frame and a fixed time around it."""

    def find(cosines: Float32, shots: list[Shot]) -> Span:
        peak = int(cosines.argmax())
        return max(0.0, peak - before), min(float(len(cosines)), peak + after)

    return find


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--num-videos", type=int, default=40)
    options = parser.parse_args()
    made = make(options.data, options.model, options.num_videos)
    right = [[(shot.start_seconds, shot.end_seconds)] for video in made for shot in video.shots]
    groups = np.repeat(np.arange(len(made)), PHOTOS_PER_VIDEO)
    lengths = [float(len(video.frames)) for video in made for _ in video.shots]

    ways: dict[str, Callable[[Float32, list[Shot]], Span]] = {
        "best frame alone": window(0, 1),
        "best frame, five seconds to each side": window(5, 6),
        **{f"span at {kept:.0%} of the peak": around_peak(kept, in_shots=False) for kept in (0.3, 0.5, 0.7)},
        **{
            f"the same, within cuts ({kept:.0%})": around_peak(kept, in_shots=True)
            for kept in (0.3, 0.5, 0.7)
        },
    }
    found: dict[str, list[list[Span]]] = {
        "random span": random_spans(lengths),
        "same chunk of every video": usual_spans(lengths, right, groups),
    }
    for name, find in ways.items():
        found[name] = [
            [find(video.frames @ caption, video.shots)] for video in made for caption in video.captions
        ]
    print(f"{len(made)} videos, {sum(lengths) / PHOTOS_PER_VIDEO:,.0f} frames, {len(right)} queries")
    print("| | R1@0.3 | R1@0.5 | R1@0.7 | mIoU |\n|---|---|---|---|---|")
    for name, answers in found.items():
        figures = moment_figures(answers, right, groups)[:4]
        cells = " | ".join(f"{f.value:.1f} [{f.low:.1f}, {f.high:.1f}]" for f in figures)
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
