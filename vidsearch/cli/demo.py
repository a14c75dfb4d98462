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

from vidsearch.cli import console, loading, options
from vidsearch.cli.index import print_report
from vidsearch.samples import sample_folder
from vidsearch.times import format_duration, format_time

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
        typer.Option(
            help="Keep the library here. [default: a temporary folder]",
            envvar="VIDSEARCH_LIBRARY",
            rich_help_panel=options.LIBRARY_PANEL,
        ),
    ] = None,
    models: Annotated[
        str, typer.Option(help="As for `vidsearch index`.", rich_help_panel=options.MODEL_PANEL)
    ] = "mini",
) -> None:
    """Index the sample videos and run four queries on them: the first thing to try. Downloads nothing.

    Example: `vidsearch demo`
    """
    from vidsearch.ingest import ingest
    from vidsearch.search.engine import Searcher
    from vidsearch.search.query import Query
    from vidsearch.store.library import Library

    samples = sample_folder()
    with _folder(library) as folder, Library.open(folder, create=True) as opened:
        model_options = loading.ModelOptions(models=models)
        loaded = loading.load(loading.library_models(opened, model_options), model_options)
        report = ingest(opened, [samples], embedders=loaded.embedders, captioner=loaded.captioner)
        print_report(report, device=loaded.device.describe())
        searcher = Searcher(opened)
        expected = expected_answers(samples)
        num_right = 0
        for answer in expected:
            hits = searcher.search(Query(text=answer.query, num_hits=1)).hits
            num_right += _print_answer(answer, hits[0] if hits else None)
    console.say()
    console.say(f"{num_right} of {len(expected)} queries found their moment.")
    kept = f" --library {console.shown_path(library)}" if library is not None else ""
    if kept:
        console.say(f'Ask something else:     vidsearch search "an astronaut"{kept}')
        console.say(f"Read what it wrote:     vidsearch captions cat.mp4{kept}")
    console.say("Index your own videos:  vidsearch index FOLDER")
    console.say('Then search them:       vidsearch search "a dog on grass"')
    if num_right < len(expected):
        raise typer.Exit(console.EXIT_FAILED)


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


def _print_answer(expected: ExpectedAnswer, hit: SearchHit | None) -> bool:
    span = f"{format_duration(expected.start_seconds)}-{format_duration(expected.end_seconds)}"
    console.say()
    console.say(f'"{expected.query}"', bold=True)
    console.say(f"  should be  {expected.video} in {span}")
    if hit is None:
        console.say("  found      nothing", colour="red")
        return False
    is_right = expected.is_met_by(hit)
    sure = "" if hit.confidence is None else f", {hit.confidence:.0%} sure"
    caption = f": {console.printable(hit.caption)}" if hit.caption else ""
    moment = f"{console.printable(hit.video.path.name)} at {format_time(hit.time_seconds)}"
    console.say(
        f"  found      {moment}{sure}{caption}",
        colour="green" if is_right else "red",
    )
    return is_right
