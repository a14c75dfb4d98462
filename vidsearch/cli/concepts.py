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
    group = typer.Typer(
        no_args_is_help=True, help="What this library was taught: list, look at, forget, take elsewhere."
    )
    group.command("list")(list_concepts)
    group.command()(show)
    group.command()(forget)
    group.command()(export)
    group.command("import")(import_concepts)
    app.add_typer(group, name="concepts")


def teach(
    name: Annotated[str, typer.Argument(help="What you call it: Minka, our press.")],
    examples: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="EXAMPLE",
            help="What shows it: a moment cat.mp4@5, a frame '#231', a picture file. Repeatable.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--not", metavar="EXAMPLE", help="What does not show it, but may be taken for it."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option("--means", metavar="WORDS", help='What it is, in words anyone would use: "a grey cat".'),
    ] = None,
    is_new: Annotated[bool, typer.Option("--new", help="Refuse a name that is taken.")] = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Teach the library what you call something, by examples. The name then works in every search.

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
    """List what this library was taught.

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
        console.note("Nothing was taught yet. Begin with: vidsearch teach NAME --from VIDEO@TIME")
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
        Path | None, options.output_option(metavar="DIR", help="Write the examples' pictures there.")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Show a concept: its examples by version, and how well they agree.

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
        typer.Option(metavar="ID", help="Only this example, by its number in `concepts show`. Repeatable."),
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
        list[str] | None, typer.Option(help="Only this concept. Repeatable. [default: all]")
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Write concepts to a file that any other library imports, with their pictures and vectors.

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
    file: Annotated[Path, typer.Argument(help="File that `concepts export` wrote.")],
    adds: Annotated[
        bool, typer.Option("--add", help="Add the examples to concepts of the same name.")
    ] = False,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Import concepts that another library exported.

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
                "One picture cannot vouch for itself: give examples of other moments to see if they agree."
            )
            continue
        console.note(
            f"Left out one at a time, {check.num_found} of {len(check.left_out)} are among the best "
            f"hundredth of all frames by the others ({check.model})."
        )


def _examples(num_for: int, num_against: int) -> str:
    return counted(num_for, "example") + (f" and {num_against} against" if num_against else "")


def _versions(example: ConceptExample) -> str:
    if example.until_version is None:
        return f"from {example.since_version}"
    return f"{example.since_version} to {example.until_version - 1}"
