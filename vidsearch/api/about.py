"""Routes about the library and the server: numbers, models, failures, health."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from vidsearch import __version__
from vidsearch.api.documents import described
from vidsearch.api.serving import Route, TheServed, answered, cached, current_etag, unchanged
from vidsearch.service.report_schemas import FailureSchema, InfoSchema
from vidsearch.service.server_schemas import FailureList, HealthSchema, ModelList, ModelSchema

router = APIRouter(prefix="/v1", tags=["about"], route_class=Route)


@router.get("/health", tags=["open"], **described(HealthSchema))
async def health() -> Response:
    """Check that the server is running. Needs no token, and reveals nothing about the library."""
    return answered(HealthSchema(status="ok", version=__version__))


@router.get("/library", **described(InfoSchema, has_etag=True))
def info(request: Request, served: TheServed) -> Response:
    """Return the library's numbers of videos, frames and captions, and its models."""
    etag = current_etag(request, served)
    return unchanged(request, etag) or answered(InfoSchema.of(served.library.info()), headers=cached(etag))


@router.get("/failures", **described(FailureList, has_etag=True))
def failures(request: Request, served: TheServed) -> Response:
    """List the files that could not be indexed, with the reasons."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = FailureList(failures=[FailureSchema.of(each) for each in served.library.failures()])
    return answered(found, headers=cached(etag))


@router.get("/models", **described(ModelList))
def models() -> Response:
    """List the registered models, and which of them are on this machine."""
    from vidsearch.models.registry import known_models

    return answered(ModelList(models=list(map(ModelSchema.of, known_models()))))
