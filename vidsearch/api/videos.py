"""`/v1/videos`: videos, their tracks, segments and captions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    Cursor,
    Limit,
    OnlyVideos,
    OptionalSeconds,
    Route,
    TheServed,
    VideoId,
    answered,
    cached,
    current_etag,
    unchanged,
)
from vidsearch.service.captions import CaptionLevel
from vidsearch.service.paging import page, read_cursor, write_cursor
from vidsearch.service.schemas import VideoCaptionsSchema, VideoSchema, schema_of
from vidsearch.service.server_schemas import (
    SegmentPage,
    SegmentSchema,
    TrackList,
    VideoCaptionsPage,
    VideoPage,
)
from vidsearch.tracks import TrackKind
from vidsearch.types import LARGEST_ID

router = APIRouter(prefix="/v1/videos", tags=["videos"], route_class=Route)


@router.get("", **described(VideoPage, fails=(404,), has_etag=True))
def videos(
    request: Request,
    served: TheServed,
    name: OnlyVideos = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the videos, in the order of first indexing."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    # The cursor is an id, not an index, so that a removed video does not shift the others.
    after = read_cursor(cursor, "videos", name)
    left = [video for video in served.library.videos(name) if video.id > after]
    more = write_cursor(left[limit - 1].id, "videos", name) if len(left) > limit else None
    shown = VideoPage(videos=[VideoSchema.of(video) for video in left[:limit]], next_cursor=more)
    return answered(shown, headers=cached(etag))


@router.get("/{video_id}", **described(VideoSchema, fails=(404,), has_etag=True))
def video(request: Request, served: TheServed, video_id: VideoId) -> Response:
    """Return a video: its file, its length, and up to where it is indexed."""
    etag = current_etag(request, served)
    found = served.library.video(video_id)
    return unchanged(request, etag) or answered(VideoSchema.of(found), headers=cached(etag))


@router.get("/{video_id}/tracks", **described(TrackList, fails=(404,), has_etag=True))
def tracks(request: Request, served: TheServed, video_id: VideoId) -> Response:
    """List a video's tracks: frames, captions, shots, subtitles ... and what made each."""
    etag = current_etag(request, served)
    found = served.library.video(video_id)
    if (same := unchanged(request, etag)) is not None:
        return same
    return answered(TrackList.of(found, served.library.tracks(found)), headers=cached(etag))


@router.get("/{video_id}/segments", **described(SegmentPage, fails=(404,), has_etag=True))
def segments(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    kind: Annotated[
        TrackKind | None, Query(description="Only tracks of this kind; all except `frames` if omitted.")
    ] = None,
    track: Annotated[
        int | None, Query(ge=0, le=LARGEST_ID, description="Only the track with this id.")
    ] = None,
    after_seconds: OptionalSeconds = None,
    before_seconds: OptionalSeconds = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the segments of a video's tracks, by time: sentences, subtitles, chapters, shots."""
    etag = current_etag(request, served)
    found = served.library.segments(
        video_id, kind=kind, track=track, after_seconds=after_seconds, before_seconds=before_seconds
    )
    if (same := unchanged(request, etag)) is not None:
        return same
    scope = ("segments", video_id, kind, track, after_seconds, before_seconds)
    part, more = page(found, cursor, limit, *scope)
    shown = [SegmentSchema.of(segment, its.kind) for its, segment in part]
    return answered(SegmentPage(segments=shown, next_cursor=more), headers=cached(etag))


@router.get("/{video_id}/captions", **described(VideoCaptionsPage, fails=(404,), has_etag=True))
async def captions(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    level: Annotated[
        CaptionLevel,
        Query(description="One for the video, or for each chapter, shot or frame; transcript: what is said."),
    ] = "video",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return a video's captions. A person's corrections replace a model's captions."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = await served.at_work(
        lambda: VideoCaptionsSchema.of(served.library.captions(video_id, level=level))
    )
    scope = ("captions", video_id, level)
    frames, more_frames = page(found.frames, cursor, limit, *scope)
    sections, more_sections = page(found.sections, cursor, limit, *scope)
    said, more_said = page(found.transcript, cursor, limit, *scope)
    shown = schema_of(
        VideoCaptionsPage,
        found,
        frames=list(frames),
        sections=list(sections),
        transcript=list(said),
        next_cursor=more_frames or more_sections or more_said,
    )
    return answered(shown, headers=cached(etag))
