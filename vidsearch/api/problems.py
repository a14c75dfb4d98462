"""Converts all errors (of vidsearch, FastAPI and Starlette) to problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Match

from vidsearch import errors
from vidsearch.service.server_schemas import Fault, Problem

if TYPE_CHECKING:
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"

_STATUSES: tuple[tuple[type[errors.VidsearchError], int], ...] = (
    (errors.VideoNotFound, 404),
    (errors.TrackNotFound, 404),
    (errors.ConceptNotFound, 404),
    (errors.JobNotFound, 404),
    (errors.PathNotAllowed, 403),
    (errors.NotAllowed, 403),
    (errors.LibraryNotWritable, 403),
    (errors.MediaError, 410),
    (errors.ModelError, 503),
    (errors.LibraryError, 503),
)
"""The first matching class determines the status. All other errors mean an invalid request: 422."""
_MEANINGLESS = 422


def status_of(error: errors.VidsearchError) -> int:
    """Return the HTTP status for an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _MEANINGLESS)


def problem(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> Response:
    """Return a response with problem details.

    Args:
        status: The HTTP status.
        detail: What happened, and what to do.
        kind: The class of vidsearch's error; None if the status says everything.
        faults: Errors in single fields.
        headers: Further headers.
        instance: The path of the request.
    """
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    body = Problem(
        type="about:blank" if kind is None else f"/docs#{kind}",
        title=title,
        status=status,
        detail=detail,
        instance=instance,
        faults=list(faults),
    )
    return Response(
        msgspec.json.encode(body),
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


async def of_vidsearch(request: Request, error: Exception) -> Response:
    """Handle an error of vidsearch."""
    assert isinstance(error, errors.VidsearchError)
    return problem(status_of(error), str(error), kind=type(error).__name__, instance=request.url.path)


async def of_validation(request: Request, error: Exception) -> Response:
    """Handle parameters that do not match the OpenAPI description."""
    found: Sequence[Any] = error.errors() if hasattr(error, "errors") else ()
    faults = [Fault(at=".".join(map(str, each["loc"][1:])), message=each["msg"]) for each in found]
    said = "; ".join(f"{fault.at}: {fault.message.rstrip('.?')}" for fault in faults)
    return problem(
        _MEANINGLESS, f"The request does not fit: {said}.", faults=faults, instance=request.url.path
    )


async def of_http(request: Request, error: Exception) -> Response:
    """Handle HTTP errors, such as an unknown path or method."""
    status = getattr(error, "status_code", 500)
    said = {
        404: f"There is nothing at {request.url.path}. /docs lists what there is.",
        405: f"{request.method} is not possible at {request.url.path}.",
    }
    detail = said.get(status) or str(getattr(error, "detail", "") or HTTPStatus(status).description)
    headers = dict(getattr(error, "headers", None) or {})
    if status == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return problem(status, detail, headers=headers, instance=request.url.path)


def _methods_at(request: Request) -> set[str]:
    """The methods of all routes at the path of a request."""
    return {
        method
        for method in ("GET", "HEAD", "POST", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    }


async def of_defect(request: Request, error: Exception) -> Response:
    """Handle an unexpected error. Details are logged, and not sent to clients."""
    return problem(
        500,
        "This is a fault of vidsearch, and its log has the details.",
        instance=request.url.path,
    )
