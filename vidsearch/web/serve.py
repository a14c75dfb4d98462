"""`vidsearch ui`: the page, its pictures and its videos from one address."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

from vidsearch.errors import VidsearchError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8501


def is_local(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    library: Path, *, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, opens_browser: bool = True
) -> None:
    """Serve the page for a library until stopped. Raises VidsearchError without Streamlit.

    Bound to this machine, it answers only requests that name this machine, so that no page elsewhere can
    reach it through a name of its own (DNS rebinding). There is no log-in: bound elsewhere, whoever reaches
    the port sees the library and can index into it.
    """
    try:
        import streamlit as st
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError as error:
        raise VidsearchError("The page needs Streamlit: pip install 'vidsearch[ui]'.") from error
    from vidsearch.web import files, show

    os.environ[show.LIBRARY_VARIABLE] = str(library.absolute())
    hosts = ["localhost", "127.0.0.1", "[::1]"] if is_local(host) else ["*"]
    app = st.App(
        Path(__file__).with_name("app.py"),
        routes=files.routes(show.desk),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )
    # Streamlit takes sys.argv for its own script's.
    sys.argv = [str(Path(__file__).with_name("app.py"))]
    app.run(
        config={
            "server.address": host,
            "server.port": port,
            "server.headless": not opens_browser,
            "server.fileWatcherType": "none",
            "server.maxUploadSize": 20,
            "browser.gatherUsageStats": False,
            "runner.magicEnabled": False,
            "client.showErrorDetails": "none",
            "client.toolbarMode": "minimal",
            "theme.light.primaryColor": "#0f7a53",
            "theme.dark.primaryColor": "#3ecf96",
        }
    )
