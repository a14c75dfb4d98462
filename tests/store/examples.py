"""Made-up videos for tests of the library: real files, real rows, no decoding and no models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.media.images import encode_jpeg
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.library import Library
from vidsearch.types import (
    Caption,
    Chunk,
    EmbeddingSpace,
    FrameRecord,
    SamplingPlan,
    Video,
    VideoInfo,
)

SPACE = EmbeddingSpace(model="made-up", weights_digest="1", preprocessing="none", dim=4)
OTHER_SPACE = EmbeddingSpace(model="another", weights_digest="1", preprocessing="none", dim=3)
PLAN = SamplingPlan()


def info(*, duration_seconds: float | None = 4.0, created_at: datetime | None = None) -> VideoInfo:
    """What a probe might say."""
    return VideoInfo(
        size_bytes=1000,
        container="mp4",
        codec="h264",
        width=640,
        height=360,
        rotation_degrees=0,
        frame_rate=25.0,
        duration_seconds=duration_seconds,
        num_audio_tracks=1,
        created_at=created_at,
    )


def unit(values: Sequence[float]) -> np.ndarray:
    """A unit vector of this direction."""
    row = np.asarray(values, dtype=np.float32)
    return np.asarray(row / np.linalg.norm(row))


def axis(number: int, dim: int = SPACE.dim) -> np.ndarray:
    """The unit vector along one axis."""
    return np.asarray(np.eye(dim, dtype=np.float32)[number % dim])


def caption(text: str, *, model: str = "captioner") -> Caption:
    return Caption(text=text, raw_text=f"{text} raw", model=model, mean_logprob=-0.5)


@cache
def jpeg(time_seconds: float) -> bytes:
    """A small picture, of another grey for another time."""
    return encode_jpeg(np.full((8, 8, 3), int(time_seconds * 20) % 256, dtype=np.uint8))


def record(time_seconds: float, vector: np.ndarray | None = None, text: str | None = None) -> FrameRecord:
    """A frame at a time; blank where it has no vector."""
    return FrameRecord(
        time_seconds=time_seconds,
        thumbnail_jpeg=jpeg(time_seconds),
        vectors={} if vector is None else {SPACE: vector},
        caption=None if text is None else caption(text),
        is_blank=vector is None,
    )


def write_file(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def begin(library: Library, path: Path, *, plan: SamplingPlan = PLAN, **of_info: Any) -> Video:
    """Begin to index a file, whatever is in it."""
    return library.begin_video(path, fingerprint(path), info(**of_info), plan, [SPACE])


def put(library: Library, path: Path, records: Sequence[FrameRecord], **of_info: Any) -> Video:
    """Index a file as if it had these frames."""
    video = begin(library, path, **of_info)
    until = records[-1].time_seconds + 1 if records else 0.0
    library.add(video.id, Chunk(tuple(records), until_seconds=until))
    return library.finish_video(video.id)


def four_frames(library: Library, path: Path, *, word: str = "dog") -> Video:
    """A file indexed with four frames, one along each axis, captioned "a dog 0" to "a dog 3"."""
    write_file(path, f"content of {path.name!a} {word}")
    return put(library, path, [record(float(i), axis(i), f"a {word} {i}") for i in range(4)])


NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
