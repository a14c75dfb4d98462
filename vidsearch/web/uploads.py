"""Videos that are dropped onto the page: streamed into a folder that its user chose, under safe names.

    POST /files/uploads/TICKET?name=cat.mp4     the file is the body; the answer is {"name": "cat.mp4"}

No folder comes from a request: the page keeps the chosen one under a ticket, which is a long random word. A
file appears there whole or not at all, and never in the place of another.
"""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidsearch.captions.export import safe_name
from vidsearch.errors import ExportError, QueryError
from vidsearch.media.discover import VIDEO_SUFFIXES
from vidsearch.outputs import OutputRule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request

    from vidsearch.web.page_library import PageLibrary

MAX_FILES_AT_ONCE = 500
"""The browser sends no more of what was dropped together."""
_LEFT_FREE_BYTES = 2**30
"""On the folder's disk, for the library and everything else."""
_MAX_TICKETS = 64
_MAX_NAMESAKES = 1000


@dataclass(slots=True)
class _Ticket:
    folder: Path
    kept: list[Path] = field(default_factory=list)


class Refused(Exception):
    """A file that is not taken, and why, with the status of the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Uploads:
    """The folders that files may be sent to, and what came."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        self._lock = threading.Lock()

    def ticket(self, folder: Path) -> str:
        """Return a new ticket for a folder; the oldest of many lapses."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[name] = _Ticket(folder)
            while len(self._tickets) > _MAX_TICKETS:
                self._tickets.popitem(last=False)
        return name

    def kept(self, ticket: str) -> list[Path]:
        """Return the files that came under a ticket and are whole."""
        with self._lock:
            found = self._tickets.get(ticket)
            return [] if found is None else list(found.kept)

    def routes(self, library: Callable[[], PageLibrary]) -> list[Route]:
        """Return the route, for a server that also serves the page."""

        async def receive(request: Request) -> Response:
            try:
                return JSONResponse({"name": await self._receive(request, library)})
            except Refused as refused:
                return JSONResponse({"detail": str(refused)}, refused.status)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is there to read it

        return [Route("/files/uploads/{ticket}", receive, methods=["POST"])]

    async def _receive(self, request: Request, library: Callable[[], PageLibrary]) -> str:
        """Keep a request's file. Returns the name that it has now."""
        with self._lock:
            ticket = self._tickets.get(request.path_params["ticket"])
        if ticket is None:
            raise Refused(404, "This page was open for too long. Reload it.")
        name = video_name(request.query_params.get("name", ""))
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Refused(411, "The request does not say how long the file is.")
        stream = request.stream()

        def keep() -> Path:
            rule = library().ask(lambda opened: OutputRule.for_library(opened.store))
            return _keep(ticket.folder, name, int(length), _parts(stream), rule)

        path = await run_in_threadpool(keep)
        with self._lock:
            if path not in ticket.kept:
                ticket.kept.append(path)
        return path.name


def chosen_folder(text: str) -> Path:
    """Return the folder that a person names for files. Raises QueryError where there is none."""
    if not text.strip():
        raise QueryError("Say which folder the videos go to.")
    folder = Path(text.strip()).expanduser().absolute()
    try:
        is_folder = folder.is_dir()
    except OSError:
        is_folder = False
    if not is_folder:
        raise QueryError(f"There is no folder {folder}. Create it first, or name another.")
    if not os.access(folder, os.W_OK):
        raise QueryError(f"{folder} cannot be written to. Name another folder.")
    return folder


def video_name(wanted: str) -> str:
    """Return a plain file's name for a video of any name: no folder, nothing hidden, valid everywhere.

    Raises Refused where the suffix is none of a video.
    """
    path = Path(wanted.replace("\\", "/"))
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise Refused(415, "This is not a video: its name has no video suffix.")
    return safe_name(path.stem.lstrip(". ")) + suffix


def _keep(folder: Path, name: str, length: int, parts: Iterator[bytes], rule: OutputRule) -> Path:
    """Write a file into a folder, under a name that is free. A copy of what is there already is not kept."""
    if not folder.is_dir():
        raise Refused(409, f"The folder {folder} is gone.")
    room = shutil.disk_usage(folder).free - _LEFT_FREE_BYTES
    if length > room:
        raise Refused(507, f"It has {_size(length)}, and {folder} has room for {_size(max(0, room))}.")
    path = _free_path(folder, name)
    num_bytes = 0
    try:
        with rule.open(path) as out:
            for part in parts:
                num_bytes += len(part)
                if num_bytes > length:
                    break
                out.write(part)
            if num_bytes != length:
                raise Refused(400, f"{num_bytes:,} of {length:,} bytes arrived. Send it again.")
    except ExportError as error:
        raise Refused(409, str(error)) from error
    known = folder / name
    if path != known and known.is_file() and filecmp.cmp(known, path, shallow=False):
        path.unlink()
        return known
    return path


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"


def _free_path(folder: Path, name: str) -> Path:
    path, number = folder / name, 2
    while os.path.lexists(path):
        if number > _MAX_NAMESAKES:
            raise Refused(409, f"{folder} holds too many files of this name.")
        path, number = folder / f"{Path(name).stem} ({number}){Path(name).suffix}", number + 1
    return path


def _parts(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The parts of a request's body, for a thread that writes them. Raises ClientDisconnect."""

    async def next_part() -> bytes | None:
        return await anext(stream, None)

    while (part := from_thread.run(next_part)) is not None:
        yield part


uploads = Uploads()
"""This server's."""
