"""Shared by the routes: the library, caches, parameters, and how requests and responses are coded."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
import msgspec
from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from vidsearch import __version__
from vidsearch.errors import NotAllowed
from vidsearch.service.answer_pages import AnswerPages
from vidsearch.service.clips import ClipFiles
from vidsearch.service.job_schemas import JobSchema
from vidsearch.service.jobs import Job, Jobs
from vidsearch.service.library import Library
from vidsearch.types import LARGEST_ID

Found = TypeVar("Found")
Body = TypeVar("Body", bound=msgspec.Struct)

_MAX_AT_ONCE = 4
"""How many requests may search, describe or decode at once. More would only wait for each other, and block
threads that short requests need."""
MAX_LIMIT = 1000
SAFE = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"}
"""Headers of files that a browser may show, which block scripts in them."""


class Route(APIRoute):
    """A route that handles HEAD like GET. The server omits the body."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a request matches this route."""
        return super().matches(_as_get(scope))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["method"] == "HEAD" and "GET" in (self.methods or ()):
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


def _as_get(scope: Scope) -> Scope:
    return {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope


@dataclass(slots=True)
class Served:
    """A library behind a server."""

    library: Library
    jobs: Jobs
    answers: AnswerPages
    clips: ClipFiles = field(default_factory=ClipFiles)
    is_read_only: bool = False
    is_closing: bool = False
    _limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_MAX_AT_ONCE))

    async def at_work(self, work: Callable[[], Found]) -> Found:
        """Run long work in a thread, with a limited number at once."""
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    def check_writable(self) -> None:
        """Raise NotAllowed if the server is read-only."""
        if self.is_read_only:
            raise NotAllowed("This server was started with --read-only, so it allows no changes.")


async def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served


async def only_known_parameters(request: Request) -> None:
    """Refuse unknown parameters, so that misspelt ones are not silently ignored."""
    known = [each.alias for each in request.scope["route"].dependant.query_params]
    faults = []
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
            faults.append({"loc": ("query", name), "msg": f"There is no such parameter; {hint}"})
    if faults:
        raise RequestValidationError(faults)


TheServed: TypeAlias = Annotated[Served, Depends(_served)]
VideoId: TypeAlias = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A video's id.")]
FrameId: TypeAlias = Annotated[int, Path(ge=0, le=LARGEST_ID, description="A frame's id, as in hits.")]
OnlyVideos: TypeAlias = Annotated[
    str | None,
    Query(max_length=2000, description="Only these: path, name, part of it, glob, #id or folder."),
]
Limit: TypeAlias = Annotated[
    int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items in this response.")
]
Cursor: TypeAlias = Annotated[
    str | None,
    Query(max_length=200, description="The `next_cursor` of the previous response, for the next page."),
]
Seconds: TypeAlias = Annotated[
    float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds from the start of the video.")
]
OptionalSeconds: TypeAlias = Annotated[
    float | None, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds from the start of the video.")
]


async def read_body(request: Request, schema: type[Body]) -> Body:
    """Parse the body of a request. Errors become responses with status 400, 413, 415 or 422."""
    try:
        return msgspec.json.decode(await read_json(request), type=schema)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at ")
        raise RequestValidationError([{"loc": ("body", at.strip("`")), "msg": said}]) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"The body is not valid JSON: {error}.") from error


async def read_file(request: Request) -> bytes:
    """Return the body of a request, a file. Errors become responses with status 413 or 422."""
    content = await request.body()
    if not content:
        raise RequestValidationError([{"loc": ("body", ""), "msg": "Send the file as the body."}])
    return content


async def read_json(request: Request) -> bytes:
    """Return the body of a request whose content type is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send the body as application/json.")
    return await request.body()


def answered(
    value: msgspec.Struct, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response in JSON."""
    return Response(msgspec.json.encode(value), status, headers=headers, media_type="application/json")


def started(job: Job) -> Response:
    """Return the response to a request that starts a job, with its address."""
    return answered(JobSchema.of(job), 202, headers={"Location": f"/v1/jobs/{job.id}"})


def current_etag(request: Request, served: Served) -> str:
    """Return an ETag for an address, which changes when the library changes."""
    return _etag(served.library.store.stamp(), request.url.path, request.url.query, __version__)


def content_etag(*parts: Any) -> str:
    """Return the ETag of content that depends only on these parts."""
    return _etag(*parts)


def unchanged(request: Request, etag: str) -> Response | None:
    """Return a 304 response if the client already has the content with this ETag, else None."""
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers=cached(etag))
    return None


def cached(etag: str) -> dict[str, str]:
    """Return the headers of a response that clients may cache, but must revalidate."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def _etag(*parts: Any) -> str:
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'
