"""Pictures and videos over HTTP, by their number in the library: nothing else can be read.

    /files/frames/12      a frame's JPEG
    /files/videos/3       the video itself, with range requests, so that a player can jump
    /files/previews/3/60  H.264 in MP4 from second 60 on, for videos that browsers do not play
    /files/heatmaps/12    the frame with a heat map of where it matches ?words=...

No path comes from a request.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from vidsearch.errors import VidsearchError
from vidsearch.media.source import source_of
from vidsearch.paths import is_elsewhere
from vidsearch.service.clips import ClipFiles
from vidsearch.store.fingerprint import path_of
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from vidsearch.types import Video
    from vidsearch.web.page_library import PageLibrary

Answer = TypeVar("Answer")

PREVIEW_SECONDS = 60.0
"""A preview's length. They begin at whole multiples of half of it, so that each is cut once."""

_MAX_WORDS = 500
"""Characters of a query that a heat map is drawn for."""
_LAST_PREVIEW_SECOND = 10**9
_MEDIA_TYPES = {"mp4": "video/mp4", "mov": "video/mp4", "m4v": "video/mp4", "webm": "video/webm"}
_PLAYED_CODECS = frozenset({"h264", "vp8", "vp9", "av1"})
"""Those that Chromium and Firefox both decode everywhere; HEVC depends on the machine."""
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PART_BYTES = 4 * 2**20
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; media-src 'self'; img-src 'self'; sandbox",
}


def frame_url(frame_id: int) -> str:
    """Return where a frame's picture is."""
    return f"/files/frames/{int(frame_id)}"


def video_url(video: Video) -> str:
    """Return where the file itself is."""
    return f"/files/videos/{video.id}"


def preview_url(video: Video) -> str:
    """Return where a video's converted parts are; the second that a part begins at follows."""
    return f"/files/previews/{video.id}/"


def heat_map_url(frame_id: int, words: str) -> str:
    """Return where a frame's heat map of some words is."""
    return f"/files/heatmaps/{int(frame_id)}?{urlencode({'words': words[:_MAX_WORDS]})}"


def plays_in_browser(video: Video) -> bool:
    """Whether browsers play the file as it is, by its suffix and codec."""
    return video.path.suffix.lower().lstrip(".") in _MEDIA_TYPES and video.info.codec in _PLAYED_CODECS


def preview_start(time_seconds: float) -> int:
    """Return the second at which the preview that shows a time begins."""
    half = PREVIEW_SECONDS / 2
    return int(max(0.0, (time_seconds - 1) // half * half))


def routes(library: Callable[[], PageLibrary]) -> list[Route]:
    """Return the routes, for a server that also serves the page."""
    clips = ClipFiles()

    async def frame(request: Request) -> Response:
        frame_id = _id(request, "frame_id")
        jpeg = await run_in_threadpool(_found, lambda: library().thumbnail(frame_id))
        if not jpeg:
            raise HTTPException(404)
        headers = {**_SAFE, "Cache-Control": "private, max-age=86400"}
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    async def video(request: Request) -> Response:
        found = await run_in_threadpool(_video, library(), _id(request, "video_id"))
        suffix = found.path.suffix.lower().lstrip(".")
        if suffix not in _MEDIA_TYPES:
            raise HTTPException(404)
        path = await run_in_threadpool(path_of, found)
        if is_elsewhere(path):
            asked = request.headers.get("range", "")
            return await run_in_threadpool(_found, lambda: _part(path, asked, _MEDIA_TYPES[suffix]))
        return FileResponse(path, media_type=_MEDIA_TYPES[suffix], headers=_SAFE)

    async def preview(request: Request) -> Response:
        found = await run_in_threadpool(_video, library(), _id(request, "video_id"))
        start = preview_start(min(request.path_params["start"], _LAST_PREVIEW_SECOND) + 1)
        end = start + PREVIEW_SECONDS
        path = await run_in_threadpool(_found, lambda: clips.path(found, float(start), end, reencode=True))
        return FileResponse(path, media_type="video/mp4", headers=_SAFE)

    async def heat_map(request: Request) -> Response:
        frame_id, words = _id(request, "frame_id"), request.query_params.get("words", "")[:_MAX_WORDS]
        if not words.strip():
            raise HTTPException(404)
        jpeg = await run_in_threadpool(_found, lambda: library().heat_map(words, frame_id))
        if jpeg is None:
            raise HTTPException(404)
        headers = {**_SAFE, "Cache-Control": "private, max-age=3600"}
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    return [
        Route("/files/heatmaps/{frame_id}", heat_map),
        Route("/files/frames/{frame_id}", frame),
        Route("/files/videos/{video_id}", video),
        Route("/files/previews/{video_id}/{start:int}", preview),
    ]


def _id(request: Request, parameter: str) -> int:
    value = parse_id(request.path_params[parameter])
    if value is None:
        raise HTTPException(404)
    return value


def _video(library: PageLibrary, video_id: int) -> Video:
    found = _found(lambda: library.ask(lambda opened: opened.video(video_id)))
    _found(lambda: path_of(found))
    return found


def _part(path: Path, asked: str, media_type: str) -> Response:
    """The part of a file elsewhere that a player asks for: no more than it can use now, as HTTP allows."""
    with source_of(path).open() as file:
        size = file.seek(0, 2)
        span = _RANGE.fullmatch(asked)
        if span is None:
            return StreamingResponse(_parts(path), headers=_SAFE, media_type=media_type)
        start = min(int(span[1]), size)
        end = min(int(span[2]) + 1 if span[2] else size, start + _PART_BYTES, size)
        if start >= end:
            raise HTTPException(416)
        file.seek(start)
        data = file.read(end - start)
    headers = {**_SAFE, "Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Response(data, 206, headers=headers, media_type=media_type)


def _parts(path: Path) -> Iterator[bytes]:
    """All of a file elsewhere, for whoever asks for no part of it."""
    with source_of(path).open() as file:
        while part := file.read(_PART_BYTES):
            yield part


def _found(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except VidsearchError as error:
        raise HTTPException(404) from error
