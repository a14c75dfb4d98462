"""`vidsearch teach` and `concepts`: your own names for things."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options
from vidsearch.text import counted
from vidsearch.times import format_moment

if TYPE_CHECKING:
    from vidsearch.service.concepts import Check
    from vidsearch.store.concept_rows import ConceptExample

Name = Annotated[str, typer.Argument(help="The concept's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(teach)
    group = typer.Typer(no_args_is_help=True, help="List, show, forget, export and import taught concepts.")
    group.command("list")(list_concepts)
    group.command()(show)
    group.command()(forget)
    group.command()(export)
    group.command("import")(import_concepts)
    app.add_typer(group, name="concepts")


def teach(
    name: Annotated[str, typer.Argument(help="Your name for it: Minka, our press.")],
    examples: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="EXAMPLE",
            help="An example: a moment cat.mp4@5, a frame '#231', or a picture file. Repeatable.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--not", metavar="EXAMPLE", help="A counterexample: something similar that is not it. Repeatable."
        ),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option("--means", metavar="WORDS", help='Describe it in everyday words: "a grey cat".'),
    ] = None,
    is_new: Annotated[bool, typer.Option("--new", help="Fail if the name is taken.")] = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Teach a name by examples, to use in searches.

    More examples make it better: give them to the same name, five or so from different moments. Nothing is
    trained, and nothing leaves this machine.

    Examples:

    - `vidsearch teach Minka --from cat.mp4@5 --from "#231" --not "#17"`

    - `vidsearch teach "our press" --from press.jpg --means "a metal press"`

    - `vidsearch search "Minka on the sofa"`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        taught = opened.concepts.teach(
            name, examples or (), against=against or (), words=words, is_new=is_new
        )
        checks = opened.concepts.check(taught.concept.name)
    if as_json:
        from vidsearch.service.concept_schemas import TaughtSchema

        console.say_json(TaughtSchema.of(taught, checks))
        return
    for note in taught.notes:
        console.note(note)
    concept = taught.concept
    counts = _examples(concept.num_for, concept.num_against)
    verb = "Taught" if taught.is_new else "Added to" if taught.num_changed else "Nothing new for"
    console.say(f"{verb} {concept.name}: {counts}, version {concept.version}.")
    _print_checks(checks)


def list_concepts(
    library: options.LibraryPath = options.DEFAULT_LIBRARY, as_json: options.AsJson = False
) -> None:
    """List the concepts of a library.

    Example: `vidsearch concepts list`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        found = opened.concepts.all()
    if as_json:
        from vidsearch.service.concept_schemas import ConceptSchema

        console.say_json([ConceptSchema.of(concept) for concept in found])
        return
    if not found:
        console.note("No concepts yet. Teach one: vidsearch teach NAME --from VIDEO@TIME")
    console.say_table(
        (
            (
                concept.name,
                concept.num_for,
                concept.num_against,
                concept.version,
                f"{concept.changed_at.astimezone():%Y-%m-%d %H:%M}",
                concept.words or "",
            )
            for concept in found
        ),
        header=("name", "for", "against", "version", "changed", "means"),
        right=frozenset({1, 2, 3}),
        optional=(4, 3),
        whole=frozenset({0}),
    )


def show(
    name: Name,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    save: Annotated[
        Path | None, options.output_option(metavar="DIR", help="Save the examples' pictures to this folder.")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Show a concept's examples, and how well they agree.

    Examples:

    - `vidsearch concepts show Minka`

    - `vidsearch concepts show Minka --save examples/`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        concept = opened.concepts.named(name)
        examples = opened.concepts.examples(name)
        checks = opened.concepts.check(name)
        if save is not None:
            _save(opened, examples, save, overwrite=overwrite)
    if as_json:
        from vidsearch.service.concept_schemas import ShownConceptSchema

        console.say_json(ShownConceptSchema.of(concept, examples, checks))
        return
    meaning = f", {concept.words}" if concept.words else ""
    console.say(f"{concept.name}{meaning}: version {concept.version}", bold=True)
    ranks = {each.example.id: each.rank for check in checks[:1] for each in check.left_out}
    console.say_table(
        (
            (
                each.id,
                "against" if each.is_against else "for",
                each.source,
                "" if each.time_seconds is None else format_moment(each.time_seconds),
                _versions(each),
                f"best {max(ranks[each.id], 0.0001):.2%}" if each.id in ranks else "",
            )
            for each in examples
        ),
        header=("example", "is", "from", "time", "versions", "found by the others"),
        right=frozenset({0, 3}),
        optional=(4, 5),
        dim={number for number, each in enumerate(examples) if each.until_version is not None},
    )
    _print_checks(checks)


def _save(opened: object, examples: list[ConceptExample], folder: Path, *, overwrite: bool) -> None:
    from vidsearch import Library
    from vidsearch.captions.export import safe_name
    from vidsearch.outputs import OutputRule

    assert isinstance(opened, Library)
    rule = OutputRule.for_library(opened.store, overwrite=overwrite)
    for each in examples:
        side = "against" if each.is_against else "for"
        path = folder / f"{each.id:04d} {side} {safe_name(Path(each.source).stem)}.jpg"
        rule.write(path, opened.concepts.picture(each))
        console.note(f"Wrote {console.shown_path(path)}")


def forget(
    name: Name,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    example: Annotated[
        list[int] | None,
        typer.Option(
            metavar="ID", help="Forget only this example, by its number in `concepts show`. Repeatable."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Forget a concept, or some of its examples.

    Examples:

    - `vidsearch concepts forget Minka`

    - `vidsearch concepts forget Minka --example 12`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        concept = opened.concepts.forget(name, example or ())
    if as_json:
        from vidsearch.service.concept_schemas import ConceptSchema

        console.say_json(ConceptSchema.of(concept))
    elif example:
        console.note(f"{concept.name} has {_examples(concept.num_for, concept.num_against)} now.")
    else:
        console.note(f"Forgot {concept.name} ({_examples(concept.num_for, concept.num_against)}).")


def export(
    output: Annotated[Path, typer.Argument(help="File to write, JSON.")],
    name: Annotated[
        list[str] | None, typer.Option(help="Export only this concept. Repeatable. [default: all]")
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Export concepts to a file for other libraries, with their pictures and vectors.

    Example: `vidsearch concepts export ours.json --name Minka`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        count = opened.concepts.export(output, name or (), overwrite=overwrite)
    if as_json:
        console.say_json({"path": str(output), "num_concepts": count})
        return
    console.note(f"Wrote {counted(count, 'concept')} to {console.shown_path(output)}")


def import_concepts(
    file: Annotated[Path, typer.Argument(help="A file written by `vidsearch concepts export`.")],
    adds: Annotated[
        bool, typer.Option("--add", help="Add the examples to existing concepts of the same name.")
    ] = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Import concepts exported from another library.

    Example: `vidsearch concepts import ours.json`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        loaded = opened.concepts.load(file, adds=adds)
    if as_json:
        from vidsearch.service.concept_schemas import TaughtSchema

        console.say_json([TaughtSchema.of(each) for each in loaded])
        return
    for each in loaded:
        verb = "Taught" if each.is_new else "Added to"
        console.say(f"{verb} {each.concept.name}: {counted(each.num_changed, 'new example')}.")


def _print_checks(checks: list[Check]) -> None:
    for check in checks:
        if not check.left_out:
            console.note(
                "Add examples of other moments to check whether they agree; one alone cannot be checked."
            )
            continue
        console.note(
            f"Check with {check.model}: each example is left out in turn and looked for by the others; "
            f"{check.num_found} of {len(check.left_out)} rank in the top 1% of all frames."
        )


def _examples(num_for: int, num_against: int) -> str:
    return counted(num_for, "example") + (f" and {num_against} against" if num_against else "")


def _versions(example: ConceptExample) -> str:
    if example.until_version is None:
        return f"from {example.since_version}"
    return f"{example.since_version} to {example.until_version - 1}"
