"""Videos and frames for the export tests, made of plain data."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.captions.export import CaptionedVideo, find_format
from vidsearch.captions.export.writing import (
    DocumentT,
    FileFormat,
    FolderFormat,
    write_documents,
    write_one_file,
)
from vidsearch.outputs import DEFAULT_RULE, OutputRule
from vidsearch.types import (
    Caption,
    CaptionOrigin,
    EmbeddingSpace,
    IndexedFrame,
    SamplingPlan,
    Video,
    VideoInfo,
)

NASTY_NAMES = (
    "two words.mp4",
    'it\'s "quoted".mp4',
    "line\nbreak.mp4",
    "snow ☃ 🐕.mp4",
    "..mp4",
    "a\\..\\..\\b.mp4",
    "=cmd|'calc'!A1.mp4",
    "<script>alert(1)</script>.mp4",
    "-rf.mp4",
    "con.mp4",
    "x" * 240 + ".mp4",
    "bytes \udcff.mp4",
    "\u202egpj.mp4",
)


def video(
    name: str = "dogs.mp4",
    *,
    video_id: int = 1,
    duration_seconds: float | None = 10.0,
    frame_rate: float | None = 25.0,
) -> Video:
    return Video(
        id=video_id,
        content_hash=f"{video_id:064x}",
        quick_key=f"{video_id:040x}",
        paths=(Path("/videos") / name,),
        info=VideoInfo(
            size_bytes=1000,
            container="mp4",
            codec="h264",
            width=640,
            height=360,
            rotation_degrees=0,
            frame_rate=frame_rate,
            duration_seconds=duration_seconds,
            num_audio_tracks=0,
            created_at=None,
        ),
        plan=SamplingPlan(),
        is_complete=True,
        indexed_until_seconds=duration_seconds or 0.0,
        indexed_at=datetime(2024, 1, 1, tzinfo=UTC),
        num_frames=0,
    )


def frames(
    captions: Sequence[str | None], *, every_seconds: float = 1.0, video_id: int = 1
) -> tuple[IndexedFrame, ...]:
    """One frame each `every_seconds`; None is a blank frame."""
    return tuple(
        IndexedFrame(
            id=100 * video_id + position,
            video_id=video_id,
            time_seconds=position * every_seconds,
            end_seconds=(position + 1) * every_seconds,
            caption=None
            if text is None
            else Caption(text, f"RAW {text}", CaptionOrigin.MODEL, "mini", None, -0.5, carried_over=False),
            is_blank=text is None,
        )
        for position, text in enumerate(captions)
    )


SPACE = EmbeddingSpace(model="colour", weights_digest="1", preprocessing="none", dim=3)


def captioned(
    captions: Sequence[str | None], *, name: str = "dogs.mp4", video_id: int = 1, summary: str | None = None
) -> CaptionedVideo:
    return CaptionedVideo(
        video=video(name, video_id=video_id, duration_seconds=float(len(captions))),
        frames=frames(captions, video_id=video_id),
        summary=summary,
        picture=lambda frame_id: b"\xff\xd8 picture %d" % frame_id,
        vectors={SPACE: _vectors(frames(captions, video_id=video_id))},
    )


def _vectors(frames: tuple[IndexedFrame, ...]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Give each frame but the blank ones (1, 0, 0)."""
    ids = np.asarray([frame.id for frame in frames if not frame.is_blank], dtype=np.int64)
    return ids, np.tile(np.asarray([1, 0, 0], dtype=np.float32), (len(ids), 1))


def export(
    videos: Iterable[CaptionedVideo], output: Path, *, format_name: str, rule: OutputRule = DEFAULT_RULE
) -> list[Path]:
    """Write captions in a format, as `Library.export` does."""
    return write_documents(videos, output, find_format(format_name), rule)


def render(videos: Iterable[CaptionedVideo], *, format_name: str) -> bytes:
    """Return captions in a format, as `Library.render` does."""
    return in_one_file(videos, find_format(format_name))


def in_one_file(
    documents: Iterable[DocumentT], chosen: FileFormat[DocumentT] | FolderFormat[DocumentT]
) -> bytes:
    """Return the one file that holds these documents."""
    out = io.BytesIO()
    write_one_file(documents, chosen, out)
    return out.getvalue()
