"""`vidsearch ui`: the library in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from vidsearch.cli import console, options


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(ui)


def ui(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8501,
    browser: Annotated[bool, options.server_option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Search and manage a library in a browser.

    Ctrl-C stops the server.

    The printed address holds a start token; only someone who has it can use the page.

    Example: `vidsearch ui --library ~/library`
    """
    from vidsearch.addresses import is_local
    from vidsearch.web.serve import serve

    if not is_local(host):
        console.warn(
            f"{host} can be reached from other machines, without encryption: anyone who reads the network "
            "sees the start token, and can open this library with it."
        )
    serve(library, announce=console.say, host=host, port=port, opens_browser=browser)
