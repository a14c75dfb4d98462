"""`/v1/labels`: words and concepts that are looked for in every frame, and how much of them there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    Route,
    TheServed,
    answered,
    cached,
    current_etag,
    read_body,
    unchanged,
)
from vidsearch.service.label_choices import ReportBy
from vidsearch.service.label_schemas import LabelledSchema, ReportLineSchema
from vidsearch.service.server_schemas import LabelReport, LabelRequest

router = APIRouter(prefix="/v1/labels", tags=["labels"], route_class=Route)


@router.post("", **described(LabelledSchema, takes=LabelRequest, fails=(403, 404)))
async def label(request: Request, served: TheServed) -> Response:
    """Look for labels in every frame: words, names of concepts, or all concepts.

    Where each is seen is kept as a track of each video, in place of what was known of labels before;
    `/v1/videos/{video_id}/segments?kind=label` lists it.
    """
    served.check_writable()
    asked = await read_body(request, LabelRequest)
    done = await served.at_work(
        lambda: served.library.labels.apply(
            asked.labels, min_confidence=asked.min_confidence, join_seconds=asked.join_seconds
        )
    )
    return answered(LabelledSchema.of(done))


@router.get("/report", **described(LabelReport, has_etag=True))
def report(
    request: Request,
    served: TheServed,
    by: Annotated[
        ReportBy,
        Query(description="label: in all; day: when recorded; video; camera: folder of the video."),
    ] = "label",
) -> Response:
    """Say how often and how long each label was seen."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    lines = [ReportLineSchema.of(line) for line in served.library.labels.report(by)]
    return answered(LabelReport(lines=lines), headers=cached(etag))
