"""Routes for the whole library's captions, its overview, and search for words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    Cursor,
    Limit,
    Route,
    TheServed,
    answered,
    cached,
    current_etag,
    unchanged,
)
from vidsearch.service.overview_schemas import OverviewSchema
from vidsearch.service.paging import read_cursor, write_cursor
from vidsearch.service.schemas import LibraryCaptionsSchema, WordMatchSchema, schema_of
from vidsearch.service.server_schemas import LibraryCaptionsPage, WordMatches

router = APIRouter(prefix="/v1", tags=["words"], route_class=Route)


@router.get("/captions", **described(LibraryCaptionsPage, has_etag=True))
async def captions(
    request: Request, served: TheServed, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Return one caption for the library, and one for each video."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    after = read_cursor(cursor, "library captions")
    left = [video for video in served.library.videos() if video.id > after]
    more = write_cursor(left[limit - 1].id, "library captions") if len(left) > limit else None
    found = await served.at_work(lambda: LibraryCaptionsSchema.of(served.library.summary(left[:limit])))
    return answered(schema_of(LibraryCaptionsPage, found, next_cursor=more), headers=cached(etag))


@router.get("/overview", **described(OverviewSchema, has_etag=True))
async def overview(
    request: Request,
    served: TheServed,
    num_words: Annotated[int, Query(ge=0, le=1000, description="The maximum number of words.")] = 30,
    num_alike: Annotated[
        int, Query(ge=0, le=1000, description="The maximum number of pairs of look-alike moments.")
    ] = 10,
) -> Response:
    """Return an overview: groups of similar pictures, frequent words, moments that videos share."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = await served.at_work(lambda: served.library.overview(num_words=num_words, num_alike=num_alike))
    return answered(OverviewSchema.of(found), headers=cached(etag))


@router.get("/words", **described(WordMatches, has_etag=True))
async def words(
    request: Request,
    served: TheServed,
    text: Annotated[
        str,
        Query(
            min_length=1, max_length=2000, description='Stemmed; `sun*` begins a word, "red car" is a phrase.'
        ),
    ],
    limit: Limit = 20,
) -> Response:
    """Find words in captions, corrections, subtitles, transcripts and chapters, without a model."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = await served.at_work(lambda: served.library.find_words(text, num_matches=limit))
    return answered(WordMatches(matches=[WordMatchSchema.of(match) for match in found]), headers=cached(etag))
