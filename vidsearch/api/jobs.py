"""`/v1/jobs`: long runs that clients start, watch and stop; and the routes that start them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import msgspec
from fastapi import APIRouter, Header, Path, Request
from starlette.responses import Response, StreamingResponse

from vidsearch.api.documents import described
from vidsearch.api.serving import Route, Served, TheServed, answered, read_body, started
from vidsearch.service.job_schemas import (
    IndexRequest,
    JobList,
    JobSchema,
    RecaptionRequest,
    UpgradeRequest,
    VerifyRequest,
)

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=Route)

JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="A job's id.")]

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_SIGNS = 15.0
"""How often a comment line is sent, so that no proxy closes a silent connection."""


@router.get("/jobs", **described(JobList))
def jobs(served: TheServed) -> Response:
    """List the jobs of this server, in the order in which they were created."""
    return answered(JobList(jobs=list(map(JobSchema.of, served.jobs.jobs()))))


@router.post("/jobs", **described(JobSchema, takes=IndexRequest, fails=(403,), status=202))
async def index(request: Request, served: TheServed) -> Response:
    """Index files and folders, after the jobs before it.

    They must be in a folder that was named with --allow-index when the server was started.
    """
    served.check_writable()
    asked = await read_body(request, IndexRequest)
    return started(await served.at_work(lambda: served.jobs.index(asked.paths, asked.settings())))


@router.post("/recaption", **described(JobSchema, takes=RecaptionRequest, fails=(403, 404), status=202))
async def recaption(request: Request, served: TheServed) -> Response:
    """Write new captions of frames, chapters or whole videos.

    Old ones are kept as versions, and corrections stay in effect. Only models on the server's machine can be
    used: `/v1/models` lists them.
    """
    served.check_writable()
    asked = await read_body(request, RecaptionRequest)
    return started(await served.at_work(lambda: served.jobs.recaption(asked)))


@router.post("/upgrade", **described(JobSchema, takes=UpgradeRequest, fails=(403,), status=202))
async def upgrade(request: Request, served: TheServed) -> Response:
    """Change to other models, by their names in `/v1/models`.

    Searches use the previous models until all videos are done. To continue a job that was stopped, send the
    same request again.
    """
    served.check_writable()
    asked = await read_body(request, UpgradeRequest)
    return started(await served.at_work(lambda: served.jobs.upgrade(asked)))


@router.post("/verify", **described(JobSchema, takes=VerifyRequest, fails=(403,), status=202))
async def verify(request: Request, served: TheServed) -> Response:
    """Check that the library is consistent and matches its files, and repair it if requested.

    This job cannot be stopped.
    """
    asked = await read_body(request, VerifyRequest)
    if asked.repair:
        served.check_writable()
    return started(await served.at_work(lambda: served.jobs.verify(repair=asked.repair)))


@router.get("/jobs/{job_id}", **described(JobSchema, fails=(404,)))
def job(served: TheServed, job_id: JobId) -> Response:
    """Return a job's progress, and its result once it has ended."""
    return answered(JobSchema.of(served.jobs.job(job_id)))


@router.post("/jobs/{job_id}/stop", **described(JobSchema, fails=(403, 404), status=202))
def stop(served: TheServed, job_id: JobId) -> Response:
    """Stop a job after its current commit. What it has done is kept."""
    served.check_writable()
    return answered(JobSchema.of(served.jobs.stop(job_id)), 202)


@router.get("/jobs/{job_id}/events", **described("text/event-stream", fails=(404,)))
def events(
    served: TheServed,
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(max_length=20, description="The last event received: later ones follow.")
    ] = None,
) -> Response:
    """Follow a job by server-sent events, which are named after its state and contain the whole job."""
    served.jobs.job(job_id)
    given = last_event_id or ""
    after = int(given) if given.isascii() and given.isdecimal() else 0
    return StreamingResponse(
        _told(served, job_id, after),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        media_type="text/event-stream",
    )


async def _told(served: Served, job_id: str, after: int) -> AsyncIterator[bytes]:
    silent_seconds = 0.0
    while not served.is_closing:
        events = served.jobs.events(job_id, after=after)
        for event in events:
            data = msgspec.json.encode(JobSchema.of(event.job))
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.job.state.encode(), data)
            after = event.number
            if event.job.has_ended:
                return
        if not events and served.jobs.job(job_id).has_ended:
            return
        silent_seconds = 0.0 if events else silent_seconds + _SECONDS_BETWEEN_LOOKS
        if silent_seconds >= _SECONDS_BETWEEN_SIGNS:
            yield b": still here\n\n"
            silent_seconds = 0.0
        await anyio.sleep(_SECONDS_BETWEEN_LOOKS)
