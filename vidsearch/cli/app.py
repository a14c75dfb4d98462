"""The `vidsearch` command: its subcommands, and the one place where an error becomes an exit code.

Exit codes: 0 done; 1 it could not be done, and one line on stderr says why; 2 the command was not understood;
130 stopped with Ctrl-C. With `--json`, stdout has the error as JSON. Nothing heavy is imported here: each
command is loaded, and imports what it needs, when it runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from vidsearch.cli import console, options, stopping
from vidsearch.cli.commands import MARKUP, LazyGroup
from vidsearch.errors import VidsearchError

FIRST_STEPS = (
    "There is no library here yet. Three commands to begin with:",
    "",
    "  vidsearch demo                      index and search four short sample videos",
    "  vidsearch index FOLDER              index your own videos",
    '  vidsearch search "a dog on grass"   find a moment in them',
    "",
    "All commands: vidsearch --help",
)
_JSON = "vidsearch.json"


class _ErrorBoundary(LazyGroup):
    """Turns the errors that vidsearch raises on purpose into one line, or JSON, and an exit code."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with console.printable_usage_errors():
            return super().make_context(*args, **extra)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Looked for before anything is parsed: what cannot be parsed is reported as JSON too.
        ctx.meta[_JSON] = "--json" in args[: args.index("--") if "--" in args else None]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with stopping.stopping_in_order():
            return self._invoke(ctx)

    def _invoke(self, ctx: Any) -> Any:
        from vidsearch.cli.remarks import printed_remarks

        try:
            with console.printable_usage_errors(), printed_remarks():
                return super().invoke(ctx)
        except console.UsageError as error:
            if not ctx.meta[_JSON]:
                raise
            console.say_error(error, message=error.format_message())
            raise typer.Exit(error.exit_code) from error
        except VidsearchError as error:
            if ctx.meta[_JSON]:
                console.say_error(error)
            console.fail(str(error))
            raise typer.Exit(console.EXIT_FAILED) from error
        except KeyboardInterrupt as interrupt:
            console.note("Stopped.")
            raise typer.Exit(console.EXIT_INTERRUPTED) from interrupt


app = typer.Typer(
    name="vidsearch",
    cls=_ErrorBoundary,
    invoke_without_command=True,
    rich_markup_mode=MARKUP,
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
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Find moments in video by describing them, and take the captions elsewhere.

    Start with `vidsearch demo`, or `vidsearch index FOLDER` and `vidsearch search "a dog on grass"`.
    """
    if context.invoked_subcommand is None:
        _greet(context)


def _greet(context: typer.Context) -> None:
    """Say what there is to type: all commands, or the first three where there is no library yet."""
    from vidsearch.service.indexing import has_library

    if has_library(Path(os.environ.get("VIDSEARCH_LIBRARY") or options.DEFAULT_LIBRARY)):
        typer.echo(context.get_help())
        return
    for line in FIRST_STEPS:
        console.say(line)


def main() -> None:
    """Run the command line: the entry point of the `vidsearch` script."""
    console.prepare()
    app()
