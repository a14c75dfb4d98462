"""The `vidsearch` command: its subcommands, and the one place where an error becomes an exit code.

Exit codes: 0 done; 1 it could not be done, and one line on stderr says why; 2 the command was not understood;
130 stopped with Ctrl-C. Nothing heavy is imported here: each command imports what it needs when it runs.
"""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vidsearch.cli import (
    captions,
    console,
    demo,
    export,
    index,
    library,
    measure,
    models,
    moments,
    page,
    search,
)
from vidsearch.errors import VidsearchError


class _ErrorBoundary(TyperGroup):
    """Turns the errors that vidsearch raises on purpose into one line and an exit code."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with console.printable_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            with console.printable_usage_errors():
                return super().invoke(ctx)
        except VidsearchError as error:
            console.fail(str(error))
            raise typer.Exit(console.EXIT_FAILED) from error
        except KeyboardInterrupt as interrupt:
            # From here on another Ctrl-C ends the process at once, and without a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            console.note("Stopped.")
            raise typer.Exit(console.EXIT_INTERRUPTED) from interrupt


app = typer.Typer(
    name="vidsearch",
    cls=_ErrorBoundary,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from vidsearch import __version__

        console.say(f"vidsearch {__version__}")
        raise typer.Exit


@app.callback()
def _vidsearch(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Find moments in video by describing them, and take the captions elsewhere.

    Start with `vidsearch demo`, or `vidsearch index FOLDER` and `vidsearch search "a dog on grass"`.
    """


for _module in (index, search, captions, export, moments, library, models, page, measure, demo):
    _module.register(app)


def main() -> None:
    """Run the command line: the entry point of the `vidsearch` script."""
    console.prepare()
    app()
