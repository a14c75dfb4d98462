"""`vidsearch ui`: the page, its pictures and its videos from one address."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vidsearch.addresses import DEFAULT_HOST, answered_names, check_address, url_of
from vidsearch.errors import VidsearchError
from vidsearch.store.postgres.address import server_url

DEFAULT_PORT = 8501

_MAX_UPLOAD_MEGABYTES = 20
_TOKEN_BYTES = 32


def serve(
    library: Path,
    *,
    announce: Callable[[str], None],
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    opens_browser: bool = True,
) -> None:
    """Serve the page for a library until stopped.

    Args:
        library: The library's folder, or its address on a server; made where there is none.
        announce: Told the address to open, which holds the start token, once.
        host: Address to listen on: an IPv4 or IPv6 address, or a name of this machine.
        port: Port to listen on.
        opens_browser: Open the address in the user's browser.

    Raises:
        VidsearchError: Streamlit is not installed, or the address cannot be listened on.
    """
    try:
        import streamlit as st
        from starlette.middleware import Middleware

        from vidsearch.web import files, home, pages, show
        from vidsearch.web.gate import Gate
        from vidsearch.web.uploads import uploads
    except ImportError as error:
        raise VidsearchError("The page needs Streamlit: pip install 'vidsearch[ui]'.") from error

    host = host.strip("[]")
    check_address(host, port)
    names = answered_names(host)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    address = page_address(host, port, token)
    announce(address)

    @asynccontextmanager
    async def started(_app: Any) -> AsyncIterator[None]:
        threading.Thread(target=home.prepare, daemon=True).start()
        if opens_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        yield

    os.environ[show.LIBRARY_VARIABLE] = str(library if server_url(library) else library.absolute())
    # `pages` is imported here, before the first visitor waits for it.
    script = Path(pages.__file__).with_name("app.py")
    app = st.App(
        script,
        lifespan=started,
        routes=[*files.routes(show.library), *uploads.routes(show.library)],
        middleware=[Middleware(Gate, token=token, names=names, port=port)],
    )
    # Streamlit takes sys.argv for its own script's.
    sys.argv = [str(script)]
    app.run(
        config={
            "server.address": host,
            "server.port": port,
            # Streamlit would open, and print, an address without the token; and ask outside for another.
            "server.headless": True,
            "logger.hideWelcomeMessage": True,
            "server.fileWatcherType": "none",
            "server.maxUploadSize": _MAX_UPLOAD_MEGABYTES,
            "browser.gatherUsageStats": False,
            "runner.magicEnabled": False,
            "client.showErrorDetails": "none",
            "client.toolbarMode": "minimal",
            "theme.light.primaryColor": "#0b6b48",
            "theme.dark.primaryColor": "#3ecf96",
        }
    )


def page_address(host: str, port: int, token: str) -> str:
    """The address to open: `host` as browsers write it, and the token."""
    return f"{url_of(host, port)}/?token={token}"
