"""`vidsearch eval`: how well models find things, on data sets that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidsearch.cli import console, loading, options


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Measure models on data sets that you have.")
    group.callback()(lambda: None)
    group.command()(retrieval)
    app.add_typer(group, name="eval")


def retrieval(
    dataset: Annotated[Path, typer.Argument(help="Folder of a data set.")],
    models: Annotated[
        str, typer.Option(help="Embedders, with commas: mini,clip.", rich_help_panel=options.MODEL_PANEL)
    ] = "mini",
    kind: Annotated[
        str,
        typer.Option(
            help="auto, or the data set's format: flickr8k, coco, msrvtt, msvd, didemo, qvhighlights."
        ),
    ] = "auto",
    split: Annotated[
        str | None, typer.Option(help="Which part of it. [default: its usual test split]")
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Measure text-to-image, text-to-video or text-to-moment retrieval, with 95% intervals and baselines.

    Examples:

    - `vidsearch eval retrieval flickr8k/ --models mini,clip`

    - `vidsearch eval retrieval qvhighlights/ --models clip --json`
    """
    from vidsearch.evaluation.datasets import open_dataset
    from vidsearch.evaluation.retrieval import evaluate
    from vidsearch.models.registry import load_embedder

    names = [name.strip() for name in models.split(",") if name.strip()]
    chosen = loading.pick_device(*names, device=device, precision=precision)
    opened = open_dataset(dataset, kind=kind, split=split)
    reports = [evaluate(opened, load_embedder(name, device=chosen)) for name in names]
    if as_json:
        console.say_json([report.as_dict() for report in reports])
        return
    for report in reports:
        console.say(
            f"{report.dataset}, {report.split}: {report.num_files:,} files, {report.num_texts:,} texts",
            bold=True,
        )
        for problem in report.problems:
            console.warn(console.printable(problem))
        rows = list(report.rows())
        width = max(map(len, rows))
        console.say_table([(*row, *[""] * (width - len(row))) for row in rows], header=[""] * width)
        console.say()
