"""`vidsearch label`: what is looked for in every frame, and what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidsearch.cli import console, options
from vidsearch.errors import QueryError
from vidsearch.labels.report import ReportBy
from vidsearch.times import format_duration, format_moment


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(label)
    group.command()(show)
    group.command()(report)
    app.add_typer(group, name="label")


def label(
    context: typer.Context,
    labels: Annotated[
        str | None,
        typer.Option(
            help='Labels, with commas: words or concept names (forklift,"open door",Minka), or '
            "concepts for all concepts."
        ),
    ] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of labels, one per line; lines that start with # are comments."
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Lowest confidence that counts. [default: what a search calls found]"
        ),
    ] = None,
    join: Annotated[
        float | None,
        typer.Option(
            parser=options.time,
            metavar="TIME",
            help="Join spans that are closer together than this. [default: 2.5]",
        ),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Look for labels in every frame, and record where each is seen.

    Without labels, those of the last time are looked for again: after more videos, or more examples of a
    concept. No video is read: seconds, however long the videos are.

    Examples:

    - `vidsearch label --labels forklift,"person without helmet",smoke`

    - `vidsearch label --labels concepts`

    - `vidsearch label report --by day`

    - `vidsearch search "a person" --label forklift`
    """
    if context.invoked_subcommand is not None:
        return
    from vidsearch import Library
    from vidsearch.labels.names import read_labels

    if labels is not None and labels_file is not None:
        raise QueryError("Give --labels or --labels-file, not both.")
    given = read_labels(labels_file) if labels_file is not None else labels
    with Library.open(library) as opened:
        done = opened.labels.apply(given, min_confidence=min_confidence, join_seconds=join)
    if as_json:
        from vidsearch.service.label_schemas import LabelledSchema

        console.say_json(LabelledSchema.of(done))
        return
    seen = [(name, count) for name, count in done.seen if count]
    console.say_table(seen, header=("label", "times"), right=frozenset({1}))
    console.note(
        f"Looked for {done.num_labels:,} labels in {done.num_frames:,} frames of {done.num_videos:,} videos: "
        f"{len(seen):,} seen, {done.num_spans:,} times in all."
    )


def show(
    video: Annotated[str, typer.Argument(help=options.ONE_VIDEO)],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Show where labels were seen in a video, by time.

    Example: `vidsearch label show hall.mp4`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        spans = opened.labels.spans(video)
    if as_json:
        from vidsearch.service.label_schemas import LabelSpanSchema

        console.say_json([LabelSpanSchema.of(span) for span in spans])
        return
    if not spans:
        console.note("This video has no labels.")
    console.say_table(
        (
            (
                format_moment(span.start_seconds),
                format_moment(span.end_seconds),
                "" if span.confidence is None else f"{span.confidence:.0%}",
                span.label,
            )
            for span in spans
        ),
        header=("from", "to", "sure", "label"),
        right=frozenset({0, 1, 2}),
    )


def report(
    by: Annotated[
        ReportBy,
        typer.Option(
            help="Group by label, by day of recording, by video, or by camera (the video's folder)."
        ),
    ] = "label",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write: a table (.csv) or a plot (.svg)."
        ),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Say how often and how long each label was seen.

    Examples:

    - `vidsearch label report --by day`

    - `vidsearch label report --by camera --output report.svg`
    """
    from vidsearch import Library
    from vidsearch.service.labels import write_report

    with Library.open(library) as opened:
        lines = opened.labels.report(by)
        if output is not None:
            write_report(lines, output, opened, overwrite=overwrite)
            console.note(f"Wrote {console.shown_path(output)}")
    if as_json:
        from vidsearch.service.label_schemas import ReportLineSchema

        console.say_json([ReportLineSchema.of(line) for line in lines])
        return
    if not lines:
        console.note("No labels yet. Look for some: vidsearch label --labels forklift,smoke")
    console.say_table(
        (
            (
                line.label,
                line.where,
                line.count,
                format_duration(line.seconds),
                f"{line.share:.1%}",
                f"{line.surest:.0%}",
            )
            for line in lines
        ),
        header=("label", {"label": "", "camera": "folder"}.get(by, by), "times", "length", "share", "surest"),
        right=frozenset({2, 3, 4, 5}),
    )
