"""Made-up videos for benchmarks: a real library, written the way that indexing writes one, without media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from vidsearch.tracks import Chunk, SegmentRecord, TrackSpec
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Fingerprint, Float32, Video, VideoInfo

PLAN = SamplingPlan()


def add_video(
    library: Store,
    path: Path,
    fingerprint: Fingerprint,
    info: VideoInfo,
    space: EmbeddingSpace,
    vectors: Float32,
    captions: Sequence[str],
    *,
    model: str = "made-up",
    thumbnail_jpeg: bytes = b"",
    chunk_frames: int | None = None,
) -> Video:
    """Add a video with one frame a second.

    Args:
        vectors: The frames', float32 (n, dim) with unit rows.
        captions: One for each frame. Neighbours with the same one share a segment, as look-alike frames do.
        model: The captions' producer.
        thumbnail_jpeg: The picture of every frame.
        chunk_frames: Frames to a transaction; all in one by default.
    """
    wanted = [TrackSpec("frames", "sampling", asdict(PLAN)), TrackSpec("caption", model)]
    opened = library.begin_video(path, fingerprint, info, wanted, [space])
    frames_track, caption_track = (track.id for track in opened.tracks)
    size = chunk_frames or max(1, len(vectors))
    for first in range(0, len(vectors), size):
        end = min(len(vectors), first + size)
        frames = tuple(
            SegmentRecord(
                float(second),
                second + 1.0,
                vectors={space: vectors[second]},
                thumbnail_jpeg=thumbnail_jpeg,
            )
            for second in range(first, end)
        )
        tracks = {frames_track: frames, caption_track: _runs(captions, first, end)}
        library.append(opened.video.id, Chunk(float(end), tracks, (space,)))
    return library.finish_video(
        opened.video.id,
        [frames_track, caption_track],
        frames_track_id=frames_track,
        spaces=[space],
        duration_seconds=float(len(vectors)),
    )


def _runs(captions: Sequence[str], first: int, end: int) -> tuple[SegmentRecord, ...]:
    """The captions of the seconds [first, end): one segment for each run of equal ones."""
    starts = [i for i in range(first, end) if i == first or captions[i] != captions[i - 1]]
    return tuple(
        SegmentRecord(
            float(start),
            float(stop),
            captions[start],
            continues=start > 0 and captions[start] == captions[start - 1],
        )
        for start, stop in zip(starts, [*starts[1:], end], strict=True)
    )
