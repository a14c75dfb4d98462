"""`/v1/jobs`: index runs that a client starts, watches and stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import msgspec
from fastapi import APIRouter, Header, Path, Request
from starlette.responses import Response, StreamingResponse

from vidsearch.api.documents import described
from vidsearch.api.serving import Route, Served, TheServed, answered, read_body
from vidsearch.service.server_schemas import IndexRequest, JobList, JobSchema

router = APIRouter(prefix="/v1/jobs", tags=["indexing"], route_class=Route)

JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="A job's number.")]

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_SIGNS = 15.0
"""A line that means nothing is sent so often, so that nobody on the way takes the silence for an end."""


@router.get("", **described(JobList))
def jobs(served: TheServed) -> Response:
    """List the index runs of this server, in the order in which they were started."""
    return answered(JobList(jobs=list(map(JobSchema.of, served.jobs.jobs()))))


@router.post("", **described(JobSchema, takes=IndexRequest, fails=(403,), status=202))
async def start(request: Request, served: TheServed) -> Response:
    """Index files and folders, once the runs before are done.

    Only what lies in a folder that was named when the server was started is indexed.
    """
    served.check_writable()
    asked = await read_body(request, IndexRequest)
    job = await served.at_work(lambda: served.jobs.start(asked.paths, asked.settings()))
    return answered(JobSchema.of(job), 202, headers={"Location": f"/v1/jobs/{job.id}"})


@router.get("/{job_id}", **described(JobSchema, fails=(404,)))
def job(served: TheServed, job_id: JobId) -> Response:
    """Say how far an index run is, and what became of each file once it has ended."""
    return answered(JobSchema.of(served.jobs.job(job_id)))


@router.post("/{job_id}/stop", **described(JobSchema, fails=(403, 404), status=202))
def stop(served: TheServed, job_id: JobId) -> Response:
    """Let an index run end after the commit in hand: what it has indexed stays."""
    served.check_writable()
    return answered(JobSchema.of(served.jobs.stop(job_id)), 202)


@router.get("/{job_id}/events", **described("text/event-stream", fails=(404,)))
def events(
    served: TheServed,
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(max_length=20, description="The last event that came: those after it follow.")
    ] = None,
) -> Response:
    """Follow an index run: server-sent events named for its state, each with the whole job as its data."""
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
