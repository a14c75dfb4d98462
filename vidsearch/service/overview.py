"""Overviews of a library: clusters of its frames, a map of them, frequent words, look-alike moments."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.types import UNCLEAR_CAPTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vidsearch.captions.describe import Describer
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, IndexedFrame, Int64, Video

MAX_CLUSTERS = 8
_MAX_FRAMES = 3000
_SAME_COSINE = 0.96
_MAX_COMPARED = 20_000
_NEIGHBOURS = 8
_FRAMES_PER_CLUSTER = 12
"""There are fewer than MAX_CLUSTERS clusters if they would have fewer frames than this on average."""
_ITERATIONS = 30
_STARTS = 4
_WORDS_IN_NAME = 2
_LONGEST_EXAMPLE = 60
NUM_CANDIDATES = 12
_SAYS_NOTHING = frozenset(
    (
        "a", "about", "above", "after", "all", "along", "an", "and", "another", "are", "around", "as", "at",
        "back", "background", "be", "being", "behind", "below", "between", "by", "camera", "can", "down",
        "close", "each", "for", "from", "front", "frame", "going", "has", "have", "having", "he", "her",
        "him", "his", "holding", "image", "in", "into", "is", "it", "its", "just", "like", "looking", "made",
        "make", "making", "middle", "near", "next", "of", "off", "on", "one", "other", "out", "over",
        "photo", "picture", "scene", "she", "shot", "shown", "shows", "side", "sitting", "some", "something",
        "standing", "still", "that", "the", "their", "them", "there", "they", "this", "through", "to", "top",
        "two", "under", "up", "very", "video", "view", "was", "wearing", "were", "what", "while", "who",
        "with",
    )
)  # fmt: skip
"""Words of captions that do not describe what is visible."""


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A frame's place on the map."""

    x: float
    y: float
    frame: IndexedFrame
    video: Video
    cluster: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Frames that look alike."""

    name: str
    """The words that are most specific to its captions."""
    frame: IndexedFrame
    """The frame nearest to its centre, if possible one with a descriptive caption."""
    video: Video
    num_frames: int
    """The number of sampled frames in it."""
    share: float
    """The share of sampled frames in it: (0, 1]."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A library's frames in clusters, and on a map."""

    clusters: tuple[Cluster, ...] = ()
    """Largest first."""
    points: tuple[MapPoint, ...] = ()
    vectors: Float32 | None = field(default=None, compare=False, repr=False)
    """The points' vectors."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Two moments of different videos that look the same."""

    first: tuple[Video, IndexedFrame]
    second: tuple[Video, IndexedFrame]
    cosine: float


@dataclass(frozen=True, slots=True)
class Glance:
    """An overview of a library; see `Library.overview`."""

    caption: str | None
    """One caption for the whole library."""
    groups: tuple[Cluster, ...]
    words: tuple[tuple[str, int], ...]
    """Each with the number of frames whose captions contain it."""
    alike: tuple[Twins, ...]


def glance(library: Store, describer: Describer, *, num_words: int, num_alike: int) -> Glance:
    """See `Library.overview`."""
    summary = describer.library()
    return Glance(
        caption=None if summary is None else summary.text,
        groups=overview(library, max_points=_MAX_FRAMES).clusters,
        words=tuple(common_words(all_frames(library), limit=num_words)),
        alike=tuple(duplicates(library, limit=num_alike)) if num_alike else (),
    )


def first_space(library: Store) -> EmbeddingSpace | None:
    """Return the space in which pictures are compared."""
    return next(iter(library.spaces()), None)


def overview(library: Store, *, max_points: int) -> Overview:
    """Cluster a library's frames and place them on a map, by their vectors in the first space.

    At most `max_points` frames are used, evenly spaced. Deterministic.
    """
    space = first_space(library)
    if space is None:
        return Overview()
    matrix = library.matrix(space)
    ids, vectors = matrix.segment_ids, matrix.vectors
    if len(ids) == 0:
        return Overview()
    rows = np.unique(np.linspace(0, len(ids) - 1, min(max_points, len(ids))).astype(np.int64))
    known = {frame.id: frame for frame in library.frames_by_id(ids[rows].tolist())}
    videos = {video.id: video for video in library.videos()}
    # A run may have added or removed some since the vectors were read.
    rows = np.asarray(
        [row for row in rows.tolist() if (one := known.get(int(ids[row]))) and one.video_id in videos],
        dtype=np.int64,
    )
    if len(rows) == 0:
        return Overview()
    frames = [known[int(frame_id)] for frame_id in ids[rows]]
    chosen = vectors[rows]
    captions = [frame.caption.text if frame.caption else "" for frame in frames]
    labels, nearness = _clusters(chosen, max(1, min(MAX_CLUSTERS, len(rows) // _FRAMES_PER_CLUSTER)))
    sizes = np.bincount(labels)
    names = _names(captions, labels, len(sizes))
    # If possible, a frame with a descriptive caption represents its cluster.
    worth = nearness + np.asarray([2.0 if telling_words(caption) else 0.0 for caption in captions])
    clusters = []
    for number, size in enumerate(sizes.tolist()):
        inside = np.flatnonzero(labels == number)
        frame = frames[int(inside[np.argmax(worth[inside])])]
        clusters.append(Cluster(names[number], frame, videos[frame.video_id], size, size / len(rows)))
    points = tuple(
        MapPoint(float(x), float(y), frame, videos[frame.video_id], int(label))
        for (x, y), frame, label in zip(principal_places(chosen), frames, labels, strict=True)
    )
    return Overview(tuple(clusters), points, chosen)


def _clusters(vectors: Float32, num_clusters: int) -> tuple[Int64, Float32]:
    """Spherical k-means around the mean of all vectors: the best of several starts.

    Returns a label for each row, where clusters are numbered by size, largest first, and each row's
    similarity to its centre.
    """
    # The mean is what all pictures have in common.
    rows = vectors - vectors.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    starts = [_k_means(rows, num_clusters, np.random.default_rng(seed)) for seed in range(_STARTS)]
    labels, nearness = max(starts, key=lambda start: float(start[1].sum()))
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    place = np.empty(len(sizes), dtype=np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return place[labels], nearness


def _k_means(rows: Float32, num_clusters: int, rng: np.random.Generator) -> tuple[Int64, Float32]:
    """One start, seeded by k-means++ (Arthur and Vassilvitskii, 2007). Returns labels and cosines."""
    seeds = [int(rng.integers(len(rows)))]
    closest = rows @ rows[seeds[0]]
    while len(seeds) < num_clusters:
        distances = np.maximum(1.0 - closest.astype(np.float64), 0.0)
        if not distances.any():
            break
        seeds.append(int(rng.choice(len(rows), p=distances / distances.sum())))
        closest = np.maximum(closest, rows @ rows[seeds[-1]])
    centres = rows[seeds]
    scores = rows @ centres.T
    for _ in range(_ITERATIONS):
        labels = scores.argmax(axis=1)
        sums = (labels == np.arange(len(centres))[:, None]).astype(np.float32) @ rows
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres)
        scores = rows @ centres.T
        if np.array_equal(scores.argmax(axis=1), labels):
            break
    return scores.argmax(axis=1), scores.max(axis=1)


def _names(captions: Sequence[str], labels: Int64, num_clusters: int) -> list[str]:
    """Name each cluster by the words that are frequent in its captions and rare in the others."""
    words = [telling_words(caption) for caption in captions]
    everywhere = Counter(word for said in words for word in said)
    names: list[str] = []
    for number in range(num_clusters):
        inside = Counter(
            word for said, label in zip(words, labels, strict=True) if label == number for word in said
        )
        num_inside = int(np.sum(labels == number))
        ranked = sorted(
            inside, key=lambda word: (-(inside[word] / num_inside) * (inside[word] / everywhere[word]), word)
        )
        fresh = [word for word in ranked if word not in " ".join(names).split(", ")] or ranked
        names.append(", ".join(fresh[:_WORDS_IN_NAME]) or f"group {number + 1}")
    return names


def principal_places(vectors: Float32) -> np.ndarray:
    """Return the two principal components of each row: (n, 2)."""
    rows = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, _, components = np.linalg.svd(rows, full_matrices=False)
    axes = components[:2]
    # The sign of a component is arbitrary: a positive largest weight makes maps reproducible.
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    places = np.zeros((len(rows), 2))
    places[:, : len(axes)] = rows @ axes.T
    return places


def duplicates(library: Store, *, limit: int) -> list[Twins]:
    """Find the most similar moments of different videos, one for each pair of videos, best first."""
    space = first_space(library)
    if space is None:
        return []
    matrix = library.matrix(space)
    ids, video_ids, vectors = matrix.segment_ids, matrix.video_ids, matrix.vectors
    step = max(1, -(-len(ids) // _MAX_COMPARED))
    video_of = dict(zip(ids.tolist(), video_ids.tolist(), strict=True))
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for at in range(0, len(ids), step * 512):
        rows = slice(at, at + step * 512, step)
        near, cosines = library.nearest(space, np.ascontiguousarray(vectors[rows]), _NEIGHBOURS)
        for frame_id, others, values in zip(ids[rows].tolist(), near.tolist(), cosines.tolist(), strict=True):
            for other, cosine in zip(others, values, strict=True):
                # A run may have added some since the vectors were read.
                if other not in video_of or cosine < _SAME_COSINE or video_of[other] == video_of[frame_id]:
                    continue
                first, second = sorted((frame_id, other), key=lambda one: (video_of[one], one))
                key = (video_of[first], video_of[second])
                best[key] = max(best.get(key, (0.0, 0, 0)), (cosine, first, second))
    videos = {video.id: video for video in library.videos()}
    found = sorted(best.values(), key=lambda pair: (-pair[0], pair[1], pair[2]))[:limit]
    frames = {frame.id: frame for frame in library.frames_by_id([one for pair in found for one in pair[1:]])}
    return [
        Twins((videos[video_of[first]], frames[first]), (videos[video_of[second]], frames[second]), cosine)
        for cosine, first, second in found
        # A run may have removed some since the vectors were read.
        if {first, second} <= frames.keys() and {video_of[first], video_of[second]} <= videos.keys()
    ]


def all_frames(library: Store) -> Iterator[IndexedFrame]:
    """Return the frames of every video, by video and time."""
    for video in library.videos():
        yield from library.frames(video.id)


def common_words(frames: Iterable[IndexedFrame], *, limit: int) -> list[tuple[str, int]]:
    """Count the frames whose captions contain each descriptive word."""
    counts: Counter[str] = Counter()
    for frame in frames:
        if frame.caption is not None:
            counts.update(telling_words(frame.caption.text))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def telling_words(caption: str) -> set[str]:
    """The descriptive words of a caption; none if it says that the picture is unclear."""
    if caption == UNCLEAR_CAPTION:
        return set()
    words = re.findall(r"[^\W\d_]{2,}", caption.lower())
    return {word for word in words if word not in _SAYS_NOTHING}


def best_queries(
    captions: Iterable[str], confidence_of: Callable[[str], float | None], *, limit: int
) -> list[str]:
    """Choose captions that make good example queries, most confident first, with mostly different words.

    `confidence_of`: returns the confidence of the best answer to a caption; None if there is no good answer.
    """
    candidates = [
        text for text in dict.fromkeys(captions) if len(text) <= _LONGEST_EXAMPLE and telling_words(text)
    ]
    answered = [
        (confidence, text)
        for text in candidates[:NUM_CANDIDATES]
        if (confidence := confidence_of(text)) is not None
    ]
    chosen: list[str] = []
    for _, text in sorted(answered, key=lambda pair: -pair[0]):
        words = telling_words(text)
        if all(len(words & telling_words(other)) <= len(words) // 2 for other in chosen):
            chosen.append(text)
    return chosen[:limit]
