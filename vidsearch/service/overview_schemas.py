"""The JSON schema of a library at a glance; what the names mean is in `vidsearch.service.schemas`."""

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
    """Frames that look alike, and the one that stands for them."""

    name: str
    """The words of its captions that the rest of the library uses least."""
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
    """A word, and in how many frames' captions it stands."""

    word: str
    num_frames: int


class OverviewSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A library at a glance."""

    caption: str | None
    """All of it in one line."""
    groups: list[GroupSchema]
    """What kinds of pictures it has, the largest first."""
    words: list[WordCountSchema]
    """What its captions speak of, the most frequent first."""
    alike: list[AlikeSchema]
    """Moments that videos share, most alike first."""

    @classmethod
    def of(cls, glance: Glance) -> Self:
        return cls(
            caption=glance.caption,
            groups=[GroupSchema.of(each) for each in glance.groups],
            words=[WordCountSchema(word=word, num_frames=count) for word, count in glance.words],
            alike=[AlikeSchema.of(each) for each in glance.alike],
        )
