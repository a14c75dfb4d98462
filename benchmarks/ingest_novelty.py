"""How far a frame must have moved to be captioned again: what each threshold saves, and what it loses.

    python benchmarks/ingest_novelty.py VIDEO_OR_FOLDER... [--models mini]

Every frame is captioned once; then, for each threshold, the policy is played over the frames. *saved* is the
share of frames that would take over a caption. For those, *same* is the share whose own caption is word for
word the one taken over; *differs* the share whose own caption would have said something else: less than half
of its content words are in the one taken over, or the other way round. *baseline* is how often that holds of
two neighbouring frames that look alike to the eye (near-duplicates), where a difference is only the
captioner's mood. The second table does the same for near-duplicates: how far apart the vectors are that
they share, by the largest change of any cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.near_duplicates import signature
from vidsearch.ingest.pipeline import largest_side
from vidsearch.ingest.policy import LookMemory, LookPolicy, needs_look
from vidsearch.media.decode import frames
from vidsearch.media.discover import find_videos
from vidsearch.media.images import is_blank
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_captioner, load_embedder, resolve_models
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.near_duplicates import Signature
    from vidsearch.types import Float32

THRESHOLDS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)
CELL_CHANGES = (1, 2, 3, 4, 6, 8, 12, 16, 24)
FUNCTION_WORDS = frozenset(
    ["a", "an", "the", "of", "in", "on", "at", "with", "and", "is", "are", "to", "his", "her", "their", "its"]
)
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, and all that the models say of it."""

    time_seconds: float
    vector: Float32
    caption: str
    cells: Signature


def look(paths: Sequence[Path], models: str, fps: float) -> dict[str, list[Seen]]:
    """Embed and caption every frame of every video."""
    device = choose_device("cpu")
    chosen = resolve_models(models).models
    embedder = load_embedder(chosen.embedders[0], device=device)
    if chosen.captioner is None:
        raise SystemExit(f"{models} has no captioner.")
    analyzer = CaptionAnalyzer(load_captioner(chosen.captioner, device=device))
    seen: dict[str, list[Seen]] = {}
    for path in find_videos(paths).videos:
        side = largest_side([embedder], [analyzer])
        shown = [
            frame
            for frame in frames(path, SamplingPlan(fps=fps), short_side_pixels=side)
            if not is_blank(frame.image)
        ]
        seen[path.name] = []
        for start in range(0, len(shown), _BATCH):
            images = [frame.image for frame in shown[start : start + _BATCH]]
            vectors, findings = embedder.embed_images(images), analyzer.analyze(images)
            for frame, vector, (finding,) in zip(shown[start:], vectors, findings, strict=False):
                caption = finding.text or ""
                seen[path.name].append(Seen(frame.time_seconds, vector, caption, signature(frame.image)))
    return seen


def says_something_else(one: str, other: str) -> bool:
    """Whether less than half of either caption's content words are in the other."""
    first, second = (set(text.lower().split()) - FUNCTION_WORDS for text in (one, other))
    if not first or not second:
        return first != second
    return len(first & second) < 0.5 * max(len(first), len(second))


def play(seen: dict[str, list[Seen]], policy: LookPolicy) -> tuple[int, int, int]:
    """Frames that take over a caption; of them, those whose own is the same, and those that differ."""
    carried = same = differs = 0
    for shown in seen.values():
        memory: LookMemory | None = None
        words = ""
        for index, frame in enumerate(shown):
            if needs_look(policy, memory, frame_index=index, vector=frame.vector):
                memory = LookMemory(index, frame.time_seconds, frame.vector)
                words = frame.caption
                continue
            carried += 1
            same += frame.caption == words
            differs += says_something_else(frame.caption, words)
    return carried, same, differs


def neighbours(seen: dict[str, list[Seen]]) -> list[tuple[Seen, Seen, int]]:
    """Frames and the next one of their video, with the largest change of any cell."""
    return [
        (one, other, int(np.abs(one.cells.astype(int) - other.cells.astype(int)).max()))
        for shown in seen.values()
        for one, other in pairwise(shown)
    ]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--models", default="mini")
    parser.add_argument("--fps", type=float, default=1.0)
    options = parser.parse_args()
    seen = look(options.paths, options.models, options.fps)
    total = sum(map(len, seen.values()))
    print(f"{len(seen)} videos, {total} frames, {options.models}")
    print("\ndistance   saved    same  differs")
    for threshold in THRESHOLDS:
        show(f"{threshold:.2f}", play(seen, LookPolicy(min_distance=threshold)), total)
    show("every 5", play(seen, LookPolicy(rule="every", every=5)), total)

    print("\nchange   frames   distance of vectors: median, largest   captions differ")
    pairs = neighbours(seen)
    for change in CELL_CHANGES:
        alike = [(one, other) for one, other, largest in pairs if largest <= change]
        if not alike:
            continue
        distances = [1 - float(one.vector @ other.vector) for one, other in alike]
        differ = sum(says_something_else(one.caption, other.caption) for one, other in alike)
        middle, largest = np.median(distances), max(distances)
        print(f"{change:6}{len(alike):9}{middle:22.4f}{largest:9.4f}{differ / len(alike):20.1%}")


def show(name: str, counts: tuple[int, int, int], total: int) -> None:
    """Print a line of the first table."""
    carried, same, differs = counts
    print(f"{name:>8}{carried / total:8.1%}{same / max(1, carried):8.1%}{differs / max(1, carried):9.1%}")


if __name__ == "__main__":
    main()
