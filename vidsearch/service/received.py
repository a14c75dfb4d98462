"""Queries from clients of a server. They cannot refer to files of this machine."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vidsearch.errors import QueryError
from vidsearch.service.query_json import read_query

if TYPE_CHECKING:
    from vidsearch.search.query import FrameReference, Query

_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)
_FRAME_NUMBER = re.compile(r"\s*#\s*([0-9]{1,18})\s*")


@contextmanager
def received_query(source: str) -> Iterator[Query]:
    """Parse a query in JSON that includes its pictures as `data:image/...;base64,` URLs.

    The pictures are temporary files, which exist while the context is open.

    Raises:
        QueryError: It is not a query, a picture is a path, or the re-ranking model is not on this machine.
    """
    with tempfile.TemporaryDirectory(prefix="vidsearch-query-") as folder:
        query = read_query(_with_files(source, Path(folder)))
        if query.rerank is not None:
            check_models_are_here(query.rerank)
        yield query


def received_examples(given: Sequence[str | int]) -> list[int | FrameReference]:
    """Parse examples of a concept: frames "#231" or 231, moments "cat.mp4@5". Files are not allowed.

    Raises:
        QueryError: An example does not name a frame.
    """
    from vidsearch.search.query import FrameReference

    found: list[int | FrameReference] = []
    for each in given:
        if isinstance(each, int):
            found.append(each)
        elif (number := _FRAME_NUMBER.fullmatch(each)) is not None:
            found.append(int(number[1]))
        else:
            found.append(FrameReference.parse(each))
    return found


def _with_files(source: str, folder: Path) -> str:
    """Replace each picture in a query by a file in `folder`."""
    try:
        values = msgspec.json.decode(source)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return source  # the parser reports the error
    pictures = values.get("images") if isinstance(values, dict) else None
    if not isinstance(pictures, list) or not pictures:
        return source
    values["images"] = [
        str(_picture_file(picture, folder / str(number))) for number, picture in enumerate(pictures)
    ]
    return msgspec.json.encode(values).decode()


def _picture_file(picture: object, path: Path) -> Path:
    head = _DATA_URL.match(picture) if isinstance(picture, str) else None
    if head is None:
        raise QueryError(
            "Send pictures in images as data:image/jpeg;base64,... URLs: files are not read by name."
        )
    try:
        path.write_bytes(base64.b64decode(head.string[head.end() :], validate=True))
    except (binascii.Error, ValueError) as error:
        raise QueryError(f"A picture in images is not valid base64: {error}.") from error
    return path


def check_models_are_here(*models: str) -> None:
    """Raise QueryError for a model that would be downloaded, or read from a folder."""
    if not models:
        return
    from vidsearch.models.registry import known_models

    here = [entry.name for entry in known_models() if entry.is_cached]
    for model in models:
        if model not in here:
            raise QueryError(
                f"There is no model {model[:80]!r} on the server's machine. It has: {', '.join(here)}. "
                "`vidsearch models pull NAME` there downloads others."
            )
