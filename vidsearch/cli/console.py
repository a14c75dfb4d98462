"""How the command line speaks: data on stdout, everything else on stderr, names never trusted."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def printable(text: object) -> str:
    """Text with control characters and undecodable bytes escaped: a file name must not move the cursor."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in str(text)
    )


def say(text: str = "", *, dim: bool = False, bold: bool = False, colour: str | None = None) -> None:
    """One line of data to stdout; colour only where it is a terminal."""
    typer.echo(typer.style(text, dim=dim or None, bold=bold or None, fg=colour) if text else "")


def note(text: str, *, colour: str | None = None) -> None:
    """One line to stderr: what is being done, and with what."""
    typer.echo(typer.style(text, fg=colour) if colour else text, err=True)


def warn(text: str) -> None:
    """A warning to stderr."""
    note(f"Warning: {text}", colour="yellow")


def fail(text: str) -> None:
    """The one line that says why a command did not work, to stderr."""
    note(f"Error: {text}", colour="red")


def say_json(value: Any) -> None:
    """A value as JSON to stdout, readable and with its keys in order of writing."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say_json_line(value: Any) -> None:
    """A value as one line of JSON to stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def prompt(text: str) -> None:
    """Ask something on stderr, without ending the line."""
    typer.echo(text, err=True, nl=False)


def say_table(
    rows: Iterable[Sequence[object]],
    *,
    header: Sequence[str],
    right: frozenset[int] = frozenset(),
    dim: Container[int] = (),
) -> None:
    """Columns, aligned, the last one ragged; `right` names those of numbers, `dim` the rows in grey.

    Says nothing without rows.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(len(row[i]) for row in (list(header), *cells)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(w) if i in right else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    say(line(header), bold=True)
    for number, row in enumerate(cells):
        say(line(row), dim=number in dim)


def shown_path(path: Path) -> str:
    """A path as short as it stays useful: from the working folder where that is shorter, else whole."""
    return printable(min(str(path), os.path.relpath(path), key=len))


def highlighted(text: str) -> str:
    """Text whose matched words are marked, with the marks made bold; on a terminal alone are they seen."""
    from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

    parts = re.split(f"({HIGHLIGHT_START}[^{HIGHLIGHT_END}]*{HIGHLIGHT_END})", text)
    return "".join(
        typer.style(printable(part[1:-1]), bold=True, fg="yellow")
        if part.startswith(HIGHLIGHT_START)
        else printable(part)
        for part in parts
    )


def unmarked(text: str) -> str:
    """Text without the marks around its matched words."""
    from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

    return text.replace(HIGHLIGHT_START, "").replace(HIGHLIGHT_END, "")


def show_image(png: bytes) -> bool:
    """Draw a PNG into the terminal by iTerm2's or kitty's protocol. Returns False where neither is spoken."""
    if not sys.stdout.isatty():
        return False
    data = base64.standard_b64encode(png).decode("ascii")
    if os.environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        typer.echo(f"\x1b]1337;File=inline=1;size={len(png)}:{data}\a")
        return True
    if "KITTY_WINDOW_ID" in os.environ or os.environ.get("TERM_PROGRAM") == "ghostty":
        chunks = [data[start : start + 4096] for start in range(0, len(data), 4096)]
        for number, chunk in enumerate(chunks):
            head = "a=T,f=100," if number == 0 else ""
            typer.echo(f"\x1b_G{head}m={int(number < len(chunks) - 1)};{chunk}\x1b\\", nl=False)
        typer.echo()
        return True
    return False


def is_interactive() -> bool:
    """Whether progress can be drawn: stderr is a terminal."""
    return sys.stderr.isatty()
