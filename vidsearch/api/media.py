"""Routes that return files: pictures, clips, videos and exports."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, BinaryIO, Literal, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from vidsearch import __version__
from vidsearch.api.documents import described
from vidsearch.api.serving import (
    SAFE,
    FrameId,
    Route,
    Seconds,
    Served,
    TheServed,
    VideoId,
    answered,
    cached,
    content_etag,
    unchanged,
)
from vidsearch.search.query import FrameReference
from vidsearch.service.reading import ALL, VideoName
from vidsearch.service.schemas import RelevanceSchema
from vidsearch.store.fingerprint import path_of

router = APIRouter(prefix="/v1", tags=["media"], route_class=Route)

_IN_MEMORY_BYTES = 8 * 2**20
_CHUNK_BYTES = 2**18
_CLIP_TYPES = {"mp4": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska", "webm": "video/webm"}
_FILE_TYPES = {".m4v": "video/mp4", ".ogv": "video/ogg", **{f".{end}": t for end, t in _CLIP_TYPES.items()}}
_EXPORT_TYPES = {
    ".txt": "text/plain; charset=utf-8",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
_BINARY = "application/octet-stream"
_Track = Annotated[
    str | None, Query(max_length=40, description="A track's id or kind; all captions if omitted.")
]


@router.get("/frames/{frame_id}/thumbnail", **described("image/jpeg", fails=(404,), has_etag=True))
def thumbnail(request: Request, served: TheServed, frame_id: FrameId) -> Response:
    """Return a frame's thumbnail, which the library stores."""
    jpeg = served.library.thumbnail(frame_id)
    etag = content_etag(jpeg)
    return unchanged(request, etag) or Response(jpeg, headers=cached(etag), media_type="image/jpeg")


@router.get("/videos/{video_id}/frame", **described("image/jpeg", fails=(404, 410), has_etag=True))
async def frame(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    time_seconds: Seconds,
    side_pixels: Annotated[
        int | None, Query(ge=16, le=8192, description="The maximum length of the longer side.")
    ] = None,
) -> Response:
    """Return the picture at a time of a video, read from its file."""
    video = served.library.video(video_id)
    etag = content_etag(video.content_hash, time_seconds, side_pixels)
    if (same := unchanged(request, etag)) is not None:
        return same
    moment = FrameReference(f"#{video_id}", time_seconds)
    jpeg = await served.at_work(lambda: served.library.picture(moment, side_pixels=side_pixels))
    return Response(jpeg, headers=cached(etag), media_type="image/jpeg")


@router.get(
    "/videos/{video_id}/explanation",
    **described(RelevanceSchema, also=["image/png"], fails=(404, 410), has_etag=True),
)
async def explanation(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    text: Annotated[str, Query(min_length=1, max_length=2000, description="What to look for.")],
    time_seconds: Seconds,
    format: Annotated[
        Literal["json", "png"], Query(description="The numbers, or the frame with the heat map over it.")
    ] = "json",
) -> Response:
    """Return which parts of a frame match words, by the library's first model."""
    video = served.library.video(video_id)
    known = served.library.store.models
    etag = content_etag(video.content_hash, time_seconds, text, format, known, __version__)
    if (same := unchanged(request, etag)) is not None:
        return same
    moment = FrameReference(f"#{video_id}", time_seconds)

    def explained() -> Response:
        found = served.library.explain(text, moment)
        if format == "png":
            return Response(found.png(), headers=cached(etag), media_type="image/png")
        return answered(RelevanceSchema.of(found.relevance), headers=cached(etag))

    return await served.at_work(explained)


@router.get(
    "/videos/{video_id}/clip",
    **described(list(_CLIP_TYPES.values()), fails=(404, 410), has_ranges=True),
)
async def clip(
    request: Request,
    served: TheServed,
    video_id: VideoId,
    start_seconds: Seconds,
    end_seconds: Seconds,
    format: Annotated[Literal["mp4", "mov", "mkv", "webm"], Query()] = "mp4",
    reencode: Annotated[
        bool, Query(description="Re-encode the pictures, for players that do not support the video's codec.")
    ] = False,
) -> Response:
    """Return a clip of exactly [start, end) of a video, with its sound."""

    def cut() -> Path:
        return served.clips.path(
            served.library.video(video_id),
            start_seconds,
            end_seconds,
            suffix=f".{format}",
            reencode=reencode,
        )

    path = await served.at_work(cut)
    return _file(request, path, _CLIP_TYPES[format], content_etag(path.name, path.stat().st_size))


@router.get("/videos/{video_id}/media", **described(["video/*"], fails=(404, 410), has_ranges=True))
def media(request: Request, served: TheServed, video_id: VideoId) -> Response:
    """Return the video's file, or the ranges that a player requests."""
    video = served.library.video(video_id)
    path = path_of(video)
    kind = _FILE_TYPES.get(path.suffix.lower(), _BINARY)
    return _file(request, path, kind, content_etag(video.content_hash))


@router.get(
    "/videos/{video_id}/export",
    **described([*dict.fromkeys(_EXPORT_TYPES.values()), _BINARY], fails=(404,)),
)
async def export_video(
    served: TheServed,
    video_id: VideoId,
    format: Annotated[str, Query(max_length=40, description="srt, vtt, txt, json, csv, html ...")] = "json",
    track: _Track = None,
    vectors: bool = False,
) -> Response:
    """Export a video's captions, or one of its tracks."""
    return await _export(served, video_id, format, track, vectors=vectors)


@router.get("/export", **described([*dict.fromkeys(_EXPORT_TYPES.values()), _BINARY], fails=(404,)))
async def export_all(
    served: TheServed,
    format: Annotated[
        str, Query(max_length=40, description="json, jsonl, csv, parquet, npy, html")
    ] = "jsonl",
    track: _Track = None,
    vectors: bool = False,
) -> Response:
    """Export all videos' captions as one file."""
    return await _export(served, ALL, format, track, vectors=vectors)


@router.get("/export/concepts", **described("application/json", fails=(404,)))
async def export_concepts(
    served: TheServed,
    name: Annotated[
        list[Annotated[str, Query(max_length=200)]] | None,
        Query(max_length=1000, description="Only these; all if omitted."),
    ] = None,
) -> Response:
    """Export concepts, with pictures and vectors, as a file that any other library can import."""
    content = await served.at_work(lambda: served.library.concepts.render(name or ()))
    headers = {"Content-Disposition": 'attachment; filename="concepts.json"', "Cache-Control": "no-store"}
    return Response(content, headers=headers, media_type="application/json")


async def _export(
    served: Served, videos: VideoName, format: str, track: str | None, *, vectors: bool
) -> Response:
    """Stream an export from a temporary file, which is on disk if it is large.

    The file is complete before the response starts, so that slow clients block nothing and errors get a
    status.
    """
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 (closed when it is sent)

    def write() -> str:
        out = cast(BinaryIO, file)
        return served.library.write(videos, format, out, track=track, vectors=vectors)

    try:
        suffix = await served.at_work(write)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    name = f"video-{videos}" if isinstance(videos, int) else "library"
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{name}{suffix}"',
        "Cache-Control": "no-store",
        **SAFE,
    }
    kind = _EXPORT_TYPES.get(f".{suffix.rpartition('.')[2]}", _BINARY)
    return StreamingResponse(_chunks(file), headers=headers, media_type=kind)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _file(request: Request, path: Path, kind: str, etag: str) -> Response:
    """Return a file, or the requested ranges of it."""
    if "range" not in request.headers and (same := unchanged(request, etag)) is not None:
        return same
    return FileResponse(path, headers={**cached(etag), **SAFE}, media_type=kind)
