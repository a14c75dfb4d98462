"""The MCP server: its tools, and its two transports."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch import __version__
from vidsearch.addresses import answered_names, check_address
from vidsearch.api.guard import Guard
from vidsearch.errors import QueryError, VidsearchError
from vidsearch.mcp.tools import FRAME_URI, VIDEO_URI, Tools
from vidsearch.service.library import Library

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer
    from starlette.types import ASGIApp

PATH = "/mcp"
_INSTRUCTIONS = (
    "A library of this person's own videos. Find moments with `search`, by describing what is seen or said; "
    "look at them with `look`; ask `describe_video` what a video is about. Times are seconds from the start "
    "of a video. A confidence below about 20% is mostly a chance likeness: look before you rely on it, and "
    "say so when nothing fits."
)


def create_server(
    library: Library, *, allow_write: bool = False, clip_folder: Path | None = None
) -> MCPServer:
    """Create the server of a library.

    Args:
        library: The library.
        allow_write: Whether captions may be corrected, concepts taught and labels searched for.
        clip_folder: The folder for clips; None to offer no clips.
    """
    from mcp.server.mcpserver import MCPServer
    from mcp_types import ToolAnnotations

    server = MCPServer(
        "vidsearch",
        title="vidsearch",
        description="Find moments in video by describing them.",
        instructions=_INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
    )
    tools = Tools(library, clip_folder=clip_folder)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    for tool, title in (
        (tools.search, "Search the videos"),
        (tools.describe_library, "Describe the library"),
        (tools.describe_video, "Describe a video"),
        (tools.look, "Look at a frame"),
        (tools.explain, "Show where words are seen"),
        (tools.find_similar, "Find similar moments"),
        (tools.list_videos, "List the videos"),
        (tools.list_concepts, "List what was taught"),
        (tools.list_labels, "List the labels"),
    ):
        server.add_tool(tool, title=title, annotations=reads, structured_output=False)
    if clip_folder is not None:
        adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
        server.add_tool(tools.cut_clip, title="Cut a clip", annotations=adds, structured_output=False)
    if allow_write:
        changes = ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        )
        server.add_tool(
            tools.correct_caption, title="Correct a caption", annotations=changes, structured_output=False
        )
        server.add_tool(tools.teach, title="Teach a name", annotations=changes, structured_output=False)
        server.add_tool(tools.label, title="Look for labels", annotations=changes, structured_output=False)
    server.resource(FRAME_URI, name="frame", title="A frame of a video", mime_type="image/jpeg")(tools.frame)
    server.resource(VIDEO_URI, name="video", title="A video in words", mime_type="text/plain")(tools.video)
    return server


def create_app(server: MCPServer, *, token: str, names: frozenset[str] | None) -> ASGIApp:
    """Return an ASGI application that serves streamable HTTP at `PATH`.

    Args:
        server: The server.
        token: The token that requests must carry.
        names: The host names that are answered; see `addresses.answered_names`.
    """
    from mcp.server.transport_security import TransportSecuritySettings

    # The guard checks the host name and the token, which other web pages do not have.
    checks = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=checks)
    return Guard(app, token=token, names=names)


def run_stdio(library: Path, *, allow_write: bool = False, clip_folder: Path | None = None) -> None:
    """Serve a library over stdin and stdout, to the program that started this one.

    Raises:
        QueryError: The folder for clips does not exist.
        LibraryError: There is no library, or it cannot be read.
    """
    _check_folder(clip_folder)
    with Library.open(library) as opened:
        threading.Thread(target=_prepare, args=(opened,), daemon=True).start()
        create_server(opened, allow_write=allow_write, clip_folder=clip_folder).run("stdio")


def run_http(
    library: Path,
    *,
    token: str,
    host: str,
    port: int,
    allow_write: bool = False,
    clip_folder: Path | None = None,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a library over streamable HTTP until stopped.

    Args:
        library: The library.
        token: The token that requests must carry.
        host: The address to listen on.
        port: The port to listen on.
        allow_write: As in `create_server`.
        clip_folder: As in `create_server`.
        on_ready: Called with the library's address, without a password, once it is open.

    Raises:
        VidsearchError: The address is not available.
        QueryError: The folder for clips does not exist.
        LibraryError: There is no library, or it cannot be read.
    """
    import uvicorn

    _check_folder(clip_folder)
    check_address(host, port)
    with Library.open(library) as opened:
        threading.Thread(target=_prepare, args=(opened,), daemon=True).start()
        server = create_server(opened, allow_write=allow_write, clip_folder=clip_folder)
        app = create_app(server, token=token, names=answered_names(host))
        on_ready(opened.address)
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )


def _check_folder(folder: Path | None) -> None:
    if folder is not None and not folder.is_dir():
        raise QueryError(f"{folder} is not a folder that clips can be written to. Name one with --clips.")


def _prepare(library: Library) -> None:
    """Load what searches need, so that the first one is not slow."""
    with contextlib.suppress(VidsearchError):
        library.search("a picture", num_hits=1)
