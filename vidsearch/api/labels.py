"""`/v1/labels`: words and concepts that are searched for in every frame, and reports of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    SAFE,
    Route,
    TheServed,
    answered,
    cached,
    current_etag,
    read_body,
    started,
    unchanged,
)
from vidsearch.labels.report import ReportBy, render_report
from vidsearch.service.job_schemas import JobSchema, LabelRequest
from vidsearch.service.label_schemas import ReportLineSchema, SeenSchema
from vidsearch.service.server_schemas import LabelList, LabelReport

router = APIRouter(prefix="/v1/labels", tags=["labels"], route_class=Route)

_REPORT_TYPES = {"csv": "text/csv; charset=utf-8", "svg": "image/svg+xml"}


@router.get("", **described(LabelList, has_etag=True))
def labels(request: Request, served: TheServed) -> Response:
    """List the labels of the last run, and the number of spans of each."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = [SeenSchema(label=label, count=count) for label, count in served.library.labels.seen()]
    return answered(LabelList(labels=found), headers=cached(etag))


@router.post("", **described(JobSchema, takes=LabelRequest, fails=(403, 404), status=202))
async def label(request: Request, served: TheServed) -> Response:
    """Look for labels in every frame: words, names of concepts, or all concepts.

    The spans where each is found are stored as a track of each video, and replace earlier labels.
    `/v1/videos/{video_id}/segments?kind=label` lists them.
    """
    served.check_writable()
    asked = await read_body(request, LabelRequest)
    return started(
        await served.at_work(
            lambda: served.jobs.label(
                asked.labels, min_confidence=asked.min_confidence, join_seconds=asked.join_seconds
            )
        )
    )


@router.get("/report", **described(LabelReport, also=["text/csv", "image/svg+xml"], has_etag=True))
def report(
    request: Request,
    served: TheServed,
    by: Annotated[
        ReportBy,
        Query(description="label: in all; day: when recorded; video; camera: folder of the video."),
    ] = "label",
    format: Annotated[
        Literal["json", "csv", "svg"], Query(description="As data, as a table, or as a plot.")
    ] = "json",
) -> Response:
    """Return how often and how long each label was found."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    lines = served.library.labels.report(by)
    if format != "json":
        headers = {**cached(etag), **SAFE}
        return Response(render_report(lines, format), headers=headers, media_type=_REPORT_TYPES[format])
    return answered(LabelReport(lines=[ReportLineSchema.of(line) for line in lines]), headers=cached(etag))
