"""A whole library at a glance: a map of its frames, its duplicates, its words. Knows nothing of Streamlit."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.store.library import Library
    from vidsearch.types import EmbeddingSpace, IndexedFrame, Video

_SAME_COSINE = 0.96
_MAX_COMPARED = 20_000
_NEIGHBOURS = 8
_SAYS_NOTHING = re.compile(
    r"an?|and|are|as|at|be|by|for|from|has|her|his|in|is|its?|of|on|or|over|that|the|their|there|through|to|up"
    r"|while|with"
)


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A frame's place on the map."""

    x: float
    y: float
    frame: IndexedFrame
    video: Video


@dataclass(frozen=True, slots=True)
class Twins:
    """Two moments of different videos that look the same."""

    first: tuple[Video, IndexedFrame]
    second: tuple[Video, IndexedFrame]
    cosine: float


def frame_map(library: Library, *, max_points: int) -> list[MapPoint]:
    """Place frames by the two principal components of their vectors, in the first space.

    Of more than `max_points` frames, evenly spaced ones are placed. The same library gives the same map.
    """
    space = _space(library)
    if space is None:
        return []
    ids, _, _, vectors = library.matrix(space)
    if len(ids) == 0:
        return []
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(max_points, len(ids))).astype(np.int64))
    rows = np.asarray(vectors[chosen], dtype=np.float64)
    rows -= rows.mean(axis=0)
    _, _, components = np.linalg.svd(rows, full_matrices=False)
    # A component's sign means nothing: the largest weight is made positive, so that maps stay put.
    axes = components[:2]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    places = np.zeros((len(chosen), 2))
    places[:, : len(axes)] = rows @ axes.T
    videos = {video.id: video for video in library.videos()}
    by_id = {frame.id: frame for frame in library.frames_by_id(ids[chosen].tolist())}
    return [
        MapPoint(float(x), float(y), frame, videos[frame.video_id])
        for (x, y), frame_id in zip(places, ids[chosen].tolist(), strict=True)
        if (frame := by_id.get(frame_id)) is not None and frame.video_id in videos
    ]


def duplicates(library: Library, *, limit: int) -> list[Twins]:
    """Find the moments that look most alike in different videos, one for each two videos, best first."""
    space = _space(library)
    if space is None:
        return []
    ids, video_ids, _, vectors = library.matrix(space)
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


def common_words(library: Library, *, limit: int) -> list[tuple[str, int]]:
    """Count in how many frames' captions each word stands, without the words that say nothing."""
    counts: Counter[str] = Counter()
    for video in library.videos():
        for frame in library.frames(video.id):
            if frame.caption is not None:
                words = set(re.findall(r"[^\W\d_]{2,}", frame.caption.text.lower()))
                counts.update(word for word in words if not _SAYS_NOTHING.fullmatch(word))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _space(library: Library) -> EmbeddingSpace | None:
    return next(iter(library.spaces()), None)
