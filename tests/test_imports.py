"""Imports point one way: no circle, none from a lower layer to a higher one, none hidden in a function."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "vidsearch"
LAYERS = (
    {"errors", "types", "tracks", "times", "text", "ngrams", "outputs", "paths", "addresses", "samples"},
    {"media", "models"},
    {"store"},
    {"concepts"},
    {"ingest", "search"},
    {"captions", "labels", "bench", "evaluation"},
    {"service"},
    {"web", "api"},
    {"mcp"},
    {"cli"},
)
"""A part may import itself, and whatever is in the layers before its own."""
MAX_LINES = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports of the package, in functions too, but for what is imported for types alone."""
    modules = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        tree = ast.parse(path.read_text())
        for_types = {
            id(node)
            for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test)
            for node in ast.walk(branch)
        }
        asked: set[str] = set()
        for node in ast.walk(tree):
            if id(node) in for_types:
                continue
            if isinstance(node, ast.Import):
                asked |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                asked |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[name] = {other for other in asked if other in modules and other != name}
    return found


def part(module: str) -> str | None:
    """The part of the package that a module belongs to; None for the package itself."""
    names = module.split(".")
    return names[1] if len(names) > 1 and names[1] != "__main__" else None


def test_every_part_has_a_layer():
    parts = {part(module) for module in imports()} - {None}
    assert parts == set().union(*LAYERS)


def test_no_import_points_up_or_sideways():
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    wrong = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if (mine := part(module)) is not None
        and (theirs := part(other)) is not None
        and mine != theirs
        and level[theirs] >= max(level[mine], 1)
    ]
    assert wrong == []


def test_there_is_no_circle():
    """A module that none of the rest imports is in no circle: such are taken away until none is left."""
    left = {module: set(others) for module, others in imports().items()}
    while True:
        imported = set().union(*left.values())
        free = [module for module in left if module not in imported or not left[module]]
        if not free:
            break
        for module in free:
            del left[module]
        for others in left.values():
            others.difference_update(free)
    assert left == {}


def test_a_module_is_read_in_one_sitting():
    long = {
        module_name(path): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}
