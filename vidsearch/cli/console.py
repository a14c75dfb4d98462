"""All printing of the command line: data to stdout, everything else to stderr.

Names, captions and messages come from strangers. Each function here escapes what a terminal would obey or
hide, so callers pass text as it is.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import typer

from vidsearch.cli import tables
from vidsearch.errors import ExportError
from vidsearch.paths import is_elsewhere
from vidsearch.text import json_text
from vidsearch.text import printable as printable

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

UsageError: Any = typer.BadParameter.__bases__[0]
"""What a command line that cannot be understood raises; Typer exports no name for it."""


class Styled(str):
    """Text that was made safe to print and then given colours, which `say` prints as it is."""

    __slots__ = ()


def prepare() -> None:
    """Let stdout and stderr take every character, once, before anything is printed.

    What their encoding does not hold (a Japanese name where it is cp1252) is escaped, and ends no command.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def fail_output(error: OSError) -> NoReturn:
    """End the command where stdout cannot be written to: a full disk. Raises any other error again."""
    if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
        raise error
    # What waits to be written would be tried again, and fail again, as the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    fail(f"Could not write the output: {error.strerror}.")
    sys.exit(EXIT_FAILED)


@contextmanager
def printable_usage_errors() -> Iterator[None]:
    """Escape what the errors of a command line quote of it, and say what pydantic says in plain words."""
    try:
        yield
    except UsageError as error:
        plain = error.message.removeprefix("Value error, ").replace("Input should be", "must be", 1)
        error.message = printable(plain, kept="\n")
        raise


def say(*parts: str, dim: bool = False, bold: bool = False, colour: str | None = None) -> None:
    """Print one line of data to stdout; colour only where it is a terminal."""
    text = "".join(part if isinstance(part, Styled) else printable(part) for part in parts)
    typer.echo(typer.style(text, dim=dim or None, bold=bold or None, fg=colour) if text else "")


def note(text: str, *, colour: str | None = None) -> None:
    """Print a remark to stderr: what is being done, and with what."""
    safe = printable(text, kept="\n")
    typer.echo(typer.style(safe, fg=colour) if colour else safe, err=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    note(f"Warning: {text}", colour="yellow")


def fail(text: str) -> None:
    """Print why a command did not work, to stderr."""
    note(f"Error: {text}", colour="red")


def say_json(value: Any) -> None:
    """Print a value, of which parts may be schemas, as JSON to stdout, readable and in order of writing."""
    _say_json(value, indent=2)


def say_json_line(value: Any) -> None:
    """Print a value, of which parts may be schemas, as one line of JSON to stdout."""
    _say_json(value, indent=None)


def _say_json(value: Any, *, indent: int | None) -> None:
    import msgspec

    typer.echo(json_text(msgspec.to_builtins(value), indent=indent, ascii_only=not _holds_unicode()))


def _holds_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")


def say_error(error: Exception, *, message: str | None = None, in_one_line: bool = False) -> None:
    """Print an error as JSON to stdout, in place of what was asked for."""
    from vidsearch.service.report_schemas import ErrorAnswer

    value = ErrorAnswer.of(error, message=message)
    (say_json_line if in_one_line else say_json)(value)


def write_data(data: bytes) -> None:
    """Write a file's content to stdout: as it is, but escaped where stdout is a terminal.

    Raises ExportError for data that is no text, on a terminal.
    """
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ExportError("This format is not text, and stdout is a terminal. Name a file.") from error
    typer.echo(printable(text.replace("\r\n", "\n"), kept="\n\t"), nl=False)


def prompt(text: str) -> None:
    """Ask something on stderr, without ending the line."""
    typer.echo(printable(text), err=True, nl=False)


def ask(text: str) -> str:
    """Ask for a line on stderr, and return it without its end; empty where there are no more."""
    prompt(text)
    return sys.stdin.readline().strip()


def say_table(
    rows: Iterable[Sequence[object]],
    *,
    header: Sequence[str],
    right: frozenset[int] = frozenset(),
    dim: Container[int] = (),
    optional: Sequence[int] = (),
    ends: frozenset[int] = frozenset(),
    whole: frozenset[int] = frozenset(),
    after: Mapping[int, Callable[[], object]] = MappingProxyType({}),
) -> None:
    """Print a table to stdout; nothing where there are no rows. On a terminal it fits its width.

    Args:
        rows: Their cells, as many as `header` has.
        header: The columns' names.
        right: Positions of the columns that are aligned right: numbers.
        dim: Positions of the rows that are printed in grey.
        optional: Positions of the columns that a narrow terminal does without, the least needed first.
        ends: Positions of the columns of which the end tells most: paths.
        whole: Positions of the columns that are never cut: names that people type.
        after: By position of a row, what to do once it is printed.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return
    head, *lines = tables.lines_of(
        [list(header), *cells],
        right=right,
        optional=optional,
        ends=ends,
        whole=whole,
        width=tables.terminal_width(),
    )
    say(head, bold=True)
    for number, line in enumerate(lines):
        say(line, dim=number in dim)
        after.get(number, lambda: None)()


def shown_path(path: Path) -> str:
    """Return a path to show: from the working folder where that is shorter, else whole."""
    if is_elsewhere(path):
        return printable(str(path))
    return printable(min(str(path), os.path.relpath(path), key=len))


def highlighted(text: str) -> Styled:
    """Return text whose matched words are marked with the marks made bold, which only a terminal shows."""
    from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

    parts = re.split(f"({HIGHLIGHT_START}[^{HIGHLIGHT_END}]*{HIGHLIGHT_END})", text)
    return Styled(
        "".join(
            typer.style(printable(part[1:-1]), bold=True, fg="yellow")
            if part.startswith(HIGHLIGHT_START)
            else printable(part)
            for part in parts
        )
    )


def unmarked(text: str) -> str:
    """Return text without the marks around its matched words."""
    from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

    return text.replace(HIGHLIGHT_START, "").replace(HIGHLIGHT_END, "")


def is_interactive() -> bool:
    """Whether progress can be drawn, which is where stderr is a terminal."""
    return sys.stderr.isatty()
