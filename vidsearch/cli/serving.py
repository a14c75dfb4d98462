"""`vidsearch serve` and `mcp`: the library for other programs, and for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidsearch.cli import console, options

_ACCESS_PANEL = "What clients may do"

Token = Annotated[
    str | None,
    typer.Option(
        envvar="VIDSEARCH_TOKEN",
        show_envvar=True,
        show_default=False,
        metavar="SECRET",
        help="What requests must carry. [default: made on first use and kept for you]",
        rich_help_panel=_ACCESS_PANEL,
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
        bool,
        typer.Option(
            "--read-only",
            help="Refuse whatever would change the library.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = False,
    allow_index: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Let clients index what lies in this folder. Repeatable.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = None,
) -> None:
    """Serve the library over HTTP, with JSON, pictures, clips and exports. Ctrl-C stops it.

    Requests carry a token, which is made and printed on first use. http://127.0.0.1:8510/docs says what there
    is to ask.

    Examples:

    - `vidsearch serve --library ~/library`

    - `vidsearch serve --allow-index ~/Videos`

    - `vidsearch serve --read-only --port 9000`
    """
    from vidsearch.api.serve import serve as run

    host = host.strip("[]")
    secret, is_new = _token(token)
    url = _url(host, port)

    def announce(shown: str) -> None:
        _say_token(secret, is_new=is_new, is_given=token is not None)
        _say_who_may_ask(host)
        console.say(f"Serving {shown} at {url}, described at {url}/docs")

    run(
        library,
        token=secret,
        host=host,
        port=port,
        read_only=read_only,
        index_folders=allow_index or (),
        on_ready=announce,
    )


def mcp(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    http: Annotated[
        bool,
        typer.Option(
            "--http",
            help="Listen for streamable HTTP; else stdin and stdout.",
            rich_help_panel=options.SERVER_PANEL,
        ),
    ] = False,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8511,
    token: Token = None,
    allow_write: Annotated[
        bool,
        typer.Option(
            "--allow-write",
            help="Let captions be corrected, concepts be taught and labels be looked for.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = False,
    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Let clips be cut, into this folder alone.", rich_help_panel=_ACCESS_PANEL
        ),
    ] = None,
) -> None:
    """Let an assistant search the library and look at it, by the Model Context Protocol.

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
    secret, is_new = _token(token)

    def announce(shown: str) -> None:
        _say_token(secret, is_new=is_new, is_given=token is not None)
        _say_who_may_ask(host)
        console.say(f"Serving {shown} at {_url(host, port)}{PATH}")

    run_http(
        library,
        token=secret,
        host=host,
        port=port,
        allow_write=allow_write,
        clip_folder=clips,
        on_ready=announce,
    )


def _url(host: str, port: int) -> str:
    from vidsearch.addresses import url_of

    return url_of(host, port)


def _token(given: str | None) -> tuple[str, bool]:
    from vidsearch.api.tokens import own_token

    return own_token(given)


def _say_token(secret: str, *, is_new: bool, is_given: bool) -> None:
    """Say where the token is that requests must carry; itself only when it is made."""
    from vidsearch.api.tokens import token_file

    if is_new:
        console.say(f"Token: {secret}")
        console.note(f"It is shown this once, and kept in {token_file()}.")
    elif not is_given:
        console.note(f"Requests must carry the token in {token_file()}.")


def _say_who_may_ask(host: str) -> None:
    """Say who reaches a server that is bound to `host`."""
    from vidsearch.addresses import is_local

    if is_local(host):
        console.note("Only this machine can reach it: --host names another address to listen on.")
    else:
        console.warn(
            f"{host} is reached from other machines, without encryption: who reads the network sees the "
            "token, and with it this library."
        )
