"""`/v1/concepts`: names that the library was taught by examples."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from vidsearch.api.documents import described
from vidsearch.api.serving import (
    Route,
    TheServed,
    answered,
    cached,
    content_etag,
    current_etag,
    read_body,
    read_file,
    unchanged,
)
from vidsearch.service.concept_schemas import ConceptSchema, ShownConceptSchema, TaughtSchema
from vidsearch.service.received import received_examples
from vidsearch.service.server_schemas import ConceptList, TaughtList, TeachRequest
from vidsearch.types import LARGEST_ID

router = APIRouter(prefix="/v1", tags=["concepts"], route_class=Route)


Name: TypeAlias = Annotated[str, Path(min_length=1, max_length=200, description="A concept's name.")]


@router.get("/concepts", **described(ConceptList, has_etag=True))
def concepts(request: Request, served: TheServed) -> Response:
    """List the concepts that the library was taught, by name."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    found = ConceptList(concepts=[ConceptSchema.of(each) for each in served.library.concepts.all()])
    return answered(found, headers=cached(etag))


@router.post("/concepts", **described(TaughtSchema, takes=TeachRequest, fails=(403, 404), status=201))
async def teach(request: Request, served: TheServed) -> Response:
    """Teach what a name means, by frames of the library. The name works in every search from now on.

    If the concept exists, examples are added to it. The answer states how well they agree, by searching for
    each with only the others.
    """
    served.check_writable()
    asked = await read_body(request, TeachRequest)
    examples, against = received_examples(asked.examples), received_examples(asked.against)
    concepts = served.library.concepts

    def taught() -> TaughtSchema:
        done = concepts.teach(asked.name, examples, against=against, words=asked.words, is_new=asked.is_new)
        return TaughtSchema.of(done, concepts.check(done.concept.name))

    done = await served.at_work(taught)
    return answered(done, 201, headers={"Location": f"/v1/concepts/{quote(done.concept.name, safe='')}"})


@router.get("/concepts/{name:path}", **described(ShownConceptSchema, fails=(404,), has_etag=True))
async def concept(request: Request, served: TheServed, name: Name) -> Response:
    """Return a concept with its examples by version, and how well they agree."""
    etag = current_etag(request, served)
    if (same := unchanged(request, etag)) is not None:
        return same
    concepts = served.library.concepts
    found = await served.at_work(
        lambda: ShownConceptSchema.of(concepts.named(name), concepts.examples(name), concepts.check(name))
    )
    return answered(found, headers=cached(etag))


@router.delete("/concepts/{name:path}", **described(ConceptSchema, fails=(403, 404)))
def forget(
    served: TheServed,
    name: Name,
    example: Annotated[
        list[Annotated[int, Query(ge=0, le=LARGEST_ID)]] | None,
        Query(max_length=1000, description="Only these examples, by `id`; the whole concept if omitted."),
    ] = None,
) -> Response:
    """Remove a concept, and return it as it was; or some of its examples, and return it as it is now."""
    served.check_writable()
    return answered(ConceptSchema.of(served.library.concepts.forget(name, example or ())))


@router.get("/examples/{example_id}/picture", **described("image/jpeg", fails=(404,), has_etag=True))
def picture(
    request: Request,
    served: TheServed,
    example_id: Annotated[int, Path(ge=0, le=LARGEST_ID, description="An example's `id`.")],
) -> Response:
    """Return the picture of an example that a concept has or had."""
    jpeg = served.library.concepts.picture(example_id)
    etag = content_etag(jpeg)
    return unchanged(request, etag) or Response(jpeg, headers=cached(etag), media_type="image/jpeg")


@router.post(
    "/import/concepts",
    **described(TaughtList, takes="application/octet-stream", fails=(403,), status=201),
)
async def import_concepts(
    request: Request,
    served: TheServed,
    adds: Annotated[bool, Query(description="Add the examples to concepts of the same name.")] = False,
) -> Response:
    """Import concepts that `/v1/export/concepts` of another library returned: all of them, or none.

    The body is the file.
    """
    served.check_writable()
    content = await read_file(request)
    loaded = await served.at_work(lambda: served.library.concepts.load(content, adds=adds))
    return answered(TaughtList(concepts=[TaughtSchema.of(each) for each in loaded]), 201)
