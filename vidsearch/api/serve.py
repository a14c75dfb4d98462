"""Runs the HTTP server of `vidsearch serve` until it is stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.addresses import DEFAULT_HOST, answered_names, check_address
from vidsearch.errors import QueryError, VidsearchError
from vidsearch.service.library import Library

if TYPE_CHECKING:
    from types import FrameType

    from uvicorn import Config, Server

    from vidsearch.api.serving import Served

DEFAULT_PORT = 8510
_SECONDS_KEPT_OPEN = 75
"""Longer than clients keep idle connections, so that none sends into a connection that is being closed."""
_SECONDS_TO_FINISH = 30
"""How long to wait for pending responses when the server is stopped."""


def serve(
    library: Path,
    *,
    token: str,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    read_only: bool = False,
    index_folders: Sequence[Path] = (),
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a library over HTTP until stopped. Jobs end after their current commit.

    Args:
        library: The library's folder, which is created if there is none and indexing is allowed.
        token: The token that requests must carry; see `tokens.own_token`.
        host: The address to listen on: an IPv4 or IPv6 address, or a name of this machine.
        port: The port to listen on.
        read_only: Whether to refuse all changes to the library.
        index_folders: Folders whose files clients may index.
        on_ready: Called with the library's address, without a password, once it is open.

    Raises:
        VidsearchError: FastAPI is not installed, the address is not available, or a folder does not exist.
        LibraryError: There is no library, or it cannot be read.
    """
    try:
        import uvicorn

        from vidsearch.api.app import create_app
        from vidsearch.api.serving import Served
        from vidsearch.service.answer_pages import AnswerPages
        from vidsearch.service.jobs import Jobs
    except ImportError as error:
        raise VidsearchError("Serving over HTTP needs FastAPI: pip install 'vidsearch[serve]'.") from error

    check_address(host, port)
    for folder in index_folders:
        if not folder.is_dir():
            raise QueryError(f"{folder} is not a folder that can be indexed. Name one with --allow-index.")
    with Library.open(library, create=bool(index_folders) and not read_only, read_only=read_only) as opened:
        served = Served(
            library=opened,
            jobs=Jobs(opened, () if read_only else index_folders),
            answers=AnswerPages(opened),
            is_read_only=read_only or opened.store.is_read_only,
        )
        threading.Thread(target=_prepare, args=(opened,), daemon=True).start()
        config = uvicorn.Config(
            create_app(served, token=token, names=answered_names(host)),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_SECONDS_KEPT_OPEN,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
        on_ready(opened.address)
        _server(config, served).run()


def _server(config: Config, served: Served) -> Server:
    import uvicorn

    class EndingServer(uvicorn.Server):
        """Ends event streams when it is stopped, instead of waiting for them."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            served.is_closing = True
            super().handle_exit(sig, frame)

    return EndingServer(config)


def _prepare(library: Library) -> None:
    """Load what searches need, so that the first one is not slow."""
    with contextlib.suppress(VidsearchError):
        library.search("a picture", num_hits=1)
