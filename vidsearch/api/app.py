"""The FastAPI application: routes, errors and access."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vidsearch import __version__
from vidsearch.api import (
    about,
    changes,
    concepts,
    documents,
    jobs,
    labels,
    media,
    problems,
    searching,
    videos,
    words,
)
from vidsearch.api.guard import Guard
from vidsearch.api.serving import Served, only_known_parameters
from vidsearch.errors import VidsearchError

OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/v1/health"})
"""Paths without a token, which reveal nothing about the library: documentation and health."""
_DOCS_PAGE = Path(__file__).parent / "docs.html"
_DOCS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def create_app(served: Served, *, token: str, names: frozenset[str] | None) -> FastAPI:
    """Return the application that serves a library.

    Args:
        served: The library. It is not closed with the application; its jobs are stopped.
        token: The bearer token that requests must carry.
        names: The host names that are answered; see `addresses.answered_names`.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        yield
        served.is_closing = True
        await served.at_work(served.jobs.close)

    app = FastAPI(
        title="vidsearch",
        version=__version__,
        summary="Find moments in video by describing them.",
        description="Times are seconds from the start of a video; spans are half-open, [start, end).",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(Guard, token=token, names=names, open_paths=OPEN_PATHS)],
        exception_handlers={
            VidsearchError: problems.of_vidsearch,
            RequestValidationError: problems.of_validation,
            HTTPException: problems.of_http,
            Exception: problems.of_defect,
        },
        redirect_slashes=False,
        dependencies=[Depends(only_known_parameters)],
    )
    app.state.served = served
    for module in (searching, videos, words, media, changes, concepts, labels, jobs, about):
        app.include_router(module.router)
    app.openapi = lambda: documents.openapi(app)  # type: ignore[method-assign]
    page = _DOCS_PAGE.read_text(encoding="utf-8")

    async def docs(_: object) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _DOCS_POLICY})

    async def openapi(_: object) -> Response:
        return JSONResponse(app.openapi())

    app.router.routes += [Route("/", docs), Route("/docs", docs), Route("/openapi.json", openapi)]
    return app
