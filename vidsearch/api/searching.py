"""`/v1/search`: queries by words, or with all options."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    Cursor,
    Limit,
    OnlyVideos,
    Route,
    Served,
    TheServed,
    answered,
    cached,
    current_etag,
    read_json,
    unchanged,
)
from vidsearch.service.schemas import QuerySchema
from vidsearch.service.server_schemas import SearchPage

router = APIRouter(prefix="/v1", tags=["search"], route_class=Route)


@router.post("/search", **described(SearchPage, takes=QuerySchema, fails=(404,)))
async def search(request: Request, served: TheServed, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Find moments. The body is a query: words, pictures, moments, filters, steps.

    Pictures in `images` are `data:image/jpeg;base64,` URLs. `num_hits` is the number of moments to find, and
    `limit` the number of them in one response.
    """
    try:
        source = (await read_json(request)).decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"The body is not UTF-8: {error}.") from error
    return answered(await _search(served, source, limit=limit, cursor=cursor))


@router.get("/search", **described(SearchPage, fails=(404,), has_etag=True))
async def search_words(
    request: Request,
    served: TheServed,
    text: Annotated[str, Query(min_length=1, max_length=2000, description="What to look for, seen or said.")],
    video: OnlyVideos = None,
    min_confidence: Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)] = None,
    num_hits: Annotated[int, Query(ge=1, le=10_000, description="The maximum number of moments.")] = 10,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Find moments by words."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    query = {"text": text, "num_hits": num_hits, "min_confidence": min_confidence}
    if video is not None:
        query["filter"] = {"video_glob": video}
    source = msgspec.json.encode(query).decode()
    return answered(await _search(served, source, limit=limit, cursor=cursor), headers=cached(etag))


async def _search(served: Served, source: str, *, limit: int, cursor: str | None) -> SearchPage:
    return await served.at_work(lambda: served.answers.page(source, limit=limit, cursor=cursor))
