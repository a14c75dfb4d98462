"""Compare the ways to choose one caption for a video, on videos composed of photographs with human captions.

    python benchmarks/aggregate_methods.py ../shared/data/flickr8k_224

Each video shows four photographs of the `dev` split, one after the other, each for some seconds: one lasts
longest, and its five human captions are the references for the whole video. Every few seconds the window on
the photograph moves; that look is captioned and embedded by `mini`, and stands until the next one, as the
frames of an index run do whose captions are carried over. For each method:

- CIDEr, BLEU-4 and ROUGE-L (pycocoevalcap, lower-cased words without punctuation) of the chosen line;
- `contradicts`: how often the line was taken from another scene than the longest-lasting one;
- and, for `split`, how well boundaries between photographs are found at several penalties.

Looks are made and described once, and kept in --cache. Ctrl-C goes on with the videos described so far.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from vidsearch.captions.aggregate import METHODS, aggregate
from vidsearch.captions.sections import split
from vidsearch.media.images import decode_jpeg
from vidsearch.models.device import choose_device
from vidsearch.models.protocols import TextEncoder
from vidsearch.models.registry import load_captioner, load_embedder, load_text_encoder
from vidsearch.types import Caption

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

SCENE_SECONDS = ((7, 9), (3, 5), (2, 4), (1, 3))
"""Shortest and longest time of a video's scenes, the longest-lasting one first."""
LOOK_SECONDS = 3
"""How long the window on a photograph stands still, at most."""
PENALTIES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class PseudoVideo:
    """Looks, each with its time."""

    scene_of_frame: tuple[int, ...]
    """0 is the longest-lasting scene."""
    seconds: tuple[float, ...]
    captions: tuple[Caption, ...]
    vectors: Float32
    references: tuple[str, ...]


def compose(rows: list[dict[str, Any]], rng: np.random.Generator) -> list[list[tuple[int, int, float]]]:
    """Return videos as lists of looks: photograph, scene, seconds."""
    order = rng.permutation(len(rows))
    videos = []
    for at in range(0, len(order) - len(SCENE_SECONDS) + 1, len(SCENE_SECONDS)):
        scenes = list(enumerate(order[at : at + len(SCENE_SECONDS)].tolist()))
        rng.shuffle(scenes)
        looks = []
        for scene, photograph in scenes:
            shortest, longest = SCENE_SECONDS[scene]
            left = int(rng.integers(shortest, longest + 1))
            while left > 0:
                seconds = int(rng.integers(1, LOOK_SECONDS + 1))
                looks.append((photograph, scene, float(min(seconds, left))))
                left -= seconds
        videos.append(looks)
    return videos


def pan(image: UInt8Image, progress: float, rng: np.random.Generator) -> UInt8Image:
    """Return a window of 70 to 100% of a picture that moves with `progress`, with a little noise."""
    side = image.shape[0]
    window = int(side * (1.0 - 0.3 * progress))
    left, top = rng.integers(0, side - window + 1, size=2)
    cut = cv2.resize(image[top : top + window, left : left + window], (side, side))
    noisy: UInt8Image = np.clip(cut + rng.normal(0, 3, cut.shape), 0, 255).astype(np.uint8)
    return noisy


def describe(folder: Path, num_videos: int, seed: int) -> list[PseudoVideo]:
    """Compose the videos, then caption and embed their looks."""
    rng = np.random.default_rng(seed)
    lines = (folder / "captions.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == "dev"]
    device = choose_device("cpu")
    embedder, captioner = load_embedder("mini", device=device), load_captioner("mini", device=device)
    videos: list[PseudoVideo] = []
    try:
        for looks in compose(rows, rng)[:num_videos]:
            images = [
                pan(_read(folder / rows[photograph]["image"]), rng.random(), rng)
                for photograph, _, _ in looks
            ]
            captions = tuple(
                Caption(one.text, one.raw_text, mean_logprob=float(np.mean(one.token_logprobs)))
                for one in captioner.captions(images)
            )
            main = next(photograph for photograph, scene, _ in looks if scene == 0)
            videos.append(
                PseudoVideo(
                    tuple(scene for _, scene, _ in looks),
                    tuple(seconds for _, _, seconds in looks),
                    captions,
                    embedder.embed_images(images),
                    tuple(rows[main]["captions"]),
                )
            )
            print(f"\r{len(videos)} videos described", end="", flush=True)
    except KeyboardInterrupt:
        print("\nstopped", end="")
    print()
    return videos


def _read(path: Path) -> UInt8Image:
    return decode_jpeg(path.read_bytes())


def words(text: str) -> str:
    """Return lower-cased words without punctuation."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def measure(chosen: list[str], videos: list[PseudoVideo]) -> tuple[float, float, float]:
    """Return CIDEr, BLEU-4 and ROUGE-L, each times 100."""
    references = {i: [words(text) for text in video.references] for i, video in enumerate(videos)}
    candidates = {i: [words(text)] for i, text in enumerate(chosen)}
    cider, _ = Cider().compute_score(references, candidates)
    bleu, _ = Bleu(4).compute_score(references, candidates, verbose=0)
    rouge, _ = Rouge().compute_score(references, candidates)
    return 100 * float(cider), 100 * float(bleu[3]), 100 * float(rouge)


def compare(videos: list[PseudoVideo], encoder: TextEncoder) -> None:
    """Print a line for each method, with and without the captions' confidence."""
    print(f"{'method':<14} {'weights':<22} {'CIDEr':>6} {'BLEU-4':>6} {'ROUGE-L':>7} {'contradicts':>11}")
    texts = sorted({caption.text for video in videos for caption in video.captions})
    vector_of = dict(zip(texts, encoder.embed_texts(texts), strict=True))

    def embed(some: Sequence[str]) -> Float32:
        return np.asarray([vector_of[text] for text in some])

    rng = np.random.default_rng(0)
    random_frames = [int(rng.integers(len(video.captions))) for video in videos]
    best_frames = [video.scene_of_frame.index(0) for video in videos]
    for name, frames in (("random frame", random_frames), ("(longest scene)", best_frames)):
        _report(name, "", frames, videos)
    for method in METHODS:
        for label, is_confident in (("seconds", False), ("seconds x confidence", True)):
            frames = []
            for video in videos:
                chosen = aggregate(
                    video.captions,
                    video.seconds,
                    image_vectors=video.vectors,
                    embed_texts=embed,
                    method=method,
                    by_confidence=is_confident,
                )
                frames.append(0 if chosen is None else chosen.index)
            _report(method, label, frames, videos)


def _report(name: str, label: str, frames: list[int], videos: list[PseudoVideo]) -> None:
    texts = [video.captions[frame].text for video, frame in zip(videos, frames, strict=True)]
    wrong = np.mean([video.scene_of_frame[frame] != 0 for video, frame in zip(videos, frames, strict=True)])
    cider, bleu, rouge = measure(texts, videos)
    print(f"{name:<14} {label:<22} {cider:6.1f} {bleu:6.1f} {rouge:7.1f} {100 * wrong:10.1f}%")


def find_boundaries(videos: list[PseudoVideo]) -> None:
    """Print precision and recall of the boundaries between photographs."""
    print(f"\n{'penalty':>7} {'precision':>9} {'recall':>6}")
    for penalty in PENALTIES:
        found = right = there = 0
        for video in videos:
            by_second = np.repeat(np.arange(len(video.seconds)), np.asarray(video.seconds, dtype=int))
            scenes = np.asarray(video.scene_of_frame)[by_second]
            true = set((np.flatnonzero(np.diff(scenes)) + 1).tolist())
            runs = split(video.vectors[by_second], penalty=penalty)
            guessed = {run.start for run in runs} - {0}
            found, right, there = found + len(guessed), right + len(guessed & true), there + len(true)
        print(f"{penalty:7.2f} {right / max(found, 1):9.3f} {right / there:6.3f}")


def main() -> None:
    """Describe the videos, or read them from the cache, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--videos", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="a .npz file for the frames' captions and vectors")
    arguments = parser.parse_args()
    videos = load(arguments.cache) if arguments.cache and arguments.cache.exists() else None
    if videos is None:
        videos = describe(arguments.data, arguments.videos, arguments.seed)
        if arguments.cache:
            save(arguments.cache, videos)
    compare(videos, load_text_encoder("mini"))
    find_boundaries(videos)


def save(path: Path, videos: list[PseudoVideo]) -> None:
    """Keep described videos in a file."""
    records = [
        {
            "scenes": video.scene_of_frame,
            "seconds": video.seconds,
            "captions": [(caption.text, caption.mean_logprob) for caption in video.captions],
            "references": video.references,
        }
        for video in videos
    ]
    vectors: NDArray[np.float32] = np.concatenate([video.vectors for video in videos])
    np.savez(path, records=np.asarray(json.dumps(records)), vectors=vectors)


def load(path: Path) -> list[PseudoVideo]:
    """Read what `save` kept."""
    kept = np.load(path)
    videos = []
    at = 0
    for record in json.loads(str(kept["records"])):
        end = at + len(record["scenes"])
        captions = tuple(Caption(text, text, mean_logprob=logprob) for text, logprob in record["captions"])
        videos.append(
            PseudoVideo(
                tuple(record["scenes"]),
                tuple(record["seconds"]),
                captions,
                kept["vectors"][at:end],
                tuple(record["references"]),
            )
        )
        at = end
    return videos


if __name__ == "__main__":
    main()
