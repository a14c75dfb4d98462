"""What a command imports before its answer: the price of each start, which grows with each import.

`python -X importtime -m vidsearch ...` says what an import takes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from vidsearch.cli.commands import LazyCommands, summaries
from vidsearch.cli.plain_values import pass_plain_values

HELP = {
    "rich", "pydantic", "msgspec", "attr", "pygments", "markdown_it", "numpy", "faiss", "onnxruntime",
    "sqlite3", "hashlib", "logging", "vidsearch.types", "vidsearch.cli.search", "vidsearch.service",
}  # fmt: skip
SEARCH = {
    "rich", "pydantic", "msgspec", "attr", "torch", "transformers", "onnx", "cv2", "av", "PIL", "faiss",
    "psutil", "filelock", "psycopg", "sqlite_utils", "huggingface_hub", "safetensors", "scipy", "asyncio",
    "numpy.random", "numpy.ma", "numpy.fft", "numpy.polynomial", "importlib.metadata", "multiprocessing",
    "html",
    "vidsearch.ingest", "vidsearch.captions", "vidsearch.cli.index", "vidsearch.models.mini.captioner",
    "vidsearch.store.approximate", "vidsearch.store.postgres.catalog",
}  # fmt: skip


def imported(*words: object) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import sys\n"
        "from vidsearch.__main__ import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('modules:', *sys.modules)\n"
    )
    command = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_imports_little():
    modules = imported("--help")

    assert modules & HELP == set()
    assert len(modules) <= 180


def test_a_search_imports_what_it_needs(sample_folder):
    modules = imported("search", "a cat", "-n", 3, "--library", sample_folder)

    assert modules & SEARCH == set()
    assert len(modules) <= 430


def test_the_list_of_commands_says_what_each_says_of_itself():
    """The list has a copy of each summary, so that help need not load the command."""
    said = {
        name: " ".join(command.help.partition("\n\n")[0].split()) for name, command in LazyCommands().items()
    }

    assert said == summaries()


def _shown(
    words: Annotated[str, typer.Argument()],
    library: Annotated[Path, typer.Option(parser=Path)] = Path("index"),
    count: Annotated[int, typer.Option(min=1, max=20)] = 10,
    least: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    more: Annotated[list[str] | None, typer.Option()] = None,
    ids: Annotated[list[int] | None, typer.Option()] = None,
    mode: Annotated[Literal["auto", "visual"], typer.Option()] = "auto",
    folder: Annotated[Path | None, typer.Option()] = None,
    is_json: Annotated[bool, typer.Option("--json")] = False,
    open_it: Annotated[bool, typer.Option("--open/--no-open")] = True,
) -> None:
    print(words, library, count, least, more, ids, mode, folder, is_json, open_it)


@pytest.mark.parametrize(
    "line",
    [
        "cat",
        "cat --library a/b --count 3 --least 0.5 --more a --more b --ids 1 --ids 2 --mode visual --json",
        "cat --count 007 --least 1 --folder x --no-open",
        "cat --least -0 --ids -3",
        "cat --count 1_0",
        "cat --count 0",
        "cat --count 21",
        "cat --count 2.0",
        "cat --count ٣",
        "cat --least 1e-3",
        "cat --least nan",
        "cat --least 1.01",
        "cat --mode AUTO",
        "cat --ids x",
        "cat --more",
        "",
    ],
)
def test_plain_values_pass_as_those_that_typer_checks(line, capsys):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(_shown)
    its_own, passing = typer.main.get_command(app), typer.main.get_command(app)
    pass_plain_values(passing)

    def outcome(command):
        with pytest.raises(SystemExit) as end:
            command.main(line.split(), prog_name="shown")
        return end.value.code, capsys.readouterr()

    assert outcome(passing) == outcome(its_own)
