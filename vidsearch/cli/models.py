"""`vidsearch models`: which models there are, what is on this machine, and how to get the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from vidsearch.cli import console, options


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="Models: list them, fetch them, find them on disk.")
    group.command("list")(list_models)
    group.command()(pull)
    group.command()(where)
    app.add_typer(group, name="models")


def _size(num_bytes: int | None) -> str:
    return "" if num_bytes is None else f"{num_bytes / 1e6:,.0f} MB"


def list_models(as_json: options.AsJson = False) -> None:
    """List the models that have a name, and which of them are on this machine.

    Example: `vidsearch models list`
    """
    from vidsearch.models.registry import known_models

    entries = known_models()
    if as_json:
        from vidsearch.service.server_schemas import ModelSchema

        console.say_json([ModelSchema.of(entry) for entry in entries])
        return
    console.say_table(
        (
            (e.name, e.kind, "yes" if e.is_cached else "no", _size(e.size_bytes), e.terms, e.source)
            for e in entries
        ),
        header=("name", "makes", "here", "size", "terms", "source"),
        right=frozenset({3}),
        optional=(5, 4, 1),
        whole=frozenset({0}),
    )
    console.note("Any CLIP, SigLIP or BLIP checkpoint works too: give its Hugging Face id or its folder.")


def pull(
    name: Annotated[
        str, typer.Argument(help="A name from `vidsearch models list`, a Hugging Face id, or all.")
    ],
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Fetch a model's weights, so that it works with no network later. Continues an interrupted fetch.

    Examples:

    - `vidsearch models pull clip`

    - `vidsearch models pull all`
    """
    from vidsearch.models.registry import known_models, pull_model

    names = [entry.name for entry in known_models()] if name == "all" else [name]
    for each in names:
        if not quiet:
            console.note(f"Fetching {each} ...")
        folder = pull_model(
            each, show_progress=not quiet and console.is_interactive(), tell=None if quiet else console.note
        )
        if as_json:
            console.say_json_line({"name": each, "path": str(folder)})
        else:
            console.say(str(folder))


def where(
    name: Annotated[str | None, typer.Argument(help="One model; all of them without it.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Print where models are on disk.

    Example: `vidsearch models where clip`
    """
    from vidsearch.models.registry import known_models, where_is

    if as_json:
        known = {name: where_is(name)} if name else {entry.name: entry.path for entry in known_models()}
        console.say_json([{"name": each, "path": path and str(path)} for each, path in known.items()])
        return
    if name is not None:
        console.say(str(where_is(name)))
        return
    console.say_table(
        ((entry.name, entry.path or "not on this machine") for entry in known_models()),
        header=("name", "path"),
        whole=frozenset({0}),
        ends=frozenset({1}),
    )
