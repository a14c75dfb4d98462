"""`vidsearch serve` and `mcp`: the library for other programs, and for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidsearch.cli import console, options

_access_option = options.in_panel("What clients may do")

Token = Annotated[
    str | None,
    _access_option(
        envvar="VIDSEARCH_TOKEN",
        show_envvar=True,
        show_default=False,
        metavar="SECRET",
        help="Token that requests must carry. [default: created on first use and kept]",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(mcp)


def serve(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8510,
    token: Token = None,
    read_only: Annotated[
        bool, _access_option("--read-only", help="Refuse requests that would change the library.")
    ] = False,
    allow_index: Annotated[
        list[Path] | None,
        _access_option(metavar="FOLDER", help="Let clients index files in this folder. Repeatable."),
    ] = None,
) -> None:
    """Serve a library over HTTP, for other programs.

    Answers with JSON, pictures, clips and exports. Ctrl-C stops the server.

    Requests carry a token, which is made and printed on first use. http://127.0.0.1:8510/docs says what there
    is to ask.

    Examples:

    - `vidsearch serve --library ~/library`

    - `vidsearch serve --allow-index ~/Videos`

    - `vidsearch serve --read-only --port 9000`
    """
    from vidsearch.api.serve import serve as run

    host = host.strip("[]")
    url = _url(host, port)
    access = _Access(host, token)

    def announce(shown: str) -> None:
        access.say()
        console.say(f"Serving {shown} at {url} (API docs: {url}/docs)")

    run(
        library,
        token=access.token,
        host=host,
        port=port,
        read_only=read_only,
        index_folders=allow_index or (),
        on_ready=announce,
    )


def mcp(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    http: Annotated[
        bool, options.server_option("--http", help="Serve over streamable HTTP instead of stdin and stdout.")
    ] = False,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8511,
    token: Token = None,
    allow_write: Annotated[
        bool,
        _access_option("--allow-write", help="Allow correcting captions, teaching concepts and labelling."),
    ] = False,
    clips: Annotated[
        Path | None, _access_option(metavar="FOLDER", help="Allow cutting clips, into this folder only.")
    ] = None,
) -> None:
    """Serve a library to assistants, over the Model Context Protocol.

    The assistant's program starts this itself: docs/mcp.md says how for Claude Desktop, VS Code and others.

    Examples:

    - `vidsearch mcp --library ~/library`

    - `vidsearch mcp --library ~/library --clips ~/Clips --allow-write`

    - `vidsearch mcp --library ~/library --http`
    """
    from vidsearch.errors import VidsearchError

    try:
        from vidsearch.mcp.server import PATH, run_http, run_stdio
    except ImportError as error:
        raise VidsearchError("The Model Context Protocol needs: pip install 'vidsearch[mcp]'.") from error
    if not http:
        run_stdio(library, allow_write=allow_write, clip_folder=clips)
        return
    host = host.strip("[]")
    access = _Access(host, token)

    def announce(shown: str) -> None:
        access.say()
        console.say(f"Serving {shown} at {_url(host, port)}{PATH}")

    run_http(
        library,
        token=access.token,
        host=host,
        port=port,
        allow_write=allow_write,
        clip_folder=clips,
        on_ready=announce,
    )


def _url(host: str, port: int) -> str:
    from vidsearch.addresses import url_of

    return url_of(host, port)


class _Access:
    """Who can use a server that listens on `host`, and by which token."""

    def __init__(self, host: str, given: str | None) -> None:
        from vidsearch.api.tokens import own_token

        self._host = host
        self._is_given = given is not None
        self.token, self._is_new = own_token(given)

    def say(self) -> None:
        """Print where the token is (the token itself only when it is new), and which machines can connect."""
        from vidsearch.addresses import is_local
        from vidsearch.api.tokens import token_file

        if self._is_new:
            console.say(f"Token: {self.token}")
            console.note(f"It is shown only this once, and kept in {token_file()}.")
        elif not self._is_given:
            console.note(f"Requests must carry the token in {token_file()}.")
        if is_local(self._host):
            console.note("Only this machine can reach it; --host listens on another address.")
        else:
            console.warn(
                f"{self._host} can be reached from other machines, without encryption: anyone who reads the "
                "network sees the token, and can open this library with it."
            )
