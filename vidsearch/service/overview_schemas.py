"""The JSON schema of overviews. Names are as in `vidsearch.service.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from vidsearch.service.schemas import names_of, schema_of

if TYPE_CHECKING:
    from vidsearch.service.overview import Cluster, Glance, Twins
    from vidsearch.types import IndexedFrame, Video


class MomentSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A frame of a video."""

    video_id: int
    path: str
    frame_id: int
    time_seconds: float
    caption: str | None

    @classmethod
    def of(cls, video: Video, frame: IndexedFrame) -> Self:
        return schema_of(
            cls,
            frame,
            **names_of(video),
            frame_id=frame.id,
            caption=frame.caption.text if frame.caption else None,
        )


class GroupSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Frames that look alike, and a representative one."""

    name: str
    """The words that are most specific to its captions."""
    share: float
    num_frames: int
    moment: MomentSchema

    @classmethod
    def of(cls, cluster: Cluster) -> Self:
        return schema_of(
            cls,
            cluster,
            share=round(cluster.share, 4),
            moment=MomentSchema.of(cluster.video, cluster.frame),
        )


class AlikeSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Two moments of different videos that look the same."""

    cosine: float
    moments: list[MomentSchema]

    @classmethod
    def of(cls, twins: Twins) -> Self:
        moments = [MomentSchema.of(*twins.first), MomentSchema.of(*twins.second)]
        return cls(cosine=round(twins.cosine, 4), moments=moments)


class WordCountSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A word, and the number of frames whose captions contain it."""

    word: str
    num_frames: int


class OverviewSchema(msgspec.Struct, frozen=True, kw_only=True):
    """An overview of a library."""

    caption: str | None
    """One caption for the whole library."""
    groups: list[GroupSchema]
    """Groups of similar pictures, largest first."""
    words: list[WordCountSchema]
    """Words of its captions, most frequent first."""
    alike: list[AlikeSchema]
    """Pairs of look-alike moments, most similar first."""

    @classmethod
    def of(cls, glance: Glance) -> Self:
        return cls(
            caption=glance.caption,
            groups=[GroupSchema.of(each) for each in glance.groups],
            words=[WordCountSchema(word=word, num_frames=count) for word, count in glance.words],
            alike=[AlikeSchema.of(each) for each in glance.alike],
        )
