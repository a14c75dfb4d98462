"""`vidsearch search`: from a description to moments."""

# No `from __future__ import annotations`: Typer would compile the text of each option's type, four times.
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import answers, console, options
from vidsearch.errors import QueryError
from vidsearch.search.query import FrameReference, Mode, Query, WeightedText
from vidsearch.types import FrameFilter

_MAX_QUERIES_CHARACTERS = 2**26
"""Of a file of queries: half a million of them. A device has no end."""

if TYPE_CHECKING:
    from vidsearch import Answer, Library
    from vidsearch.outputs import OutputRule

_more_option = options.in_panel("More than words")
_rank_option = options.in_panel("Ranking")

# These two are in the first panel of the help, with what people use most.
LibraryFolder = Annotated[
    Path,
    typer.Option(
        "--library",
        envvar="VIDSEARCH_LIBRARY",
        help=options.LIBRARY_HELP,
        metavar="FOLDER",
        parser=options.library_path,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(search)


def search(
    text: Annotated[str | None, typer.Argument(help="What to look for, in your own words.")] = None,
    library: LibraryFolder = options.DEFAULT_LIBRARY,
    num_hits: options.NumHits = 10,
    video: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only these videos, by path, name, part of it, glob, #id or folder."
        ),
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(help="Add this to the query, with a weight if you like: sunset:0.5. Repeatable."),
    ] = None,
    minus: Annotated[list[str] | None, typer.Option(help="Subtract this from the query. Repeatable.")] = None,
    then: Annotated[
        list[str] | None,
        typer.Option(help="What happens next in the same video. Repeatable, in order."),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(help="Find moments that look like this picture. Repeatable.")
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(metavar="VIDEO@TIME", help="Find moments that look like this one. Repeatable."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save the frame of each hit to this folder, as JPEG.")
    ] = None,
    as_json: AsJson = False,
    within: Annotated[
        float,
        _more_option(
            parser=options.time,
            metavar="TIME",
            show_default="30 seconds",
            help="Longest time between one step and the next.",
        ),
    ] = 30.0,
    more_like: Annotated[
        list[int] | None,
        _more_option(metavar="ID", help="A frame id of a right hit: find more like it. Repeatable."),
    ] = None,
    less_like: Annotated[
        list[int] | None,
        _more_option(metavar="ID", help="A frame id of a wrong hit: find fewer like it. Repeatable."),
    ] = None,
    refine: Annotated[
        bool, _more_option("--refine", help="Mark hits as right or wrong, and search again.")
    ] = False,
    queries: Annotated[
        Path | None,
        _more_option(
            metavar="FILE", help="Answer many queries, one per line: words, or JSON objects. - for stdin."
        ),
    ] = None,
    after: options.After = None,
    before: options.Before = None,
    recorded_after: options.RecordedAfter = None,
    recorded_before: options.RecordedBefore = None,
    min_duration: Annotated[
        float | None,
        options.filter_option(
            parser=options.time, metavar="TIME", help="Only videos of at least this length."
        ),
    ] = None,
    max_duration: Annotated[
        float | None,
        options.filter_option(
            parser=options.time, metavar="TIME", help="Only videos of at most this length."
        ),
    ] = None,
    caption_has: Annotated[
        str | None,
        options.filter_option(metavar="WORDS", help="Only frames whose caption has all these words."),
    ] = None,
    label: Annotated[
        str | None, options.filter_option(help="Only moments with this label; see `vidsearch label`.")
    ] = None,
    mode: Annotated[
        Mode,
        _rank_option(
            help="What to search: visual, caption, hybrid (both), or auto (hybrid if there are captions)."
        ),
    ] = "auto",
    kinds: Annotated[
        list[str] | None,
        _rank_option(
            "--in",
            metavar="KIND",
            help="Kinds of evidence to search, with commas: pictures, moving, sounds, captions, corrections, "
            "speech, text, subtitles, chapters. [default: all]",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None, _rank_option(min=0.0, max=1.0, help="Leave out hits below this confidence.")
    ] = None,
    group: Annotated[
        bool,
        _rank_option(
            "--group/--no-group",
            " /--frames",
            help="Join neighbouring frames into moments, or show single frames.",
        ),
    ] = True,
    dedupe: Annotated[
        bool,
        _rank_option(
            "--dedupe/--no-dedupe", help="Fold near-identical moments of different videos into one."
        ),
    ] = True,
    rerank: Annotated[
        str | None,
        _rank_option(
            metavar="MODEL",
            help="Re-rank the best hits with a model that reads picture and words together: blip or mini.",
        ),
    ] = None,
    num_rerank: Annotated[int, _rank_option(min=1, max=1_000_000, help="Number of hits to re-rank.")] = 50,
    explain: Annotated[
        Path | None,
        options.output_option(
            metavar="DIR",
            help="Save a heat map of each hit to this folder: which parts of the frame matched.",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        options.output_option(metavar="FILE", help="Write the hits to a file: .edl, .otio, .fcpxml or .csv."),
    ] = None,
    overwrite: options.Overwrite = False,
    play: Annotated[
        int | None,
        options.output_option(
            "--open", min=1, metavar="N", help="Play the Nth hit in your video player, from its time on."
        ),
    ] = None,
    thumbnails: Annotated[
        bool, options.output_option(help="Show small pictures, in terminals that can.")
    ] = True,
) -> None:
    """Find moments by describing them.

    Examples:

    - `vidsearch search "a dog eating grass"`

    - `vidsearch search "a red car" -n 3 --video parking --json`

    - `vidsearch search "beach" --plus sunset --minus people`

    - `vidsearch search "a man opens a door" --then "a dog runs out" --within 20`

    - `vidsearch search 'a man at a whiteboard said:"any questions"' --open 1`

    - `vidsearch search --like holiday.mp4@12.5 --save hits/`

    - `vidsearch search --queries questions.txt --json`
    """
    filters = FrameFilter(
        video_glob=video,
        after_seconds=after,
        before_seconds=before,
        recorded_after=recorded_after,
        recorded_before=recorded_before,
        min_duration_seconds=min_duration,
        max_duration_seconds=max_duration,
        caption_words=caption_has,
        label=label,
    )
    if queries is not None:
        from vidsearch.service.query_json import ANY_TEXT

        _check_many(text=text, save=save, explain=explain, export=export, refine=refine, open=play)
        text = ANY_TEXT
    query = Query(
        text=text,
        images=tuple(image or ()),
        like=tuple(FrameReference.parse(each) for each in like or ()),
        plus=tuple(WeightedText.parse(each) for each in plus or ()),
        minus=tuple(WeightedText.parse(each) for each in minus or ()),
        more_like=tuple(more_like or ()),
        less_like=tuple(less_like or ()),
        then=tuple(then or ()),
        within_seconds=within,
        filter=filters,
        mode=mode,
        kinds=tuple(kinds) if kinds else None,
        num_hits=num_hits,
        group=group,
        dedupe=dedupe,
        min_confidence=min_confidence,
        rerank=rerank,
        num_rerank=num_rerank,
    )
    from vidsearch import Library

    with Library.open(library) as opened:
        if queries is not None:
            _answer_many(opened, query, queries, as_json=as_json)
            return
        answer = _refined(opened, query) if refine else opened.search(query)
        _write_hits(opened, answer, save=save, explain=explain, export=export, overwrite=overwrite)
        if not (as_json or refine):
            answers.print_answer(answer, store=opened.store if thumbnails else None)
    if as_json:
        console.say_json(answer.to_dict())
    if play is not None:
        answers.open_hit(answer, play)


def _check_many(**given: object) -> None:
    """Refuse what goes with one query only. Raises a usage error."""
    for name, value in given.items():
        if value:
            what = "Words" if name == "text" else f"--{name}"
            raise typer.BadParameter(
                f"{what} cannot be combined with --queries, which answers each line of a file.",
                param_hint="--queries",
            )


def _write_hits(
    library: "Library",
    answer: "Answer",
    *,
    save: Path | None,
    explain: Path | None,
    export: Path | None,
    overwrite: bool,
) -> None:
    """Write the hits where the options name files and folders."""
    from vidsearch.outputs import OutputRule

    asked = [output for output in (save, explain, export) if output is not None]
    if not asked:
        return
    if not answer:
        for output in asked:
            console.note(f"Nothing was found, so {console.shown_path(output)} was not written.")
        return
    rule = OutputRule.for_library(library.store, overwrite=overwrite, inputs=answer.query.images)
    if save is not None:
        answers.save_frames(library.store, answer.hits, save, rule)
    if explain is not None:
        _explain(answer, explain, rule)
    if export is not None:
        from vidsearch.captions.export.hits import export_hits

        export_hits(answer.hits, export, title=answer.query.words or "vidsearch", rule=rule)
        console.note(f"Wrote {console.shown_path(export)}")


def _explain(answer: "Answer", folder: Path, rule: "OutputRule") -> None:
    from vidsearch.cli import heatmaps
    from vidsearch.service.models import load_explainer

    if not answer.query.words or not answer.models:
        raise QueryError("--explain needs words to explain, and --mode visual or hybrid.")
    heatmaps.explain_hits(answer.hits, answer.query.words, folder, load_explainer(answer.models[0]), rule)


def _answer_many(library: "Library", defaults: Query, source: Path, *, as_json: bool) -> None:
    from vidsearch.service.query_json import read_queries

    try:
        with nullcontext(sys.stdin) if source == Path("-") else source.open(encoding="utf-8") as file:
            text = file.read(_MAX_QUERIES_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text"
        raise QueryError(f"Cannot read the queries in {source}: {reason}.") from error
    if len(text) > _MAX_QUERIES_CHARACTERS:
        raise QueryError(f"{source} is longer than {_MAX_QUERIES_CHARACTERS:,} characters. Split it.")
    for query in read_queries(text.splitlines(), defaults=defaults):
        answer = library.search(query)
        if as_json:
            console.say_json_line(answer.to_dict())
        else:
            console.say(query.words, bold=True)
            answers.print_answer(answer)
            console.say()


def _refined(library: "Library", query: Query) -> "Answer":
    """Answer, ask which hits were right or wrong, and answer again, until there is nothing to add."""
    while True:
        answer = library.search(query)
        answers.print_answer(answer)
        said = console.ask("Right hits by number, wrong ones with a minus (1 3 -2); Enter to finish: ")
        if not said or not answer.hits:
            return answer
        try:
            more, less = answers.feedback(said.split(), num_hits=len(answer.hits))
        except QueryError as error:
            console.fail(str(error))
            continue
        query = query.refined(
            more_like=[answer.hits[rank].frame_id for rank in more],
            less_like=[answer.hits[rank].frame_id for rank in less],
        )
