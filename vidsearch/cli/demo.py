"""`vidsearch demo`: the sample videos, indexed and searched, beside what should be found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidsearch.cli import console, options
from vidsearch.cli.index import print_report, report_schema
from vidsearch.samples import sample_folder
from vidsearch.times import format_duration, format_moment

if TYPE_CHECKING:
    from vidsearch.types import SearchHit


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(demo)


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """A query on the sample videos, and the span that should win: [start, end)."""

    query: str
    video: str
    start_seconds: float
    end_seconds: float

    def is_met_by(self, hit: SearchHit) -> bool:
        """Whether a hit's best frame lies in the span."""
        return hit.video.path.name == self.video and self.start_seconds <= hit.time_seconds < self.end_seconds


def demo(
    library: Annotated[
        Path | None,
        options.library_option(
            help="Folder for the library. [default: a temporary folder]", envvar="VIDSEARCH_LIBRARY"
        ),
    ] = None,
    models: Annotated[str, options.model_option(help="As in `vidsearch index`.")] = "mini",
    as_json: options.AsJson = False,
) -> None:
    """Index the sample videos and search them; downloads nothing.

    Runs four queries and checks their answers.

    Example: `vidsearch demo`
    """
    from vidsearch import Library
    from vidsearch.service.indexing import IndexOptions

    samples = sample_folder()
    expected = expected_answers(samples)
    with _folder(library) as folder, Library.create(folder) as opened:
        indexer = opened.indexer(IndexOptions.of({"models": models}))
        report = indexer.run(opened.store, [samples])
        answers = [opened.search(each.query, num_hits=1) for each in expected]
    is_right = [
        bool(found) and each.is_met_by(found[0]) for each, found in zip(expected, answers, strict=True)
    ]
    if as_json:
        console.say_json(
            {
                "report": report_schema(report, indexer.loaded.device),
                "answers": [
                    {**answer.to_dict(), "is_right": right}
                    for answer, right in zip(answers, is_right, strict=True)
                ],
            }
        )
    else:
        print_report(report, indexer.loaded.device)
        for each, found in zip(expected, answers, strict=True):
            _print_answer(each, found[0] if found else None)
        _print_next_steps(sum(is_right), len(expected), library)
    if not all(is_right):
        raise typer.Exit(console.EXIT_FAILED)


def _print_next_steps(num_right: int, num_queries: int, library: Path | None) -> None:
    console.say()
    console.say(f"{num_right} of {num_queries} queries found their moment.")
    if library is not None:
        kept = f" --library {console.shown_path(library)}"
        console.say(f'Ask something else:     vidsearch search "a camera"{kept}')
        console.say(f"Read what it wrote:     vidsearch captions cat.mp4{kept}")
    console.say("Index your own videos:  vidsearch index FOLDER")
    console.say('Then search them:       vidsearch search "a dog on grass"')


def expected_answers(samples: Path) -> list[ExpectedAnswer]:
    """The sample queries and their answers."""
    content: dict[str, Any] = json.loads((samples / "expected.json").read_text(encoding="utf-8"))
    return [ExpectedAnswer(**query) for query in content["queries"]]


@contextmanager
def _folder(library: Path | None) -> Iterator[Path]:
    if library is not None:
        yield library
        return
    with tempfile.TemporaryDirectory(prefix="vidsearch-demo-") as folder:
        yield Path(folder)


def _print_answer(expected: ExpectedAnswer, hit: SearchHit | None) -> None:
    span = f"{format_duration(expected.start_seconds)}-{format_duration(expected.end_seconds)}"
    console.say()
    console.say(f'"{expected.query}"', bold=True)
    console.say(f"  should be  {expected.video} in {span}")
    if hit is None:
        console.say("  found      nothing", colour="red")
        return
    is_right = expected.is_met_by(hit)
    sure = "" if hit.confidence is None else f", {hit.confidence:.0%} sure"
    caption = f": {console.printable(hit.caption)}" if hit.caption else ""
    moment = f"{console.printable(hit.video.path.name)} at {format_moment(hit.time_seconds)}"
    console.say(
        f"  found      {moment}{sure}{caption}",
        colour="green" if is_right else "red",
    )
