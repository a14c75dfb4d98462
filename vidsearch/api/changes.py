"""Routes that change captions, transcripts and subtitles, or remove tracks and videos."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import Route, TheServed, VideoId, answered, read_body, read_file
from vidsearch.errors import TrackNotFound
from vidsearch.search.query import FrameReference
from vidsearch.service.report_schemas import PrunedSchema, SubtitlesSchema, TrackSchema
from vidsearch.service.schemas import CorrectionSchema, SpokenLineSchema, VideoSchema
from vidsearch.service.server_schemas import CorrectionRequest, SpokenCorrectionRequest
from vidsearch.types import LARGEST_ID

router = APIRouter(prefix="/v1", tags=["changes"], route_class=Route)


@router.post(
    "/videos/{video_id}/corrections",
    **described(CorrectionSchema, takes=CorrectionRequest, fails=(403, 404), status=201),
)
async def correct(request: Request, served: TheServed, video_id: VideoId) -> Response:
    """Correct a caption. Searches find the new words at once, and no model overwrites them."""
    served.check_writable()
    asked = await read_body(request, CorrectionRequest)
    moment = FrameReference(f"#{video_id}", asked.time_seconds)
    done = await served.at_work(lambda: served.library.correct(moment, asked.text, only_here=asked.only_here))
    return answered(CorrectionSchema.of(done), 201)


@router.post(
    "/videos/{video_id}/spoken-corrections",
    **described(SpokenLineSchema, takes=SpokenCorrectionRequest, fails=(403, 404), status=201),
)
async def correct_speech(request: Request, served: TheServed, video_id: VideoId) -> Response:
    """Correct the line of the transcript at a time."""
    served.check_writable()
    asked = await read_body(request, SpokenCorrectionRequest)
    moment = FrameReference(f"#{video_id}", asked.time_seconds)
    done = await served.at_work(lambda: served.library.correct_speech(moment, asked.text))
    return answered(SpokenLineSchema.of(done), 201)


@router.post(
    "/videos/{video_id}/subtitles",
    **described(SubtitlesSchema, takes="application/octet-stream", fails=(403, 404), status=201),
)
async def add_subtitles(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    name: Annotated[
        str,
        Query(
            min_length=1, max_length=200, description="The track's name; one of the same name is replaced."
        ),
    ] = "subtitles",
    encoding: Annotated[
        str | None,
        Query(max_length=40, description="The file's text encoding, such as cp1251; detected if omitted."),
    ] = None,
) -> Response:
    """Add a subtitle file to a video, as a searchable track.

    The body is the file: srt, vtt, sbv, ssa, ass or ttml.
    """
    served.check_writable()
    content = await read_file(request)
    video = served.library.video(video_id)
    read = await served.at_work(
        lambda: served.library.import_subtitles(content, video, name=name, encoding=encoding)
    )
    return answered(SubtitlesSchema.of(read, video, name), 201)


@router.delete("/videos/{video_id}", **described(VideoSchema, fails=(403, 404)))
def remove_video(served: TheServed, video_id: VideoId) -> Response:
    """Remove a video from the library, and return it as it was. Its file is left alone."""
    served.check_writable()
    (removed,) = served.library.remove(video_id)
    return answered(VideoSchema.of(removed))


@router.delete("/videos/{video_id}/tracks/{track_id}", **described(TrackSchema, fails=(403, 404)))
def remove_track(
    served: TheServed,
    video_id: VideoId,
    track_id: Annotated[int, Path(ge=0, le=LARGEST_ID, description="A track's id.")],
) -> Response:
    """Remove a track of a video, and return it as it was."""
    served.check_writable()
    if track_id not in (track.id for track in served.library.tracks(video_id)):
        raise TrackNotFound(f"Video #{video_id} has no track {track_id}.")
    return answered(TrackSchema.of(served.library.remove_track(track_id)))


@router.post("/prune", **described(PrunedSchema, fails=(403,)))
async def prune(served: TheServed) -> Response:
    """Remove vectors and captions that other models' have replaced, after an upgrade."""
    served.check_writable()
    return answered(PrunedSchema(num_pruned=await served.at_work(served.library.prune)))
