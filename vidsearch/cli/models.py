"""`vidsearch models`: which models there are, what is on this machine, and how to get the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from vidsearch.cli import console, options


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="List, download and locate models.")
    group.command("list")(list_models)
    group.command()(pull)
    group.command()(where)
    app.add_typer(group, name="models")


def _size(num_bytes: int | None) -> str:
    return "" if num_bytes is None else f"{num_bytes / 1e6:,.0f} MB"


def list_models(as_json: options.AsJson = False) -> None:
    """List the named models, and which are on this machine.

    Example: `vidsearch models list`
    """
    from vidsearch.models.known import FAMILIES
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
    console.note(f"Other checkpoints work too, by Hugging Face id or folder: {FAMILIES}.")


def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAMES...",
            help="Models to download: names from `vidsearch models list`, Hugging Face ids, or all (45 GB).",
            show_default=False,
        ),
    ],
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Download models, to use them without a network.

    An interrupted download continues.

    Examples:

    - `vidsearch models pull clip blip`

    - `vidsearch models pull google/siglip2-so400m-patch14-384`
    """
    from vidsearch.models.registry import known_models, pull_model

    wanted = [entry.name for entry in known_models()] if names == ["all"] else names
    for each in wanted:
        if not quiet:
            console.note(f"Downloading {each} ...")
        folder = pull_model(
            each, show_progress=not quiet and console.is_interactive(), tell=None if quiet else console.note
        )
        if as_json:
            console.say_json_line({"name": each, "path": str(folder)})
        else:
            console.say(str(folder))


def where(
    name: Annotated[str | None, typer.Argument(help="Model to locate. [default: all]")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show where models are on disk.

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
