"""The OpenAPI description of the routes, generated from the service's schemas.

msgspec generates the JSON Schema from the types that are decoded and encoded, so the two cannot diverge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from vidsearch import errors
from vidsearch.api import problems
from vidsearch.service import (
    concept_schemas,
    job_schemas,
    overview_schemas,
    report_schemas,
    schemas,
    server_schemas,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

_REFERENCE = "#/components/schemas/{name}"
EXAMPLES: Mapping[type[msgspec.Struct], Any] = {
    job_schemas.IndexRequest: {"paths": ["/home/me/Videos"], "fps": 0.5, "speech": True},
    job_schemas.LabelRequest: {"labels": ["a cat", "coffee"]},
    job_schemas.RecaptionRequest: {"videos": "all", "prompt": "a photo of"},
    job_schemas.UpgradeRequest: {"models": "clip,blip"},
    job_schemas.VerifyRequest: {"repair": False},
    schemas.QuerySchema: {"text": "a dog on grass", "num_hits": 3},
    server_schemas.CorrectionRequest: {"time_seconds": 6, "text": "Minka asleep on the sofa"},
    server_schemas.SpokenCorrectionRequest: {"time_seconds": 90, "text": "and that is Bello."},
    server_schemas.TeachRequest: {
        "name": "Minka",
        "examples": ["cat.mp4@2", "cat.mp4@6"],
        "words": "a grey cat",
    },
}
"""An example of each JSON request body."""
_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    concept_schemas.ConceptSchema,
    concept_schemas.ShownConceptSchema,
    concept_schemas.TaughtSchema,
    schemas.CorrectionSchema,
    schemas.RelevanceSchema,
    schemas.SpokenLineSchema,
    schemas.VideoSchema,
    overview_schemas.OverviewSchema,
    report_schemas.InfoSchema,
    report_schemas.PrunedSchema,
    report_schemas.SubtitlesSchema,
    report_schemas.TrackSchema,
    server_schemas.ConceptList,
    server_schemas.FailureList,
    server_schemas.HealthSchema,
    job_schemas.JobList,
    job_schemas.JobSchema,
    server_schemas.LabelList,
    server_schemas.LabelReport,
    server_schemas.LibraryCaptionsPage,
    server_schemas.ModelList,
    server_schemas.Problem,
    server_schemas.SearchPage,
    server_schemas.SegmentPage,
    server_schemas.TaughtList,
    server_schemas.TrackList,
    server_schemas.VideoCaptionsPage,
    server_schemas.VideoPage,
    server_schemas.WordMatches,
)

_MEANINGS: Mapping[int, str] = {
    400: "The body is not JSON, or a header means nothing.",
    401: "The token is missing or wrong.",
    403: "The server was not started to allow this.",
    404: "The library has no such object.",
    410: "The video's file is gone, holds something else now, or does not decode.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    416: "The file has no such range.",
    422: "The request means nothing: `detail` says which part, and what to do.",
    503: "A model or the library cannot be used now.",
}
_ALWAYS = (401, 422, 503)


def described(
    gives: type[msgspec.Struct] | str | Sequence[str],
    *,
    also: Sequence[str] = (),
    takes: type[msgspec.Struct] | str | None = None,
    fails: Sequence[int] = (),
    status: int = 200,
    has_etag: bool = False,
    has_ranges: bool = False,
) -> dict[str, Any]:
    """Return the arguments of FastAPI's decorators that describe a route.

    Args:
        gives: The schema of the response, or its media types if it is not JSON.
        also: Other media types of the response, on request.
        takes: The schema of the request body, or its media type if it is a file.
        fails: The error statuses of this route, besides those of all routes.
        status: The status of a successful response.
        has_etag: Whether it supports `If-None-Match`.
        has_ranges: Whether it supports `Range`.
    """
    content = (
        {"application/json": {"schema": _reference(gives)}}
        if isinstance(gives, type)
        else {each: {} for each in ([gives] if isinstance(gives, str) else gives)}
    )
    content |= {each: {} for each in also}
    responses: dict[int, dict[str, Any]] = {status: {"description": "The answer.", "content": content}}
    if has_ranges:
        responses[206] = {"description": "The part asked for.", "content": content}
        fails = (*fails, 400, 416)
    if has_etag or has_ranges:
        responses[304] = {"description": "Nothing has changed since the answer with this ETag."}
    body = {}
    if isinstance(takes, str):
        file = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        body = {"requestBody": {"required": True, "content": {takes: file}}}
        fails = (*fails, 413)
    elif takes is not None:
        asked = {"schema": _reference(takes), "example": EXAMPLES[takes]}
        body = {"requestBody": {"required": True, "content": {"application/json": asked}}}
        fails = (*fails, 400, 413, 415)
    for number in sorted({*fails, *_ALWAYS}):
        responses[number] = {
            "description": _MEANINGS[number],
            "content": {problems.MEDIA_TYPE: {"schema": _reference(server_schemas.Problem)}},
        }
    return {"response_model": None, "status_code": status, "responses": responses, "openapi_extra": body}


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of an application. Cached."""
    if app.openapi_schema is None:
        from fastapi.openapi.utils import get_openapi

        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        components = found.setdefault("components", {})
        _, known = msgspec.json.schema_components((*EXAMPLES, *_ANSWERS), ref_template=_REFERENCE)
        components["schemas"] = dict(sorted(known.items()))
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        for path in found["paths"].values():
            for operation in path.values():
                if "open" in operation.get("tags", ()):
                    operation["security"] = []
        found["x-errors"] = _errors(errors.VidsearchError)
        app.openapi_schema = found
    return app.openapi_schema


def _errors(kind: type[errors.VidsearchError]) -> list[dict[str, Any]]:
    """The errors that the `type` of a problem can name, with their statuses and meanings."""
    means = (kind.__doc__ or "").splitlines()[0]
    own = [{"name": kind.__name__, "status": problems.status_of(kind()), "means": means}]
    return own + [each for inner in kind.__subclasses__() for each in _errors(inner)]


def _reference(schema: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=schema.__name__)}
