"""`vidsearch shell`: one query a line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from vidsearch.cli import answers, console, options
from vidsearch.errors import VidsearchError
from vidsearch.search.query import Query

if TYPE_CHECKING:
    from vidsearch import Library


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(shell)


def shell(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    num_hits: options.NumHits = 10,
    as_json: options.AsJson = False,
) -> None:
    """Answer queries one per line, keeping the library open.

    Each answer takes milliseconds. A line may also be a query as JSON.

    Examples:

    - `vidsearch shell`

    - `vidsearch shell --json < questions.txt`
    """
    from vidsearch import Library
    from vidsearch.service.query_json import ANY_TEXT, read_queries

    defaults = Query(text=ANY_TEXT, num_hits=num_hits)
    is_talking = sys.stdin.isatty()
    if is_talking:
        console.note("What are you looking for? An empty line quits.")
    with Library.open(library) as opened:
        for line in _lines(is_talking=is_talking):
            try:
                for query in read_queries([line], defaults=defaults):
                    _answer_one(opened, query, as_json=as_json)
            except VidsearchError as error:
                if as_json:
                    console.say_error(error, in_one_line=True)
                console.fail(str(error))


def _answer_one(library: Library, query: Query, *, as_json: bool) -> None:
    started = time.perf_counter()
    answer = library.search(query)
    took_ms = (time.perf_counter() - started) * 1000
    if as_json:
        console.say_json_line(answer.to_dict())
    else:
        answers.print_answer(answer)
        console.note(f"{answer.num_frames:,} frames in {took_ms:.0f} ms")


def _lines(*, is_talking: bool) -> Iterator[str]:
    if not is_talking:
        yield from sys.stdin
        return
    while line := console.ask("> "):
        yield line
